//! Everything that talks to Kafka; the only user of rdkafka. `describe` and `tls` hold its unsafe code.
//!
//! Promises: no offset is committed but on request; rebalances surface as values of [`Polled`], so that
//! the caller drains before a partition goes away; what the user configured is handed on as it is.

mod admin;
mod client;
mod consumer;
mod context;
mod copy;
mod describe;
mod embedded;
mod probe;
mod producer;
mod tls;
mod trouble;

pub use admin::{Admin, TopicSettings};
pub use consumer::{Consumer, Polled, Wait};
pub use embedded::EmbeddedBroker;
pub use probe::probe;
pub use producer::{Offered, Producer};
pub use trouble::{Cause, Trouble};
