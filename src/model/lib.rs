//! From the bytes of a face crop to an estimate: images decoded, levels prepared, ONNX Runtime asked.
//!
//! ```text
//! decode ─▶ prepare ─▶ infer
//!  Crop      levels     Estimate
//! ```
//! `manifest` says what a model folder holds.

pub mod decode;
pub mod infer;
pub mod manifest;
pub mod prepare;
