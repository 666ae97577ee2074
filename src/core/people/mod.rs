//! People by hour: how many were in the released windows of each source lately.

mod crowd;
mod source;

pub use crowd::Crowd;
pub use source::{Newest, People};
