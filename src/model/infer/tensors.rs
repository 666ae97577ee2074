//! A net that takes one tensor of any size and gives numbers: for nets that estimate nothing, such as a face detector.
//!
//! Promises: the net has the input and the outputs that its user names, else it does not open.

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use ort::{
    session::Session,
    value::{Outlet, TensorElementType, TensorRef, ValueType},
};

use super::{InferenceSettings, session::Opened};

/// Four dimensions: batch, channels, height, width.
const RANK: usize = 4;

/// A loaded net. One instance belongs to one thread.
pub struct TensorNet {
    opened: Opened,
    input: String,
    outputs: Vec<String>,
}

impl TensorNet {
    /// Opens the net, and looks whether its only input takes 32-bit floats in four dimensions and its outputs have these
    /// names.
    pub fn open(
        onnx: &Bytes,
        outputs: &[String],
        settings: &InferenceSettings,
    ) -> anyhow::Result<Self> {
        let opened = Opened::new(onnx, None, settings)?;
        let input = only_input(&opened.session)?;
        let given: Vec<&str> = opened.session.outputs().iter().map(Outlet::name).collect();
        for output in outputs {
            ensure!(
                given.contains(&output.as_str()),
                "the net has no output {output:?}; it has {given:?}"
            );
        }
        Ok(Self {
            input,
            outputs: outputs.to_vec(),
            opened,
        })
    }

    /// The numbers of each output, in the order in which they were named.
    pub fn run(&mut self, shape: [usize; RANK], numbers: &[f32]) -> anyhow::Result<Vec<Vec<f32>>> {
        let shape = shape.map(|side| side as i64);
        let tensor = TensorRef::from_array_view((shape, numbers))?;
        let given = self
            .opened
            .session
            .run(ort::inputs![self.input.as_str() => tensor])?;
        let numbers = |name: &String| {
            let (_, numbers) = given[name.as_str()]
                .try_extract_tensor::<f32>()
                .with_context(|| format!("output {name:?}"))?;
            Ok(numbers.to_vec())
        };
        self.outputs.iter().map(numbers).collect()
    }
}

fn only_input(session: &Session) -> anyhow::Result<String> {
    let [input] = session.inputs() else {
        bail!("the net has {} inputs, not one", session.inputs().len());
    };
    match input.dtype() {
        ValueType::Tensor {
            ty: TensorElementType::Float32,
            shape,
            ..
        } if shape.len() == RANK => Ok(input.name().to_owned()),
        other => bail!(
            "the input {:?} is {other:?}, not 32-bit floats in four dimensions",
            input.name()
        ),
    }
}
