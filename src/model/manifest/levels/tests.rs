use super::*;
use crate::manifest::{Colour, Resize, onnx_file::OperatorSetProto};

/// Fields that [`ModelProto`] and [`GraphProto`] do not know: doc_string, and a number.
const UNKNOWN_TO_MODEL: [u8; 5] = [0x32, 1, b'x', 0x28, 7];
const UNKNOWN_TO_GRAPH: [u8; 3] = [0x52, 1, b'y'];

fn input(layout: Layout) -> Input {
    Input {
        name: "image".into(),
        layout,
        width: 6,
        height: 4,
        colour: Colour::Bgr,
        resize: Resize::Antialias,
        mean: [1.0, 2.0, 3.0],
        std: [4.0, 4.0, 4.0],
    }
}

/// A file with such an input, and what else is in a file.
fn file(given: ValueInfoProto, opset: i64) -> Bytes {
    let node = NodeProto {
        inputs: vec!["image".into()],
        op_type: "Relu".into(),
        ..Default::default()
    };
    let graph = GraphProto {
        nodes: vec![node],
        inputs: vec![ValueInfoProto::with_lengths("other", FLOAT, &[1]), given],
        initializers: vec![TensorProto {
            raw_data: vec![1; 300].into(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut graph = graph.encode_to_vec();
    graph.extend(UNKNOWN_TO_GRAPH);
    let opset = OperatorSetProto {
        version: opset,
        ..Default::default()
    };
    let set = ModelProto {
        opsets: vec![opset],
        ..Default::default()
    };
    let mut file = UNKNOWN_TO_MODEL.to_vec();
    encode_key(GRAPH_OF_MODEL, WireType::LengthDelimited, &mut file);
    encode_varint(graph.len() as u64, &mut file);
    file.extend(graph);
    file.extend(set.encode_to_vec());
    file.into()
}

fn front(onnx: &Bytes, input: &Input) -> Front {
    Front::of(&ModelProto::read(onnx).unwrap(), onnx, input)
}

fn operators(onnx: &Bytes) -> Vec<String> {
    let graph = ModelProto::read(onnx).unwrap().graph.unwrap();
    let names = graph.nodes.into_iter().map(|node| node.op_type);
    names.filter(|name| name != "Constant").collect()
}

#[test]
fn the_operators_are_those_that_the_manifest_asks_for() {
    let (nchw, nhwc) = ([0, 3, 4, 6], [0, 4, 6, 3]);
    for (numbers, layout, lengths, expected) in [
        (FLOAT, Layout::Nchw, nchw, "Cast Sub Mul Relu"),
        (FLOAT, Layout::Nhwc, nhwc, "Cast Sub Mul Transpose Relu"),
        (FLOAT16, Layout::Nchw, nchw, "Cast Sub Mul Cast Relu"),
        (UINT8, Layout::Nhwc, nhwc, "Transpose Relu"),
        (UINT8, Layout::Nchw, nchw, "Relu"),
    ] {
        let front = front(
            &file(ValueInfoProto::with_lengths("image", numbers, &lengths), 13),
            &input(layout),
        );
        assert_eq!(operators(&front.onnx).join(" "), expected);
        assert_eq!(front.input.layout, Layout::Nchw);
        assert_eq!(front.is_of_bytes, numbers == UINT8);
        assert_eq!(front.input.colour, Colour::Bgr);
    }
    let plain = Input {
        mean: [0.0; 3],
        std: [1.0; 3],
        ..input(Layout::Nchw)
    };
    let front = front(
        &file(ValueInfoProto::with_lengths("image", FLOAT, &nchw), 13),
        &plain,
    );
    assert_eq!(operators(&front.onnx), ["Cast", "Relu"]);
}

#[test]
fn the_input_has_the_batch_of_the_one_before_and_its_last_operator_feeds_the_graph() {
    for batch in [0, 5] {
        // A height that the graph leaves free is the manifest's.
        let onnx = file(
            ValueInfoProto::with_lengths("image", FLOAT, &[batch, 0, 6, 3]),
            13,
        );
        let graph = ModelProto::read(&front(&onnx, &input(Layout::Nhwc)).onnx);
        let graph = graph.unwrap().graph.unwrap();
        let mut inputs = graph.inputs.iter();
        let levels = inputs.find(|input| input.name == LEVELS).unwrap();
        assert_eq!(
            levels,
            &ValueInfoProto::with_lengths(LEVELS, UINT8, &[batch, 3, 4, 6])
        );
        assert!(graph.inputs.iter().all(|input| input.name != "image"));
        assert!(graph.inputs.iter().any(|input| input.name == "other"));
        let feeds = graph.nodes.iter().filter(|node| node.outputs == ["image"]);
        let feeds: Vec<_> = feeds.map(|node| node.op_type.as_str()).collect();
        assert_eq!(feeds, ["Transpose"]);
    }
}

#[test]
fn everything_else_in_the_file_stays_as_it_is() {
    let given = ValueInfoProto::with_lengths("image", FLOAT, &[0, 3, 4, 6]);
    let old = file(given.clone(), 13);
    let new = front(&old, &input(Layout::Nchw)).onnx;
    let parts = |onnx: &Bytes| {
        let (graph, others): (Vec<_>, Vec<_>) = fields(onnx)
            .unwrap()
            .into_iter()
            .partition(|field| field.tag == GRAPH_OF_MODEL);
        let others: Vec<Bytes> = others.into_iter().map(|field| field.whole).collect();
        (graph[0].content.clone(), others)
    };
    let ((old, old_others), (new, new_others)) = (parts(&old), parts(&new));
    assert_eq!(old_others, new_others);
    assert_eq!(new_others.len(), 3);
    let given = given.encode_to_vec();
    let kept = fields(&old).unwrap().into_iter();
    let kept: Vec<u8> = kept
        .filter(|field| field.content != given)
        .flat_map(|field| field.whole)
        .collect();
    assert!(kept.len() > 300 && kept.ends_with(&UNKNOWN_TO_GRAPH));
    assert!(new.ends_with(&kept));
}

#[test]
fn a_graph_that_does_not_fit_stays_alone() {
    const INT64: i32 = 7;
    let nchw = [0, 3, 4, 6];
    for (given, opset) in [
        (ValueInfoProto::with_lengths("picture", FLOAT, &nchw), 13),
        (ValueInfoProto::with_lengths("image", INT64, &nchw), 13),
        (
            ValueInfoProto::with_lengths("image", FLOAT, &[0, 3, 6, 4]),
            13,
        ),
        (ValueInfoProto::with_lengths("image", FLOAT, &[0, 3, 4]), 13),
        (ValueInfoProto::with_lengths("image", FLOAT, &[]), 13),
        (ValueInfoProto::with_lengths("image", FLOAT, &nchw), 6),
    ] {
        let (onnx, input) = (file(given, opset), input(Layout::Nchw));
        let front = front(&onnx, &input);
        assert_eq!((front.onnx, front.input), (onnx, input));
    }
    // Protobuf merges two graphs into one.
    let given = ValueInfoProto::with_lengths("image", FLOAT, &nchw);
    let twice: Bytes = [file(given.clone(), 13), file(given, 13)].concat().into();
    assert_eq!(front(&twice, &input(Layout::Nchw)).onnx, twice);
}

#[test]
fn a_number_for_all_channels_stands_once() {
    let onnx = file(
        ValueInfoProto::with_lengths("image", FLOAT, &[0, 3, 4, 6]),
        13,
    );
    let graph = ModelProto::read(&front(&onnx, &input(Layout::Nchw)).onnx);
    let nodes = graph.unwrap().graph.unwrap().nodes;
    let constants = nodes.iter().flat_map(|node| &node.attributes);
    let constants: Vec<_> = constants.filter_map(|one| one.tensor.as_ref()).collect();
    let numbers = |tensor: &TensorProto| {
        let (numbers, _) = tensor.raw_data.as_chunks::<4>();
        numbers.iter().map(|&n| f32::from_le_bytes(n)).collect()
    };
    let found: Vec<(&[i64], Vec<f32>)> = constants
        .into_iter()
        .map(|tensor| (tensor.lengths.as_slice(), numbers(tensor)))
        .collect();
    assert_eq!(
        found,
        [(&[1, 3, 1, 1][..], vec![1.0, 2.0, 3.0]), (&[], vec![0.25])]
    );
}
