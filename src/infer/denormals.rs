//! Denormal weights: numbers so small that they change nothing but can make a net ten times slower. Pure.

use bytes::Bytes;
use prost::Message;

/// ONNX's code for 32-bit floats.
const FLOAT: i32 = 1;

/// The parts of an ONNX file that hold weights; prost skips the rest. Field numbers are those of onnx.proto.
#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "5")]
    initializers: Vec<TensorProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int32, tag = "2")]
    data_type: i32,
    /// A slice of the file's own bytes: its address says where in the file it lies.
    #[prost(bytes = "bytes", tag = "9")]
    raw_data: Bytes,
}

/// Where the denormal weights of an ONNX file lie.
pub(super) fn find(onnx: &Bytes) -> Result<Vec<usize>, prost::DecodeError> {
    let model = ModelProto::decode(onnx.clone())?;
    let tensors = model
        .graph
        .map_or_else(Vec::new, |graph| graph.initializers);
    let floats = tensors.iter().filter(|tensor| tensor.data_type == FLOAT);
    Ok(floats
        .flat_map(|tensor| denormals_of(&tensor.raw_data, onnx))
        .collect())
}

fn denormals_of(weights: &Bytes, onnx: &Bytes) -> Vec<usize> {
    if weights.is_empty() {
        // Some writers keep scalars in another field; these bytes then lie nowhere in the file.
        return Vec::new();
    }
    let begin = weights.as_ptr() as usize - onnx.as_ptr() as usize;
    let (chunks, _) = weights.as_chunks::<4>();
    chunks
        .iter()
        .enumerate()
        .filter(|(_, chunk)| f32::from_le_bytes(**chunk).is_subnormal())
        .map(|(n, _)| begin + 4 * n)
        .collect()
}

/// Sets the weights at these places to zero.
pub(super) fn flush(onnx: &Bytes, places: &[usize]) -> Bytes {
    let mut flushed = onnx.to_vec();
    for &place in places {
        flushed[place..place + 4].fill(0);
    }
    flushed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onnx(weights: &[f32]) -> Bytes {
        let raw_data: Vec<u8> = weights
            .iter()
            .flat_map(|weight| weight.to_le_bytes())
            .collect();
        let tensor = TensorProto {
            data_type: FLOAT,
            raw_data: raw_data.into(),
        };
        let graph = GraphProto {
            initializers: vec![tensor.clone(), tensor],
        };
        ModelProto { graph: Some(graph) }.encode_to_vec().into()
    }

    #[test]
    fn denormal_weights_are_found_and_set_to_zero_and_nothing_else_changes() {
        let slow = onnx(&[1.0, 1e-40, 0.0, -1e-39, f32::MIN_POSITIVE]);
        let places = find(&slow).unwrap();
        assert_eq!(places.len(), 4);
        let flushed = flush(&slow, &places);
        assert!(find(&flushed).unwrap().is_empty());
        assert_eq!(flushed, onnx(&[1.0, 0.0, 0.0, 0.0, f32::MIN_POSITIVE]));
    }

    #[test]
    fn a_tensor_without_raw_bytes_has_no_place_in_the_file() {
        assert!(find(&onnx(&[])).unwrap().is_empty());
    }

    #[test]
    fn bytes_that_are_no_onnx_are_an_error_or_empty_never_a_panic() {
        assert!(find(&Bytes::from_static(b"\xFF\xFF\xFF")).is_err());
        assert!(find(&Bytes::new()).unwrap().is_empty());
    }
}
