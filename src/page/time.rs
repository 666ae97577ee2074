//! Event time as the API writes it.

use std::borrow::Cow;

use demograph_core::record::EventTime;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A time in UTC, as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Time(pub EventTime);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A time beyond what a calendar holds has no name.
        match jiff::Timestamp::from_millisecond(self.0.0) {
            Ok(time) => serializer.collect_str(&time),
            Err(_) => serializer.serialize_none(),
        }
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "null"],
            "format": "date-time",
            "description": "A time in UTC, as RFC 3339.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let written = |millis| serde_json::to_string(&Time(EventTime(millis))).unwrap();
        assert_eq!(written(0), "\"1970-01-01T00:00:00Z\"");
        assert_eq!(written(1_767_225_600_500), "\"2026-01-01T00:00:00.5Z\"");
        assert_eq!(written(i64::MAX), "null");
    }
}
