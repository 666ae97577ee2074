//! What models are worth against labels.

#![forbid(unsafe_code)]

pub mod evaluate;
