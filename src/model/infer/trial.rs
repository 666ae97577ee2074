//! A model's first crops, made of noise: whether a crop has the same answer alone and among others, and whether the
//! numbers look like what the manifest calls them. Pure.
//!
//! A graph whose output is laid out otherwise, or which mixes the crops of a batch, gives wrong answers without a word: it is
//! refused here. Numbers that only look odd are warnings, which name the field and the likely mistake.

use anyhow::{Context, bail};
use demograph_core::record::{Attribute, Crop, Estimate};

use super::{Answer, NoAnswer, heads::Reader, self_test};
use crate::manifest::{Activation, Head, Kind, Net};

/// How many crops are tried: in a batch of two a mean is halfway between both.
pub(super) const CROPS: usize = 3;

/// Answers of one crop may differ so much by the batch: kernels round otherwise.
const DIFFERENCE_MAX: f32 = 0.03;
/// The same where the scale of int8 is chosen anew for each batch.
const DIFFERENCE_SCALED_MAX: f32 = 0.15;

/// By how much probabilities may miss 1.
const SUM_ERROR_MAX: f32 = 0.02;
/// Ages of noise below this, in years, are more likely hundredths of an age.
const AGE_FRACTION_MAX: f32 = 1.5;
/// Ages outside of this are none.
const AGES: std::ops::RangeInclusive<f32> = -10.0..=130.0;

/// Crops of the net's own size that differ as much as crops can: dark red, mid green, bright blue noise.
pub(super) fn crops(net: &Net) -> Vec<Crop> {
    let (width, height) = (net.input.width, net.input.height);
    let mut state = 1u32;
    let mut noise = |low: u32, span: u32| {
        // Numerical Recipes' generator: any noise does, and it is the same at every start.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (low + (state >> 16) % span) as u8
    };
    let levels = [
        [(60, 60), (0, 20), (0, 20)],
        [(40, 80), (120, 80), (40, 80)],
        [(180, 60), (190, 60), (215, 40)],
    ];
    assert_eq!(levels.len(), CROPS);
    levels
        .into_iter()
        .map(|channels| {
            let pixels =
                (0..width * height).flat_map(|_| channels.map(|(low, span)| noise(low, span)));
            let pixels: Vec<u8> = pixels.collect();
            Crop::from_rgb(
                (width, height),
                &pixels,
                Attribute::ALL.into_iter().collect(),
            )
        })
        .collect()
}

/// Refuses a net whose answer for a crop depends on the other crops.
pub(super) fn compare(
    file: &str,
    scales_by_batch: bool,
    together: &[Answer],
    alone: &[Answer],
) -> anyhow::Result<()> {
    let difference_max = match scales_by_batch {
        true => DIFFERENCE_SCALED_MAX,
        false => DIFFERENCE_MAX,
    };
    for (one, other) in together.iter().zip(alone) {
        let answer = |answer: &Answer| -> Result<Estimate, NoAnswer> { answer.clone() };
        let context = || format!("{file}: a crop of noise");
        let (one, other) = (
            answer(one).with_context(context)?,
            answer(other).with_context(context)?,
        );
        for attribute in Attribute::ALL {
            let numbers = |estimate| self_test::numbers(estimate, attribute).unwrap_or_default();
            let differences = numbers(&one).into_iter().zip(numbers(&other));
            let largest = differences.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if largest > difference_max {
                bail!(
                    "{file}: {attribute} of a crop differs by {largest:.2} when it stands in a batch with others: the \
                     graph mixes the crops of a batch (BatchNormalization in training mode, a mean over the batch) or its \
                     output is laid out otherwise than [batch, classes]. Export it in evaluation mode with a free batch \
                     as the first dimension, or with the batch fixed to 1"
                );
            }
        }
    }
    Ok(())
}

/// What looks wrong in the rows of a head's output, one a crop.
pub(super) fn warnings(head: &Head, rows: &[&[f32]]) -> Vec<String> {
    let reader = Reader::new(head);
    let rows: Vec<&[f32]> = rows.iter().map(|row| reader.of(row)).collect();
    let at = format!("head {}", head.attribute);
    let output = &head.output;
    let are_parts = rows
        .iter()
        .all(|row| row.iter().all(|p| (-1e-3..=1.0 + 1e-3).contains(p)));
    let error = |row: &&[f32]| (row.iter().sum::<f32>() - 1.0).abs();
    let sum_error = rows.iter().map(error).fold(0.0, f32::max);
    let activation = head.activation.unwrap_or(Activation::Logits);
    let many = matches!(head.kind, Kind::Softmax | Kind::AgeDistribution);
    let mut said = Vec::new();
    let is_constant = |pair: &[&[f32]]| {
        let pairs = pair[0].iter().zip(pair[1]);
        pairs
            .into_iter()
            .all(|(a, b)| (a - b).abs() <= 1e-6 * a.abs().max(1.0))
    };
    if rows.len() > 1 && rows.windows(2).all(is_constant) {
        said.push(format!(
            "{at}: output {output:?} gives the same numbers for dark red, green and bright blue crops: does it see the image? \
             Look at the input's mean and std, and at the export"
        ));
    }
    match (head.kind, activation) {
        (Kind::Regression, _) => said.extend(odd_ages(&reader, head, &rows)),
        (_, Activation::Probabilities) if !are_parts || (many && sum_error > SUM_ERROR_MAX) => {
            said.push(format!(
                "{at}: activation = \"probabilities\", but output {output:?} gives numbers that are none (they lie outside \
                 of 0 to 1 or do not add up to 1): is it \"logits\"?"
            ));
        }
        (_, Activation::Logits) if are_parts && many && sum_error < 1e-3 => said.push(format!(
            "{at}: activation = \"logits\", but output {output:?} adds up to 1 already: a softmax would be applied twice. \
             Is it \"probabilities\"?"
        )),
        _ => {}
    }
    said
}

fn odd_ages(reader: &Reader, head: &Head, rows: &[&[f32]]) -> Option<String> {
    let years: Vec<f32> = rows.iter().map(|row| reader.year(row[0])).collect();
    let (at, output) = (format!("head {}", head.attribute), &head.output);
    if years
        .iter()
        .all(|years| (0.0..=AGE_FRACTION_MAX).contains(years))
    {
        return Some(format!(
            "{at}: output {output:?} gives noise ages of {years:?} years: if it is the age divided by 100, write scale = 100"
        ));
    }
    let is_odd = years.iter().any(|years| !AGES.contains(years));
    is_odd.then(|| {
        format!(
            "{at}: output {output:?} gives noise ages of {years:?} years: correct scale and offset, or the input's mean and std"
        )
    })
}

#[cfg(test)]
mod tests {
    use demograph_core::record::Posterior;

    use super::*;

    fn head(kind: &str, activation: Option<&str>) -> Head {
        let (attribute, labels) = match kind {
            "regression" => ("age", "[]"),
            _ => ("gender", "[\"female\", \"male\"]"),
        };
        let activation = activation.map_or(String::new(), |name| format!("activation = {name:?}"));
        toml::from_str(&format!(
            "attribute = {attribute:?}\nkind = {kind:?}\noutput = \"o\"\nlabels = {labels}\n{activation}"
        ))
        .unwrap()
    }

    fn said(head: &Head, rows: &[&[f32]]) -> String {
        warnings(head, rows).join("\n")
    }

    #[test]
    fn numbers_that_are_not_what_the_manifest_calls_them_are_warned_of() {
        let (logits, probabilities) = (Some("logits"), Some("probabilities"));
        let ready: [&[f32]; 2] = [&[0.25, 0.75], &[0.5, 0.5]];
        let raw: [&[f32]; 2] = [&[-3.0, 2.0], &[0.5, 0.5]];
        assert!(said(&head("softmax", logits), &ready).contains("twice"));
        let same: [&[f32]; 3] = [&[-3.0, 2.0]; 3];
        assert!(said(&head("softmax", logits), &same).contains("the same numbers"));
        assert!(said(&head("softmax", probabilities), &raw).contains("is it \"logits\""));
        assert!(said(&head("sigmoid", probabilities), &[&[1.7]]).contains("is it \"logits\""));
        assert!(said(&head("regression", None), &[&[0.3], &[0.4]]).contains("scale = 100"));
        assert!(said(&head("regression", None), &[&[400.0], &[40.0]]).contains("scale and offset"));
        for (head, rows) in [
            (head("softmax", probabilities), &ready[..]),
            (head("softmax", logits), &raw),
            (head("sigmoid", logits), &[&[1.7]]),
            (head("sigmoid", probabilities), &[&[0.7]]),
            (head("regression", None), &[&[31.0], &[0.5]]),
            (head("softmax", logits), &[&[1.0, 2.0]]),
        ] {
            assert_eq!(said(&head, rows), "", "{head:?}");
        }
    }

    #[test]
    fn an_answer_that_depends_on_the_batch_or_is_not_finite_is_refused() {
        let gender = |p: f32| {
            Ok(Estimate {
                gender: Some(Posterior(vec![p, 1.0 - p])),
                ..Default::default()
            })
        };
        let (plain, scaled) = (false, true);
        compare("m.onnx", plain, &[gender(0.5)], &[gender(0.51)]).unwrap();
        compare("m.onnx", scaled, &[gender(0.5)], &[gender(0.6)]).unwrap();
        compare("m.onnx", plain, &[gender(0.5)], &[gender(0.6)]).unwrap_err();
        let mixed = compare("m.onnx", scaled, &[gender(0.5)], &[gender(0.9)]).unwrap_err();
        assert!(mixed.to_string().contains("mixes the crops"), "{mixed}");
        compare("m.onnx", plain, &[gender(0.5)], &[Err(NoAnswer)]).unwrap_err();
    }
}
