//! The table `windows`: one row a window, which accounts for every record of the window.

use std::sync::Arc;

use arrow_array::{
    ArrayRef,
    builder::{Int64Builder, MapBuilder, StringBuilder},
};
use arrow_schema::{DataType, Field};
use demograph_core::{privacy::ReleasedWindow, window::Accounting};

use super::{
    columns::{integer, integers, partition, partitions, signed, sorted, text, texts, time, times},
    provenance::Provenance,
};

pub(super) fn fields() -> Vec<Field> {
    vec![
        text("source"),
        time("window_start"),
        time("window_end"),
        integer("faces"),
        integer("tracks"),
        integer("votes"),
        text("unit"),
        integer("late"),
        integer("rejected"),
        reasons_field(),
        text("closed_by"),
        text("model"),
        text("policy"),
        partition(),
        integer("first_offset"),
        integer("next_offset"),
        // Of files that an earlier version wrote, `compact` does not know these.
        integer("stayed").with_nullable(true),
        integer("spared").with_nullable(true),
    ]
}

/// Reason -> number of records.
fn reasons_field() -> Field {
    let entry = DataType::Struct(vec![text("key"), integer("value")].into());
    let entries = Field::new("entries", entry, false);
    Field::new(
        "rejected_by_reason",
        DataType::Map(Arc::new(entries), false),
        false,
    )
}

/// One row a window, in the order of [`fields`].
pub(super) fn columns(windows: &[ReleasedWindow], provenance: &Provenance) -> Vec<ArrayRef> {
    let windows = sorted(windows);
    let total = |get: fn(&Accounting) -> u64| {
        integers(&windows, move |window| signed(get(&window.accounting)))
    };
    vec![
        texts(&windows, |window| window.source.as_str()),
        times(&windows, |window| window.start),
        times(&windows, |window| window.end),
        total(|accounting| accounting.faces),
        integers(&windows, |window| signed(window.tracks)),
        integers(&windows, |window| signed(window.votes)),
        texts(&windows, |window| window.unit.name()),
        total(|accounting| accounting.late),
        total(Accounting::rejected),
        reasons(&windows),
        texts(&windows, |window| window.by.name()),
        texts(&windows, |_| &provenance.terms.model),
        texts(&windows, |_| &provenance.terms.policy),
        partitions(&windows, |window| window.partition),
        integers(&windows, |window| window.accounting.first_offset),
        integers(&windows, |window| window.accounting.next_offset),
        integers(&windows, |window| signed(window.stayed)),
        total(|accounting| accounting.spared),
    ]
}

fn reasons(windows: &[&ReleasedWindow]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new())
        .with_keys_field(text("key"))
        .with_values_field(integer("value"));
    for window in windows {
        for (reason, count) in window.accounting.rejected_by_reason() {
            builder.keys().append_value(reason.name());
            builder.values().append_value(signed(count));
        }
        builder.append(true).expect("each key was given a value");
    }
    Arc::new(builder.finish())
}
