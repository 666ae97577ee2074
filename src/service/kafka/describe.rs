//! Asks the brokers what a topic is: its id, its partitions, what we may do with it. rdkafka has no words for this
//! request, so this file speaks to librdkafka itself, in unsafe code.
//!
//! Promises: asking creates no topic, also where the broker creates topics by itself; what is taken from librdkafka is
//! given back once.

#![expect(unsafe_code, reason = "calls librdkafka where rdkafka has no wrapper")]
use std::{
    ffi::{CStr, CString, c_int},
    marker::PhantomData,
    time::Duration,
};

use anyhow::Context as _;
use rdkafka::{
    ClientContext, bindings as native, client::Client, error::RDKafkaErrorCode,
    types::RDKafkaRespErr,
};

use super::trouble::Trouble;

/// What the brokers say of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Description {
    /// Another one after the topic was made anew. None where the brokers are too old for it.
    pub id: Option<[u8; 16]>,
    pub partitions: usize,
    /// Whether we may read it; unknown where the brokers do not say.
    pub may_read: Option<bool>,
}

/// Whether the brokers are to say what we may do; old ones cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rights {
    Wanted,
    NotWanted,
}

/// A question that is under way. Lives no longer than its client.
pub(super) struct Question<'c> {
    queue: Owned<native::rd_kafka_queue_t>,
    client: PhantomData<&'c ()>,
}

/// Something of librdkafka's that is given back when dropped.
struct Owned<T> {
    pointer: *mut T,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> Self {
        assert!(!pointer.is_null(), "librdkafka aborts without memory");
        Self { pointer, free }
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` got the pointer and its destructor from librdkafka, and nobody else frees it.
        unsafe { (self.free)(self.pointer) }
    }
}

impl<'c> Question<'c> {
    /// Asks, also for what we may do with the topic if the rights are wanted. The answer comes to a queue of its own.
    pub(super) fn ask<C: ClientContext>(
        client: &'c Client<C>,
        topic: &str,
        rights: Rights,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        let name = CString::new(topic).context("kafka.topic holds a zero byte")?;
        let mut names = [name.as_ptr()];
        let millis = millis(timeout);
        let mut message = [0; 256];
        // SAFETY: the client lives as long as 'c. Every pointer is from the call above it or lives until the end of
        // this block; librdkafka copies names and options before DescribeTopics returns.
        unsafe {
            let client = client.native_ptr();
            let queue = Owned::new(
                native::rd_kafka_queue_new(client),
                native::rd_kafka_queue_destroy,
            );
            let options = Owned::new(
                native::rd_kafka_AdminOptions_new(
                    client,
                    native::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
                ),
                native::rd_kafka_AdminOptions_destroy,
            );
            native::rd_kafka_AdminOptions_set_request_timeout(
                options.pointer,
                millis,
                message.as_mut_ptr(),
                message.len(),
            );
            let refused = native::rd_kafka_AdminOptions_set_include_authorized_operations(
                options.pointer,
                c_int::from(rights == Rights::Wanted),
            );
            if !refused.is_null() {
                native::rd_kafka_error_destroy(refused);
            }
            let topics = Owned::new(
                native::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len()),
                native::rd_kafka_TopicCollection_destroy,
            );
            native::rd_kafka_DescribeTopics(client, topics.pointer, options.pointer, queue.pointer);
            Ok(Self {
                queue,
                client: PhantomData,
            })
        }
    }

    /// The answer, if it comes within this time.
    pub(super) fn answer(&self, timeout: Duration) -> Option<Result<Description, Trouble>> {
        // SAFETY: the queue and the event are alive until the end of this function; what is read from the event is
        // copied before it goes.
        unsafe {
            let event = native::rd_kafka_queue_poll(self.queue.pointer, millis(timeout));
            if event.is_null() {
                return None;
            }
            let event = Owned::new(event, native::rd_kafka_event_destroy);
            let code = native::rd_kafka_event_error(event.pointer);
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                let text = native::rd_kafka_event_error_string(event.pointer);
                return Some(Err(trouble(code, text)));
            }
            let result = native::rd_kafka_event_DescribeTopics_result(event.pointer);
            let mut count = 0;
            let topics = native::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            if topics.is_null() || count == 0 {
                let text = c"the answer names no topic".as_ptr();
                let code = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
                return Some(Err(trouble(code, text)));
            }
            Some(description(*topics))
        }
    }
}

/// # Safety
/// `topic` is a description that is alive.
unsafe fn description(
    topic: *const native::rd_kafka_TopicDescription_t,
) -> Result<Description, Trouble> {
    // SAFETY: the caller's promise holds for everything that the description lends.
    unsafe {
        let error = native::rd_kafka_TopicDescription_error(topic);
        if !error.is_null() {
            let code = native::rd_kafka_error_code(error);
            if code != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(trouble(code, native::rd_kafka_error_string(error)));
            }
        }
        let mut partitions = 0;
        native::rd_kafka_TopicDescription_partitions(topic, &mut partitions);
        let id = native::rd_kafka_TopicDescription_topic_id(topic);
        let id = (!id.is_null()).then(|| {
            let [high, low] = [
                native::rd_kafka_Uuid_most_significant_bits(id),
                native::rd_kafka_Uuid_least_significant_bits(id),
            ];
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&high.to_be_bytes());
            bytes[8..].copy_from_slice(&low.to_be_bytes());
            bytes
        });
        let mut count = 0;
        let operations = native::rd_kafka_TopicDescription_authorized_operations(topic, &mut count);
        let may_read = (!operations.is_null()).then(|| {
            std::slice::from_raw_parts(operations, count)
                .contains(&native::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ)
        });
        Ok(Description {
            // All zeros is what a broker without ids says.
            id: id.filter(|id| *id != [0; 16]),
            partitions,
            may_read,
        })
    }
}

/// # Safety
/// `text` is null or a string that is alive.
unsafe fn trouble(code: RDKafkaRespErr, text: *const std::ffi::c_char) -> Trouble {
    let reason = match text.is_null() {
        true => String::new(),
        // SAFETY: the caller's promise.
        false => unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned(),
    };
    Trouble {
        code: RDKafkaErrorCode::from(code),
        reason,
    }
}

fn millis(span: Duration) -> c_int {
    c_int::try_from(span.as_millis()).unwrap_or(c_int::MAX)
}
