//! A first manifest from what a graph says of itself. Pure.
//!
//! A graph does not say what its numbers mean, so much is guessed. Each guess is marked, for a person to check.

use std::fmt::Write;

/// What a graph says of one input or output: a length below 0 is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlet {
    pub name: String,
    pub shape: Vec<i64>,
    pub is_bytes: bool,
}

/// Inputs and outputs of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    pub inputs: Vec<Outlet>,
    pub outputs: Vec<Outlet>,
}

/// Stands behind every guess.
const GUESS: &str = "# guessed: check this";
/// The size where the graph leaves it free.
const SIDE: i64 = 112;

/// The manifest's text; `file` and `sha256` are those of the net. Says in words what it cannot write.
pub fn manifest(graph: &Graph, (file, sha256): (&str, &str)) -> Result<String, String> {
    let [input] = graph.inputs.as_slice() else {
        return Err(format!(
            "the graph has {} inputs; only one is supported: the image",
            graph.inputs.len()
        ));
    };
    let heads: Vec<String> = graph.outputs.iter().flat_map(heads).collect();
    if heads.is_empty() {
        return Err(
            "no output looks like age, gender or ethnicity: write its [[net.head]] by hand".into(),
        );
    }
    let name = file.trim_end_matches(".onnx");
    let mut text = format!(
        "version = 1\nname = {name:?}\nlicence = \"proprietary\"  {GUESS}\ncommercial_use = false  {GUESS}\n\
         card = \"CARD.md\"\n\n[[net]]\nfile = {file:?}\nsha256 = {sha256:?}\n\n"
    );
    text.push_str(&image(input)?);
    for head in heads {
        text.push('\n');
        text.push_str(&head);
    }
    Ok(text)
}

fn image(input: &Outlet) -> Result<String, String> {
    let (layout, [height, width]) = match *input.shape.as_slice() {
        [_, 3, height, width] => ("nchw", [height, width]),
        [_, height, width, 3] => ("nhwc", [height, width]),
        _ => {
            return Err(format!(
                "the input {:?} has the shape {:?}, which is not a batch of images",
                input.name, input.shape
            ));
        }
    };
    let side = |length: i64| match length > 0 {
        true => format!("{length}"),
        false => format!("{SIDE}  {GUESS}: the graph takes any"),
    };
    let mut text = format!(
        "[net.input]\nname = {:?}\nlayout = {layout:?}\nwidth = {}\nheight = {}\n",
        input.name,
        side(width),
        side(height)
    );
    let std = match input.is_bytes {
        true => "std = [1.0, 1.0, 1.0]\n".to_owned(),
        false => format!("std = [255.0, 255.0, 255.0]  {GUESS}: value = (pixel - mean) / std\n"),
    };
    write!(
        text,
        "colour = \"rgb\"  {GUESS}: or bgr, as OpenCV reads\nresize = \"antialias\"  {GUESS}: or bilinear, as OpenCV\n\
         mean = [0.0, 0.0, 0.0]  {GUESS}\n{std}"
    )
    .expect("a string can be written");
    Ok(text)
}

/// The heads that an output of this name and width likely holds.
fn heads(output: &Outlet) -> Vec<String> {
    let width: i64 = output.shape.iter().skip(1).product();
    let name = output.name.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let classes = |attribute: &str, labels: &[&str], first: &str| {
        format!(
            "[[net.head]]\nattribute = {attribute:?}  {GUESS}\nkind = \"softmax\"\noutput = {:?}\n{first}activation = \
             \"logits\"  {GUESS}: or probabilities\nlabels = {labels:?}  {GUESS}: the order\n",
            output.name
        )
    };
    let age = |first: &str| {
        format!(
            "[[net.head]]\nattribute = \"age\"  {GUESS}\nkind = \"regression\"\noutput = {:?}\n{first}scale = 1.0  {GUESS}: \
             100.0 where the net says 0.31 for 31 years\n",
            output.name
        )
    };
    let genders = ["female", "male"];
    match width {
        1 if says(&["gender", "sex"]) => vec![format!(
            "[[net.head]]\nattribute = \"gender\"  {GUESS}\nkind = \"sigmoid\"\noutput = {:?}\nactivation = \"probabilities\"  \
             {GUESS}: or logits\nlabels = {genders:?}  {GUESS}: the number is for the second\n",
            output.name
        )],
        1 => vec![age("")],
        2 => vec![classes("gender", &genders, "")],
        3 => vec![
            classes("gender", &genders, &format!("first = 0  {GUESS}\n")),
            age(&format!("first = 2  {GUESS}\n")),
        ],
        5 => vec![classes(
            "ethnicity",
            &["white", "black", "asian", "indian", "other"],
            "",
        )],
        7 => vec![classes(
            "ethnicity",
            &[
                "white",
                "black",
                "latino_hispanic",
                "east_asian",
                "southeast_asian",
                "indian",
                "middle_eastern",
            ],
            "",
        )],
        50.. => {
            let ages: Vec<f64> = (0..width).map(|age| age as f64).collect();
            vec![format!(
                "[[net.head]]\nattribute = \"age\"\nkind = \"age_distribution\"\noutput = {:?}\nactivation = \"logits\"  {GUESS}: \
                 or probabilities\nages = {ages:?}  {GUESS}\n",
                output.name
            )]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    fn outlet(name: &str, shape: &[i64]) -> Outlet {
        Outlet {
            name: name.into(),
            shape: shape.to_vec(),
            is_bytes: false,
        }
    }

    fn drafted(input: &[i64], outputs: &[(&str, i64)]) -> Result<String, String> {
        let graph = Graph {
            inputs: vec![outlet("image", input)],
            outputs: outputs
                .iter()
                .map(|&(name, width)| outlet(name, &[-1, width]))
                .collect(),
        };
        manifest(&graph, ("m.onnx", &"0".repeat(64)))
    }

    #[test]
    fn a_draft_is_a_manifest_and_marks_its_guesses() {
        for outputs in [
            &[("fc1", 3)][..],
            &[("gender", 1), ("age", 101)],
            &[("a", 2), ("b", 1), ("c", 7)],
            &[("race", 5)],
        ] {
            let text = drafted(&[-1, 3, 64, 64], outputs).unwrap();
            let manifest =
                Manifest::parse(&text).unwrap_or_else(|faults| panic!("{faults}\n{text}"));
            assert_eq!(manifest.nets[0].input.width, 64);
            assert!(text.matches(GUESS).count() >= 5, "{text}");
        }
        let free = drafted(&[-1, -1, -1, 3], &[("a", 2)]).unwrap();
        assert!(free.contains("layout = \"nhwc\"") && free.contains("the graph takes any"));
    }

    #[test]
    fn what_cannot_be_described_is_said() {
        assert!(
            drafted(&[-1, 10], &[("a", 2)])
                .unwrap_err()
                .contains("not a batch of images")
        );
        assert!(
            drafted(&[-1, 3, 8, 8], &[("boxes", 4)])
                .unwrap_err()
                .contains("by hand")
        );
    }
}
