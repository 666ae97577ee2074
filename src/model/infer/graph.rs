//! The graph of a net as the session tells it, held against the manifest.

use anyhow::{Context, bail, ensure};
use ort::{
    session::Session,
    value::{Outlet, TensorElementType, ValueType},
};

use crate::manifest::{Head, Input, Layout, draft};

/// Compares the graph with the manifest. The size of the batch, if the graph fixes it.
pub(super) fn check(
    session: &Session,
    wanted: &Input,
    heads: &[Head],
) -> anyhow::Result<Option<usize>> {
    let name = &wanted.name;
    let input = session
        .inputs()
        .iter()
        .find(|input| input.name() == name)
        .with_context(|| {
            format!(
                "input.name = {name:?}, but the inputs are {:?}",
                names(session.inputs())
            )
        })?;
    ensure!(
        session.inputs().len() == 1,
        "the net has several inputs: {:?}; one image is supported",
        names(session.inputs())
    );
    let (kind, dimensions) = tensor(input.dtype()).with_context(|| format!("input {name:?}"))?;
    ensure!(
        matches!(
            kind,
            TensorElementType::Float32 | TensorElementType::Float16 | TensorElementType::Uint8
        ),
        "input {name:?} takes {kind:?}; 32-bit and 16-bit floats and bytes are supported"
    );
    let expected = shape(wanted, 1);
    let fits = dimensions.len() == 4
        && dimensions
            .iter()
            .zip(expected)
            .skip(1)
            .all(|(&is, should)| is < 0 || is == should);
    ensure!(
        fits,
        "input {name:?} has the shape {dimensions:?}, the manifest says {expected:?} (batch aside): correct input.layout, \
         input.width or input.height",
    );
    ensure!(
        kind == TensorElementType::Uint8,
        "input {name:?}: no operators that normalise can be put in front of this graph: is it older than opset 7? Convert \
         it: python3 -c 'import onnx; onnx.save(onnx.version_converter.convert_version(onnx.load(\"old.onnx\"), 17), \"new.onnx\")'"
    );
    for head in heads {
        check_output(session, head)?;
    }
    Ok(usize::try_from(dimensions[0]).ok().filter(|&size| size > 0))
}

fn check_output(session: &Session, head: &Head) -> anyhow::Result<()> {
    let (attribute, name) = (head.attribute, &head.output);
    let output = session
        .outputs()
        .iter()
        .find(|output| output.name() == name)
        .with_context(|| {
            format!(
                "head {attribute}: output = {name:?}, but the outputs are {:?}",
                names(session.outputs())
            )
        })?;
    let (kind, shape) =
        tensor(output.dtype()).with_context(|| format!("head {attribute}: output {name:?}"))?;
    ensure!(
        matches!(
            kind,
            TensorElementType::Float32 | TensorElementType::Float16
        ),
        "head {attribute}: output {name:?} holds {kind:?}; 32-bit and 16-bit floats are supported"
    );
    let lengths: Option<Vec<usize>> = shape
        .iter()
        .skip(1)
        .map(|&length| usize::try_from(length).ok())
        .collect();
    match lengths {
        Some(lengths) => check_width(head, lengths.iter().product()),
        // The first run tells.
        None => Ok(()),
    }
}

/// What the graph says of its inputs and outputs.
pub(super) fn describe(session: &Session) -> anyhow::Result<draft::Graph> {
    let outlets = |outlets: &[Outlet]| -> anyhow::Result<Vec<draft::Outlet>> {
        let described = outlets.iter().map(|outlet| {
            let name = outlet.name().to_owned();
            let (kind, shape) = tensor(outlet.dtype()).with_context(|| format!("{name:?}"))?;
            Ok(draft::Outlet {
                name,
                shape,
                is_bytes: kind == TensorElementType::Uint8,
            })
        });
        described.collect()
    };
    Ok(draft::Graph {
        inputs: outlets(session.inputs())?,
        outputs: outlets(session.outputs())?,
    })
}

/// Whether a row of so many numbers has those of the head.
pub(super) fn check_width(head: &Head, width: usize) -> anyhow::Result<()> {
    let (attribute, name, numbers) = (head.attribute, &head.output, head.numbers());
    match head.first {
        None if width == 1 && head.labels.len() == 2 && numbers == 2 => bail!(
            "head {attribute}: output {name:?} gives one number a crop for two labels: if it is the probability of the second, \
             write kind = \"sigmoid\""
        ),
        None => ensure!(
            width == numbers,
            "head {attribute}: output {name:?} gives {width} numbers a crop, the manifest names {numbers}; where the \
             output holds those of several heads, say where each begins: first = 0"
        ),
        Some(first) => ensure!(
            first + numbers <= width,
            "head {attribute}: output {name:?} gives {width} numbers a crop, and the head's are {numbers} from first = {first}"
        ),
    }
    Ok(())
}

/// The shape of a batch of images.
pub(super) fn shape(input: &Input, batch: usize) -> [i64; 4] {
    let (width, height) = (i64::from(input.width), i64::from(input.height));
    match input.layout {
        Layout::Nchw => [batch as i64, 3, height, width],
        Layout::Nhwc => [batch as i64, height, width, 3],
    }
}

fn names(outlets: &[Outlet]) -> Vec<&str> {
    outlets.iter().map(Outlet::name).collect()
}

fn tensor(value: &ValueType) -> anyhow::Result<(TensorElementType, Vec<i64>)> {
    match value {
        ValueType::Tensor { ty, shape, .. } => Ok((*ty, shape.to_vec())),
        other => bail!("is {other:?}; tensors are supported"),
    }
}
