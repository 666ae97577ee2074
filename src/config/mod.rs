//! What the user wrote, checked.
pub mod values;
