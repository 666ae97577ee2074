//! A record copied out of the client. Promises: what producers put into a record cannot stop the client.

use std::panic::{AssertUnwindSafe, catch_unwind};

use demograph_core::record::{EventTime, Position, Record};
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

use crate::clock;

/// Copies the record out, so that the client's buffer is free at once.
pub(super) fn copy(message: &BorrowedMessage<'_>) -> Record {
    Record {
        position: Position {
            partition: message.partition(),
            offset: message.offset(),
        },
        timestamp: message
            .timestamp()
            .to_millis()
            .filter(|&millis| millis >= 0)
            .map(EventTime),
        received: clock::now(),
        key: message.key().map(<[u8]>::to_vec),
        headers: message.headers().map_or_else(Vec::new, copy_headers),
        payload: message.payload().unwrap_or_default().to_vec(),
    }
}

/// Copies the headers. One whose name is no UTF-8 is left out: rdkafka panics over it, and no attribute has such a name.
fn copy_headers(headers: &impl Headers) -> Vec<(String, Option<Vec<u8>>)> {
    let header = |place| {
        let header = headers.try_get(place)?;
        Some((header.key.to_owned(), header.value.map(<[u8]>::to_vec)))
    };
    (0..headers.count())
        .filter_map(|place| catch_unwind(AssertUnwindSafe(|| header(place))).unwrap_or(None))
        .collect()
}

#[cfg(test)]
mod tests {
    use rdkafka::{
        message::{BorrowedHeaders, Header, OwnedHeaders},
        types::RDKafkaRespErr,
    };

    use super::*;

    /// Adds a header as other clients can, past the type of this one.
    #[expect(unsafe_code, reason = "rdkafka has no way to add such a name")]
    fn add(headers: &OwnedHeaders, name: &[u8], value: &[u8]) {
        let own: *const BorrowedHeaders = headers.as_borrowed();
        // SAFETY: the pointer is librdkafka's own, which copies name and value.
        let code = unsafe {
            rdkafka::bindings::rd_kafka_header_add(
                own.cast_mut().cast(),
                name.as_ptr().cast(),
                name.len() as isize,
                value.as_ptr().cast(),
                value.len() as isize,
            )
        };
        assert_eq!(code, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
    }

    #[test]
    fn null_and_empty_headers_differ_and_a_name_that_is_no_text_is_left_out() {
        let headers = OwnedHeaders::new()
            .insert(Header::<&str> {
                key: "null",
                value: None,
            })
            .insert(Header {
                key: "empty",
                value: Some(""),
            });
        add(&headers, b"ce_\xFF\xFE", b"poison");
        add(&headers, b"ce_time", b"\xFF");
        let copied = copy_headers(headers.as_borrowed());
        let expected = [
            ("null", None),
            ("empty", Some(vec![])),
            ("ce_time", Some(vec![0xFF])),
        ];
        assert_eq!(
            copied,
            expected.map(|(name, value)| (name.to_owned(), value))
        );
    }
}
