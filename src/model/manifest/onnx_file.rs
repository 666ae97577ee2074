//! The parts of an ONNX file that demograph looks into itself; the rest is skipped. Field numbers are those of onnx.proto.
//! Pure.

use bytes::Bytes;
use prost::Message;

/// ONNX's codes for kinds of numbers.
pub(crate) const FLOAT: i32 = 1;
pub(crate) const UINT8: i32 = 2;
pub(crate) const FLOAT16: i32 = 10;

/// ONNX's code for weights that lie in another file.
const EXTERNAL: i32 = 1;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ModelProto {
    /// Of the format. Only tests write whole files.
    #[cfg(test)]
    #[prost(int64, tag = "1")]
    pub version: i64,
    #[prost(message, optional, tag = "7")]
    pub graph: Option<GraphProto>,
    #[prost(message, repeated, tag = "8")]
    pub opsets: Vec<OperatorSetProto>,
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<NodeProto>,
    #[cfg(test)]
    #[prost(string, tag = "2")]
    pub name: String,
    #[prost(message, repeated, tag = "5")]
    pub initializers: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub inputs: Vec<ValueInfoProto>,
    /// Only tests ask for them: a session says what its outputs are.
    #[cfg(test)]
    #[prost(message, repeated, tag = "12")]
    pub outputs: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "15")]
    pub sparse_initializers: Vec<SparseTensorProto>,
}

/// The version of the operators of a domain.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct OperatorSetProto {
    /// Empty for ONNX's own operators.
    #[prost(string, tag = "1")]
    pub domain: String,
    #[prost(int64, tag = "2")]
    pub version: i64,
}

/// An input or output: its name, and what kind of tensor it is.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ValueInfoProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(message, optional, tag = "2")]
    pub kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TypeProto {
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorTypeProto {
    #[prost(int32, tag = "1")]
    pub numbers: i32,
    #[prost(message, optional, tag = "2")]
    pub shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    pub lengths: Vec<LengthProto>,
}

/// A length, or the name of one that is free.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct LengthProto {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
}

impl LengthProto {
    pub fn fixed(length: i64) -> Self {
        Self {
            value: Some(length),
            name: None,
        }
    }

    /// Any length; those of one name are equal.
    #[cfg(test)]
    pub fn free(name: &str) -> Self {
        Self {
            value: None,
            name: Some(name.into()),
        }
    }
}

impl ValueInfoProto {
    /// A tensor of such numbers and lengths.
    pub fn of(name: &str, numbers: i32, lengths: Vec<LengthProto>) -> Self {
        let tensor = TensorTypeProto {
            numbers,
            shape: Some(ShapeProto { lengths }),
        };
        Self {
            name: name.into(),
            kind: Some(TypeProto {
                tensor: Some(tensor),
            }),
        }
    }

    /// The same; a length of 0 is free.
    #[cfg(test)]
    pub fn with_lengths(name: &str, numbers: i32, lengths: &[i64]) -> Self {
        let length = |&length: &i64| match length {
            0 => LengthProto::free("n"),
            _ => LengthProto::fixed(length),
        };
        Self::of(name, numbers, lengths.iter().map(length).collect())
    }
}

/// What a file calls its outputs.
#[cfg(test)]
pub(crate) fn output_names(onnx: &[u8]) -> Vec<String> {
    let model = ModelProto::decode(onnx).expect("an ONNX file");
    let outputs = model.graph.expect("a graph").outputs;
    outputs.into_iter().map(|output| output.name).collect()
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct FunctionProto {
    #[prost(message, repeated, tag = "7")]
    pub nodes: Vec<NodeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    #[prost(string, tag = "4")]
    pub op_type: String,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<AttributeProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AttributeProto {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int64, tag = "3")]
    pub integer: i64,
    #[prost(message, optional, tag = "5")]
    pub tensor: Option<TensorProto>,
    #[prost(message, optional, tag = "6")]
    pub graph: Option<GraphProto>,
    #[prost(int64, repeated, packed = "false", tag = "8")]
    pub integers: Vec<i64>,
    #[prost(message, repeated, tag = "10")]
    pub tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    pub graphs: Vec<GraphProto>,
    #[prost(int32, tag = "20")]
    pub kind: i32,
    #[prost(message, optional, tag = "22")]
    pub sparse_tensor: Option<SparseTensorProto>,
    #[prost(message, repeated, tag = "23")]
    pub sparse_tensors: Vec<SparseTensorProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SparseTensorProto {
    #[prost(message, optional, tag = "1")]
    pub values: Option<TensorProto>,
    #[prost(message, optional, tag = "2")]
    pub indices: Option<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    #[prost(int64, repeated, packed = "false", tag = "1")]
    pub lengths: Vec<i64>,
    #[prost(int32, tag = "2")]
    pub data_type: i32,
    #[cfg(test)]
    #[prost(string, tag = "8")]
    pub name: String,
    /// A slice of the file's own bytes: its address says where in the file it lies.
    #[prost(bytes = "bytes", tag = "9")]
    pub raw_data: Bytes,
    #[prost(message, repeated, tag = "13")]
    pub external_data: Vec<EntryProto>,
    #[prost(int32, tag = "14")]
    pub data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct EntryProto {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

impl ModelProto {
    pub fn read(onnx: &Bytes) -> Result<Self, prost::DecodeError> {
        Self::decode(onnx.clone())
    }

    #[cfg(test)]
    pub fn write(&self) -> Bytes {
        self.encode_to_vec().into()
    }

    /// Whether it is quantised with a scale that each batch chooses anew, so that a crop's answer depends a little on the
    /// others.
    pub fn scales_by_batch(&self) -> bool {
        let nodes = self.graph.iter().flat_map(|graph| &graph.nodes);
        let of_functions = self.functions.iter().flat_map(|function| &function.nodes);
        nodes
            .chain(of_functions)
            .any(|node| node.op_type.starts_with("DynamicQuantize"))
    }

    /// The name of another file that the graph would read weights from, if there is one.
    pub fn external_file(&self) -> Option<String> {
        let functions = self.functions.iter().map(|function| &function.nodes);
        let of_functions = functions.flatten().find_map(NodeProto::external_file);
        let of_graph = || self.graph.as_ref().and_then(GraphProto::external_file);
        of_functions.or_else(of_graph)
    }
}

impl GraphProto {
    fn external_file(&self) -> Option<String> {
        let sparse = self.sparse_initializers.iter();
        let tensors = self
            .initializers
            .iter()
            .chain(sparse.flat_map(SparseTensorProto::parts));
        let of_tensors = tensors.into_iter().find_map(TensorProto::external_file);
        of_tensors.or_else(|| self.nodes.iter().find_map(NodeProto::external_file))
    }
}

impl NodeProto {
    fn external_file(&self) -> Option<String> {
        self.attributes.iter().find_map(|attribute| {
            let sparse = attribute
                .sparse_tensors
                .iter()
                .chain(&attribute.sparse_tensor);
            let tensors = attribute.tensors.iter().chain(&attribute.tensor);
            let mut tensors = tensors.chain(sparse.flat_map(SparseTensorProto::parts));
            let mut graphs = attribute.graphs.iter().chain(&attribute.graph);
            let of_tensors = tensors.find_map(TensorProto::external_file);
            of_tensors.or_else(|| graphs.find_map(GraphProto::external_file))
        })
    }
}

impl SparseTensorProto {
    fn parts(&self) -> impl Iterator<Item = &TensorProto> {
        self.values.iter().chain(&self.indices)
    }
}

impl TensorProto {
    fn external_file(&self) -> Option<String> {
        if self.data_location != EXTERNAL && self.external_data.is_empty() {
            return None;
        }
        let location = self
            .external_data
            .iter()
            .find(|entry| entry.key == "location");
        Some(location.map_or_else(String::new, |entry| entry.value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside() -> TensorProto {
        TensorProto {
            data_location: EXTERNAL,
            external_data: vec![EntryProto {
                key: "location".into(),
                value: "m.onnx.data".into(),
            }],
            ..Default::default()
        }
    }

    fn graph(initializers: Vec<TensorProto>, nodes: Vec<NodeProto>) -> GraphProto {
        GraphProto {
            initializers,
            nodes,
            ..Default::default()
        }
    }

    #[test]
    fn weights_in_another_file_are_found_wherever_they_hide() {
        let attribute = |attribute| NodeProto {
            attributes: vec![attribute],
            ..Default::default()
        };
        let tensor = attribute(AttributeProto {
            tensor: Some(outside()),
            ..Default::default()
        });
        let branch = attribute(AttributeProto {
            graph: Some(graph(vec![outside()], vec![])),
            ..Default::default()
        });
        let sparse = GraphProto {
            sparse_initializers: vec![SparseTensorProto {
                values: Some(outside()),
                indices: None,
            }],
            ..Default::default()
        };
        for (graph, functions) in [
            (
                graph(vec![TensorProto::default(), outside()], vec![]),
                vec![],
            ),
            (graph(vec![], vec![tensor.clone()]), vec![]),
            (graph(vec![], vec![branch]), vec![]),
            (sparse, vec![]),
            (
                graph(vec![], vec![]),
                vec![FunctionProto {
                    nodes: vec![tensor],
                }],
            ),
        ] {
            let model = ModelProto {
                graph: Some(graph),
                functions,
                ..Default::default()
            };
            let onnx: Bytes = model.encode_to_vec().into();
            let found = ModelProto::read(&onnx).unwrap().external_file();
            assert_eq!(found.as_deref(), Some("m.onnx.data"));
        }
        let inside = graph(vec![TensorProto::default()], vec![]);
        let model = ModelProto {
            graph: Some(inside),
            ..Default::default()
        };
        assert_eq!(model.external_file(), None);
    }
}
