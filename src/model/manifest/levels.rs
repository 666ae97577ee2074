//! Operators in front of a graph that let it take levels: bytes of 0..=255, one plane a colour, as crops are prepared. They
//! do what the manifest says of mean, std and layout. So a GPU is sent a quarter of the bytes. Pure.
//!
//! Promises: the graph behind them stays byte for byte as it was; a graph that does not fit the manifest stays alone, so
//! that the session's check says why.

use bytes::Bytes;
use prost::{
    DecodeError, Message,
    encoding::{
        DecodeContext, WireType, decode_key, decode_varint, encode_key, encode_varint, skip_field,
    },
};

use super::{
    Input, Layout,
    onnx_file::{
        AttributeProto, FLOAT, FLOAT16, GraphProto, LengthProto, ModelProto, NodeProto,
        TensorProto, UINT8, ValueInfoProto,
    },
};

/// The name of the new input; the graph behind it keeps its own.
const LEVELS: &str = "demograph.levels";
/// From this version on operators stretch a number over a tensor.
const OPSET_MIN: i64 = 7;
/// Places of fields in onnx.proto.
const GRAPH_OF_MODEL: u32 = 7;
const INPUT_OF_GRAPH: u32 = 11;
/// ONNX's codes for kinds of attributes.
const INTEGER: i32 = 2;
const TENSOR: i32 = 4;
const INTEGERS: i32 = 7;

/// A net with what stands in front of it.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub onnx: Bytes,
    /// The input as the session has it.
    pub input: Input,
    /// The net took bytes before, which it normalises itself.
    pub is_of_bytes: bool,
    /// The file says that a batch may be of any size.
    pub is_batch_free: bool,
}

impl Front {
    /// Puts them in front, where the graph is as the manifest says.
    pub fn of(model: &ModelProto, onnx: &Bytes, input: &Input) -> Self {
        let given = Given::of(model, input);
        let is_of_bytes = given.as_ref().is_some_and(|given| given.numbers == UINT8);
        let mut alone = Self {
            onnx: onnx.clone(),
            input: input.clone(),
            is_of_bytes,
            is_batch_free: given
                .as_ref()
                .is_some_and(|given| given.batch.value.is_none()),
        };
        let Some(given) = given else { return alone };
        if is_of_bytes && input.layout == Layout::Nchw {
            return alone;
        }
        if let Ok(Some(onnx)) = replace(onnx, &given.front(input), &input.name) {
            alone.onnx = onnx;
            alone.input.name = LEVELS.into();
            alone.input.layout = Layout::Nchw;
        }
        alone
    }
}

/// What the graph takes.
struct Given {
    numbers: i32,
    batch: LengthProto,
}

impl Given {
    /// None where operators cannot be put in front, or the manifest does not fit.
    fn of(model: &ModelProto, input: &Input) -> Option<Self> {
        let is_onnx = |domain: &str| matches!(domain, "" | "ai.onnx");
        let opset = model.opsets.iter().find(|set| is_onnx(&set.domain))?;
        let given = model.graph.iter().flat_map(|graph| &graph.inputs);
        let given = given.into_iter().find(|given| given.name == input.name)?;
        let tensor = given.kind.as_ref()?.tensor.as_ref()?;
        let [batch, image @ ..] = tensor.shape.as_ref()?.lengths.as_slice() else {
            return None;
        };
        let (width, height) = (i64::from(input.width), i64::from(input.height));
        let expected = match input.layout {
            Layout::Nchw => [3, height, width],
            Layout::Nhwc => [height, width, 3],
        };
        let mut pairs = image.iter().zip(expected);
        let fits = image.len() == expected.len()
            && pairs.all(|(given, length)| given.value.is_none_or(|value| value == length));
        let is_known = matches!(tensor.numbers, FLOAT | FLOAT16 | UINT8);
        (fits && is_known && opset.version >= OPSET_MIN).then(|| Self {
            numbers: tensor.numbers,
            batch: batch.clone(),
        })
    }

    /// The operators, and the input that they have.
    fn front(&self, input: &Input) -> GraphProto {
        let mut chain = Chain {
            nodes: Vec::new(),
            last: LEVELS.into(),
        };
        if self.numbers != UINT8 {
            chain.add("Cast", &[], vec![integer("to", FLOAT.into())]);
            if input.mean != [0.0; 3] {
                let mean = chain.constant(input.mean);
                chain.add("Sub", &[mean], Vec::new());
            }
            if input.std != [1.0; 3] {
                let scale = chain.constant(input.std.map(|std| 1.0 / std));
                chain.add("Mul", &[scale], Vec::new());
            }
        }
        if self.numbers == FLOAT16 {
            chain.add("Cast", &[], vec![integer("to", FLOAT16.into())]);
        }
        if input.layout == Layout::Nhwc {
            let order = AttributeProto {
                name: "perm".into(),
                integers: vec![0, 2, 3, 1],
                kind: INTEGERS,
                ..Default::default()
            };
            chain.add("Transpose", &[], vec![order]);
        }
        if let Some(last) = chain.nodes.last_mut() {
            last.outputs = vec![input.name.clone()];
        }
        GraphProto {
            nodes: chain.nodes,
            inputs: vec![self.levels(input)],
            ..Default::default()
        }
    }

    fn levels(&self, input: &Input) -> ValueInfoProto {
        let image = [3, input.height, input.width].map(|length| LengthProto::fixed(length.into()));
        let lengths = std::iter::once(self.batch.clone()).chain(image);
        ValueInfoProto::of(LEVELS, UINT8, lengths.collect())
    }
}

/// Operators that follow one another.
struct Chain {
    nodes: Vec<NodeProto>,
    /// What the last of them gives.
    last: String,
}

impl Chain {
    fn add(&mut self, operator: &str, constants: &[String], attributes: Vec<AttributeProto>) {
        let output = self.name();
        let input = std::mem::replace(&mut self.last, output);
        let inputs = std::iter::once(input).chain(constants.iter().cloned());
        self.nodes.push(NodeProto {
            inputs: inputs.collect(),
            outputs: vec![self.last.clone()],
            op_type: operator.into(),
            attributes,
        });
    }

    /// A number for each channel, or one for all.
    fn constant(&mut self, numbers: [f32; 3]) -> String {
        let is_one = numbers == [numbers[0]; 3];
        let (lengths, numbers) = match is_one {
            true => (Vec::new(), &numbers[..1]),
            false => (vec![1, 3, 1, 1], &numbers[..]),
        };
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
        let tensor = TensorProto {
            lengths,
            data_type: FLOAT,
            raw_data: bytes.into(),
            ..Default::default()
        };
        let value = AttributeProto {
            name: "value".into(),
            tensor: Some(tensor),
            kind: TENSOR,
            ..Default::default()
        };
        let name = self.name();
        // A node, not an initializer: old files list each initializer among the inputs.
        self.nodes.push(NodeProto {
            outputs: vec![name.clone()],
            op_type: "Constant".into(),
            attributes: vec![value],
            ..Default::default()
        });
        name
    }

    /// That of the next node's output.
    fn name(&self) -> String {
        format!("{LEVELS}.{}", self.nodes.len())
    }
}

fn integer(name: &str, integer: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        integer,
        kind: INTEGER,
        ..Default::default()
    }
}

/// The file with other operators before its own, and their input in place of this one. None where it has not one graph.
fn replace(onnx: &Bytes, front: &GraphProto, input: &str) -> Result<Option<Bytes>, DecodeError> {
    let fields = fields(onnx)?;
    let mut graphs = fields.iter().filter(|field| field.tag == GRAPH_OF_MODEL);
    let (Some(old), None) = (graphs.next(), graphs.next()) else {
        return Ok(None);
    };
    let mut graph = front.encode_to_vec();
    graph.reserve(old.content.len());
    for field in self::fields(&old.content)? {
        let is_old =
            field.tag == INPUT_OF_GRAPH && ValueInfoProto::decode(field.content)?.name == input;
        if !is_old {
            graph.extend_from_slice(&field.whole);
        }
    }
    let mut file = Vec::with_capacity(onnx.len() + graph.len() - old.content.len() + 16);
    for field in &fields {
        if field.tag == GRAPH_OF_MODEL {
            encode_key(GRAPH_OF_MODEL, WireType::LengthDelimited, &mut file);
            encode_varint(graph.len() as u64, &mut file);
            file.extend_from_slice(&graph);
        } else {
            file.extend_from_slice(&field.whole);
        }
    }
    Ok(Some(file.into()))
}

/// A field as it lies in its message, known or not.
struct Field {
    tag: u32,
    whole: Bytes,
    /// Empty where it is a number.
    content: Bytes,
}

fn fields(message: &Bytes) -> Result<Vec<Field>, DecodeError> {
    let (mut rest, mut fields) = (message.clone(), Vec::new());
    while !rest.is_empty() {
        let begin = rest.clone();
        let (tag, wire_type) = decode_key(&mut rest)?;
        let mut content = rest.clone();
        skip_field(wire_type, tag, &mut rest, DecodeContext::default())?;
        content = match wire_type {
            WireType::LengthDelimited => {
                let length = decode_varint(&mut content)? as usize;
                content.slice(..length)
            }
            _ => Bytes::new(),
        };
        let whole = begin.slice(..begin.len() - rest.len());
        fields.push(Field {
            tag,
            whole,
            content,
        });
    }
    Ok(fields)
}

#[cfg(test)]
mod tests;
