//! Denormal weights: numbers so small that they change nothing but can make a net ten times slower. Pure.
//!
//! ONNX Runtime's own option (`session.set_denormal_as_zero`) does not replace this: it takes effect in the first session
//! of a process only, and only in the thread that opened it. Measured with 1.26 on the CPU with one thread a session.

use bytes::Bytes;

use super::onnx_file::{FLOAT, ModelProto, TensorProto};

/// Where the denormal weights of an ONNX file lie.
pub(crate) fn find(model: &ModelProto, onnx: &Bytes) -> Vec<usize> {
    let tensors = model.graph.iter().flat_map(|graph| &graph.initializers);
    let is_float = |tensor: &&TensorProto| tensor.data_type == FLOAT;
    tensors
        .filter(is_float)
        .flat_map(|tensor| denormals_of(&tensor.raw_data, onnx))
        .collect()
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
pub(crate) fn flush(onnx: &Bytes, places: &[usize]) -> Bytes {
    let mut flushed = onnx.to_vec();
    for &place in places {
        flushed[place..place + 4].fill(0);
    }
    flushed.into()
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::manifest::onnx_file::GraphProto;

    fn find(onnx: &Bytes) -> Vec<usize> {
        super::find(&ModelProto::read(onnx).unwrap(), onnx)
    }

    fn onnx(weights: &[f32]) -> Bytes {
        let raw_data: Vec<u8> = weights
            .iter()
            .flat_map(|weight| weight.to_le_bytes())
            .collect();
        let tensor = TensorProto {
            data_type: FLOAT,
            raw_data: raw_data.into(),
            ..Default::default()
        };
        let graph = GraphProto {
            initializers: vec![tensor.clone(), tensor],
            ..Default::default()
        };
        let model = ModelProto {
            graph: Some(graph),
            ..Default::default()
        };
        model.encode_to_vec().into()
    }

    #[test]
    fn denormal_weights_are_found_and_set_to_zero_and_nothing_else_changes() {
        let slow = onnx(&[1.0, 1e-40, 0.0, -1e-39, f32::MIN_POSITIVE]);
        let places = find(&slow);
        assert_eq!(places.len(), 4);
        let flushed = flush(&slow, &places);
        assert!(find(&flushed).is_empty());
        assert_eq!(flushed, onnx(&[1.0, 0.0, 0.0, 0.0, f32::MIN_POSITIVE]));
    }

    #[test]
    fn a_tensor_without_raw_bytes_has_no_place_in_the_file() {
        assert!(find(&onnx(&[])).is_empty());
    }

    #[test]
    fn bytes_that_are_no_onnx_are_an_error_or_empty_never_a_panic() {
        assert!(ModelProto::read(&Bytes::from_static(b"\xFF\xFF\xFF")).is_err());
        assert!(find(&Bytes::new()).is_empty());
    }
}
