//! The table `windows`: one row a pane, which accounts for every record of the pane.

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
        // NULL in daily files of parts that an earlier version wrote.
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

/// One row a pane, in the order of [`fields`].
pub(super) fn columns(panes: &[ReleasedWindow], provenance: &Provenance) -> Vec<ArrayRef> {
    let panes = sorted(panes);
    let total =
        |get: fn(&Accounting) -> u64| integers(&panes, move |pane| signed(get(&pane.accounting)));
    vec![
        texts(&panes, |pane| pane.source.as_str()),
        times(&panes, |pane| pane.start),
        times(&panes, |pane| pane.end),
        total(|accounting| accounting.faces),
        integers(&panes, |pane| signed(pane.tracks)),
        integers(&panes, |pane| signed(pane.votes)),
        texts(&panes, |pane| pane.unit.name()),
        total(|accounting| accounting.late),
        total(Accounting::rejected),
        reasons(&panes),
        texts(&panes, |pane| pane.by.name()),
        texts(&panes, |_| &provenance.terms.model),
        texts(&panes, |_| &provenance.terms.policy),
        partitions(&panes, |pane| pane.partition),
        integers(&panes, |pane| pane.accounting.first_offset),
        integers(&panes, |pane| pane.accounting.next_offset),
        total(|accounting| accounting.spared),
    ]
}

fn reasons(panes: &[&ReleasedWindow]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new())
        .with_keys_field(text("key"))
        .with_values_field(integer("value"));
    for pane in panes {
        for (reason, count) in pane.accounting.rejected_by_reason() {
            builder.keys().append_value(reason.name());
            builder.values().append_value(signed(count));
        }
        builder.append(true).expect("each key was given a value");
    }
    Arc::new(builder.finish())
}
