//! What a graph takes: levels reach it as its manifest says, whatever it wants. The same answers as from numbers that were
//! normalised before; small graphs of every kind, made here, against numbers computed by hand.

use bytes::Bytes;

use super::*;
use crate::{
    manifest::{
        Layout,
        onnx_file::{
            AttributeProto, FLOAT, FLOAT16, GraphProto, ModelProto, NodeProto, OperatorSetProto,
            TensorProto, UINT8, ValueInfoProto,
        },
    },
    prepare::Preparer,
};

/// Not square, so that no dimension passes for another.
const WIDTH: usize = 6;
const HEIGHT: usize = 4;
const NUMBERS: usize = 3 * WIDTH * HEIGHT;
const MEAN: [f32; 3] = [120.0, 110.5, 100.25];
const STD: [f32; 3] = [50.0, 64.0, 75.0];
/// Answers of the very same numbers may differ by this.
const DIFFERENCE_MAX: f32 = 1e-5;

/// A graph: the image as one row, times weights that differ by place, is the gender's logits.
#[derive(Clone, Copy, Debug)]
struct Kind {
    takes: i32,
    gives: i32,
    layout: Layout,
    /// 0: free.
    batch: i64,
    heads: Heads,
    opset: i64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Heads {
    Softmax,
    /// The first logit alone is of the second label.
    Sigmoid,
    /// The first logit is the age: years = logit * 10 + 40.
    Regression,
}

/// The weight of a level for a logit.
fn weight(channel: usize, at: usize, logit: usize) -> f32 {
    ((channel * 7 + at * 3 + logit * 11) % 13) as f32 / 130.0 - 0.05
}

impl Kind {
    fn logits(self) -> usize {
        match self.heads {
            Heads::Softmax => 2,
            Heads::Sigmoid | Heads::Regression => 1,
        }
    }

    fn file(self) -> Bytes {
        let node = |op_type: &str, inputs: [&str; 2], output: &str, to: i32| {
            let cast = AttributeProto {
                name: "to".into(),
                integer: to.into(),
                kind: 2,
                ..Default::default()
            };
            let inputs = inputs.into_iter().filter(|name| !name.is_empty());
            NodeProto {
                inputs: inputs.map(Into::into).collect(),
                outputs: vec![output.into()],
                op_type: op_type.into(),
                attributes: if to == 0 { vec![] } else { vec![cast] },
            }
        };
        let nodes = vec![
            node("Cast", ["image", ""], "numbers", FLOAT),
            node("Flatten", ["numbers", ""], "row", 0),
            node("MatMul", ["row", "weights"], "logits", 0),
            node("Cast", ["logits", ""], "out", self.gives),
        ];
        let channels = 0..3;
        let weights: Vec<f32> = (0..NUMBERS)
            .flat_map(|number| {
                let (channel, at) = match self.layout {
                    Layout::Nchw => (number / (WIDTH * HEIGHT), number % (WIDTH * HEIGHT)),
                    Layout::Nhwc => (number % channels.len(), number / channels.len()),
                };
                (0..self.logits()).map(move |logit| weight(channel, at, logit))
            })
            .collect();
        let weights = TensorProto {
            name: "weights".into(),
            lengths: vec![NUMBERS as i64, self.logits() as i64],
            data_type: FLOAT,
            raw_data: weights
                .into_iter()
                .flat_map(f32::to_le_bytes)
                .collect::<Vec<_>>()
                .into(),
            ..Default::default()
        };
        let (width, height) = (WIDTH as i64, HEIGHT as i64);
        let image = match self.layout {
            Layout::Nchw => [self.batch, 3, height, width],
            Layout::Nhwc => [self.batch, height, width, 3],
        };
        let graph = GraphProto {
            name: "g".into(),
            nodes,
            initializers: vec![weights],
            inputs: vec![ValueInfoProto::with_lengths("image", self.takes, &image)],
            outputs: vec![ValueInfoProto::with_lengths(
                "out",
                self.gives,
                &[self.batch, self.logits() as i64],
            )],
            ..Default::default()
        };
        let model = ModelProto {
            version: 8,
            graph: Some(graph),
            opsets: vec![OperatorSetProto {
                version: self.opset,
                ..Default::default()
            }],
            ..Default::default()
        };
        model.write()
    }

    fn open(self) -> anyhow::Result<OnnxModel> {
        let folder = tempfile::tempdir()?;
        let onnx = self.file();
        std::fs::write(folder.path().join("m.onnx"), &onnx)?;
        let head = match self.heads {
            Heads::Softmax => {
                "attribute='gender'\nkind='softmax'\nactivation='logits'\nlabels=['a', 'b']"
            }
            Heads::Sigmoid => {
                "attribute='gender'\nkind='sigmoid'\nactivation='logits'\nlabels=['a', 'b']"
            }
            Heads::Regression => "attribute='age'\nkind='regression'\nscale=10.0\noffset=40.0",
        };
        let layout = format!("{:?}", self.layout).to_lowercase();
        let manifest = format!(
            "version=1\nname='t'\nlicence='x'\ncommercial_use=true\ncard='C'\n[[net]]\nfile='m.onnx'\nsha256='{}'\n\
             [net.input]\nname='image'\nlayout='{layout}'\nwidth={WIDTH}\nheight={HEIGHT}\ncolour='bgr'\n\
             resize='antialias'\nmean={MEAN:?}\nstd={STD:?}\n[[net.head]]\noutput='out'\n{head}\n",
            sha256(&onnx)
        );
        std::fs::write(folder.path().join("manifest.toml"), manifest)?;
        let settings = InferenceSettings::default();
        OnnxModel::load(&ModelFiles::read(folder.path(), &settings)?, &settings)
    }

    /// The logits that the graph must give for pixels of RGB.
    fn expected(self, rgb: &[u8]) -> Vec<f64> {
        let logit = |logit| {
            let numbers = rgb.iter().enumerate().map(|(number, &level)| {
                // The net wants blue first.
                let (channel, at) = (2 - number % 3, number / 3);
                let level = f64::from(level);
                let number = match self.takes {
                    UINT8 => level,
                    _ => (level - f64::from(MEAN[channel])) / f64::from(STD[channel]),
                };
                number * f64::from(weight(channel, at, logit))
            });
            numbers.sum()
        };
        (0..self.logits()).map(logit).collect()
    }
}

/// A picture of the net's own size.
fn picture(seed: usize) -> Vec<u8> {
    // Dark, so that a graph that takes the levels as they are is not saturated.
    (0..NUMBERS)
        .map(|n| ((n * n * 31 + n * 17 + seed * 101) % 64) as u8)
        .collect()
}

fn check(kind: Kind) {
    let mut model = kind
        .open()
        .unwrap_or_else(|error| panic!("{kind:?}: {error:#}"));
    let pictures: Vec<Vec<u8>> = (0..5).map(picture).collect();
    let size = (WIDTH as u32, HEIGHT as u32);
    let crops: Vec<Crop> = pictures
        .iter()
        .map(|rgb| Crop::from_rgb(size, rgb, all()))
        .collect();
    let is_half = kind.takes == FLOAT16 || kind.gives == FLOAT16;
    let close = if is_half { 3e-3 } else { 1e-5 };
    let mut said = Vec::new();
    for (rgb, estimate) in pictures.iter().zip(answers(&mut model, &crops)) {
        let logits = kind.expected(rgb);
        let (got, expected) = match kind.heads {
            Heads::Softmax => (
                estimate.gender.unwrap().0[1],
                1.0 / (1.0 + (logits[0] - logits[1]).exp()),
            ),
            Heads::Sigmoid => (
                estimate.gender.unwrap().0[1],
                1.0 / (1.0 + (-logits[0]).exp()),
            ),
            Heads::Regression => (
                estimate.age.unwrap().mean() / 100.0,
                (logits[0] * 10.0 + 40.0).clamp(0.0, 120.0) / 100.0,
            ),
        };
        assert!(
            (f64::from(got) - expected).abs() < close,
            "{kind:?}: {got}, not {expected}"
        );
        said.push(got);
    }
    // Saturated answers would be right whatever the graph was given.
    let apart = |pair: &[f32]| (pair[0] - pair[1]).abs() > 0.005;
    assert!(said.windows(2).any(apart), "{kind:?}: {said:?}");
}

#[test]
fn every_kind_of_input_output_and_batch_gives_the_right_numbers() {
    let kind = Kind {
        takes: FLOAT,
        gives: FLOAT,
        layout: Layout::Nchw,
        batch: 0,
        heads: Heads::Softmax,
        opset: 13,
    };
    for layout in [Layout::Nchw, Layout::Nhwc] {
        for takes in [FLOAT, FLOAT16, UINT8] {
            for gives in [FLOAT, FLOAT16] {
                for batch in [0, 1, 4] {
                    check(Kind {
                        takes,
                        gives,
                        layout,
                        batch,
                        ..kind
                    });
                }
            }
        }
        for heads in [Heads::Sigmoid, Heads::Regression] {
            check(Kind {
                layout,
                heads,
                ..kind
            });
        }
    }
}

#[test]
fn shipped_nets_answer_as_they_do_to_numbers_that_were_normalised_before() {
    for (name, precision) in [
        ("research-small", PrecisionChoice::Fp32),
        ("fairface-small", PrecisionChoice::Fp32),
        ("age-gender-cc0", PrecisionChoice::Fp32),
        ("research-small", PrecisionChoice::Int8),
        ("fairface-small", PrecisionChoice::Int8),
    ] {
        let settings = InferenceSettings {
            precision,
            ..Default::default()
        };
        let folder = repository("models").join(name);
        let files = ModelFiles::read(&folder, &settings).unwrap();
        let mut model = OnnxModel::load(&files, &settings).unwrap();
        let crops: Vec<Crop> = composites(all())
            .into_iter()
            .step_by(9)
            .map(|(crop, _)| crop)
            .collect();
        let with_levels = answers(&mut model, &crops);
        let with_numbers = normalised_before(&folder, &files, &crops);
        let mut largest = 0.0f32;
        for (one, other) in with_levels.iter().zip(&with_numbers) {
            for attribute in Attribute::ALL {
                let numbers = |estimate| super::super::self_test::numbers(estimate, attribute);
                let pairs = numbers(one).into_iter().flatten();
                let pairs = pairs.zip(numbers(other).into_iter().flatten());
                largest = pairs.map(|(a, b)| (a - b).abs()).fold(largest, f32::max);
            }
        }
        println!("{name} {precision:?}: {largest} over {} crops", crops.len());
        let allowed = match precision {
            PrecisionChoice::Int8 => files.manifest.self_test_tolerance.int8,
            _ => DIFFERENCE_MAX,
        };
        assert!(crops.len() > 10 && largest <= allowed, "{name}: {largest}");
    }
}

/// The answers of the files as they are, asked with floats.
fn normalised_before(folder: &Path, files: &ModelFiles, crops: &[Crop]) -> Vec<Estimate> {
    let mut estimates = vec![Estimate::default(); crops.len()];
    for file in &files.nets {
        let onnx = std::fs::read(folder.join(&file.net.file)).unwrap().into();
        let outputs: Vec<String> = file.net.heads.iter().map(|h| h.output.clone()).collect();
        let mut net = TensorNet::open(&onnx, &outputs, &InferenceSettings::default()).unwrap();
        let input = &file.net.input;
        let mut preparer = Preparer::new(input.into());
        let mut levels = vec![0; preparer.levels()];
        for (crop, estimate) in crops.iter().zip(&mut estimates) {
            preparer.write(crop, &mut levels);
            assert_eq!(input.layout, Layout::Nchw);
            let plane = levels.len() / 3;
            let number = |(at, &level): (usize, &u8)| {
                (f32::from(level) - input.mean[at / plane]) * (1.0 / input.std[at / plane])
            };
            let numbers: Vec<f32> = levels.iter().enumerate().map(number).collect();
            let shape = [1, 3, input.height as usize, input.width as usize];
            let rows = net.run(shape, &numbers).unwrap();
            for (head, row) in file.net.heads.iter().zip(rows) {
                let reader = super::super::heads::Reader::new(head);
                reader.read(&row, estimate).unwrap();
            }
        }
    }
    estimates
}

#[test]
fn a_graph_that_nothing_can_be_put_in_front_of_is_refused_with_what_to_do() {
    let old = Kind {
        takes: FLOAT,
        gives: FLOAT,
        layout: Layout::Nchw,
        batch: 0,
        heads: Heads::Softmax,
        opset: 6,
    };
    let said = format!("{:#}", old.open().err().expect("operators of opset 6"));
    assert!(
        said.contains("opset 7") && said.contains("convert_version"),
        "{said}"
    );
}
