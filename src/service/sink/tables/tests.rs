//! Examples of rows, and the published schema.

use std::fmt::Write as _;

use arrow_array::{BooleanArray, Float64Array, Int64Array, StringArray};
use demograph_core::{
    estimate::Repeats,
    facts::ModelFacts,
    privacy::{Cells, Policy, PolicyRules, ReleasedAttribute, Sealed},
    record::{Attribute, Position, SourceId},
    state::Terms,
    window::Accounting,
};

use super::{columns::column, *};

fn provenance() -> Provenance {
    let facts = ModelFacts {
        id: "model@1".into(),
        has_age: false,
        gender: vec!["female".into(), "male".into()],
        ethnicity: vec![],
    };
    let policy = Policy::new(&PolicyRules::default(), &[]);
    Provenance {
        terms: Arc::new(Terms::example(&facts, &policy)),
        calibrations: Arc::default(),
    }
}

fn window(source: &str, cells: Cells) -> ReleasedWindow {
    let mut accounting = Accounting::of_faces(20);
    accounting.late = 1;
    accounting.spared = 3;
    accounting.reject(demograph_core::reject::Reject::Truncated);
    accounting.cover(Position {
        partition: 1,
        offset: 7,
    });
    ReleasedWindow {
        source: SourceId::new(source),
        partition: 1,
        accounting,
        tracks: 20,
        votes: 20,
        content: vec![ReleasedAttribute {
            attribute: Attribute::Gender,
            cells,
            evidence: Default::default(),
        }],
        ..ReleasedWindow::empty(0, 10_000)
    }
}

#[test]
fn a_shown_attribute_has_a_row_for_each_category() {
    let cells = Cells::Shown {
        total: 20,
        counts: vec![Some(15), Some(5)],
    };
    let batch = Table::Demographics.rows(
        &[window("b", cells.clone()), window("a", cells)],
        &provenance(),
    );
    assert_eq!(batch.num_rows(), 4);
    let sources: &StringArray = column(&batch, "source").unwrap();
    assert_eq!(sources.value(0), "a");
    let shares: &Float64Array = column(&batch, "share_naive").unwrap();
    assert_eq!(shares.value(0), 0.75);
}

#[test]
fn a_suppressed_attribute_has_one_row_that_says_nothing_else() {
    let batch = Table::Demographics.rows(&[window("a", Cells::Suppressed)], &provenance());
    assert_eq!(batch.num_rows(), 1);
    for name in [
        "category",
        "count",
        "total",
        "share_naive",
        "share",
        "method",
    ] {
        assert_eq!(
            batch.column_by_name(name).unwrap().null_count(),
            1,
            "{name}"
        );
    }
    let suppressed: &BooleanArray = column(&batch, "suppressed").unwrap();
    assert!(suppressed.value(0));
}

#[test]
fn the_windows_table_accounts_for_every_record() {
    let batch = Table::Windows.rows(&[window("a", Cells::Suppressed)], &provenance());
    let number = |name| column::<Int64Array>(&batch, name).unwrap().value(0);
    assert_eq!(
        ["faces", "spared", "late", "rejected"].map(number),
        [20, 3, 1, 1]
    );
    assert_eq!((number("first_offset"), number("next_offset")), (7, 8));
}

#[test]
fn a_daily_file_takes_rows_of_an_earlier_version_that_spared_none() {
    let rows = Table::Windows.rows(&[window("a", Cells::Suppressed)], &provenance());
    let columns = (0..rows.num_columns()).filter(|&at| rows.schema().field(at).name() != "spared");
    let before = rows.project(&columns.collect::<Vec<_>>()).unwrap();
    let part = crate::sink::encode(&before, &[]).unwrap();
    let day = crate::sink::day::merge(Table::Windows, vec![("part".into(), part)]).unwrap();
    let batches: Vec<_> = crate::sink::decode(day.bytes.clone()).unwrap();
    assert_eq!(batches[0].column_by_name("spared").unwrap().null_count(), 1);
    let all = crate::sink::encode(&rows, &[]).unwrap();
    let before = crate::sink::encode(&before, &[]).unwrap();
    let records = |bytes| crate::sink::records(bytes).unwrap();
    assert_eq!([all, before, day.bytes].map(records), [25, 22, 22]);
}

#[test]
fn the_published_schemas_are_those_of_the_rows() {
    for table in Table::ALL {
        let schema = table.schema();
        let mut published = String::new();
        for field in schema.fields() {
            let null = if field.is_nullable() {
                "null"
            } else {
                "not null"
            };
            writeln!(published, "{}: {} {null}", field.name(), field.data_type()).unwrap();
        }
        demograph_core::golden::equals(
            &format!("schemas/{}.v1.arrow.txt", table.name()),
            &published,
        );
    }
}

#[test]
fn cells_are_read_back_from_a_file_of_a_day_as_they_were_counted() {
    let mut counted = window("a", Cells::Suppressed);
    let mut votes = demograph_core::estimate::CellCounts::default();
    votes.add(3, 720_720, &[600_000, 120_720]);
    votes.add(7, 360_360, &[0, 360_360]);
    let mut repeats = Repeats {
        windows: 1,
        within: 6,
        ..Repeats::default()
    };
    repeats.add_stay(3, 30);
    votes.repeat(&repeats, 5);
    counted.content[0].evidence = Sealed::of(votes.clone());
    let part = crate::sink::encode(&Table::Cells.rows(&[counted], &provenance()), &[]);
    let day = crate::sink::day::merge(Table::Cells, vec![("part".into(), part.unwrap())]);
    let mut found = demograph_core::estimate::CellCounts::default();
    for batch in crate::sink::decode(day.unwrap().bytes).unwrap() {
        for row in crate::sink::CellRow::read(&batch).unwrap() {
            found.add_parts(row.cell, row.parts, &row.posterior_sums);
            assert_eq!((row.thresholds.k_total, row.thresholds.k_cell), (10, 5));
            let row = row.repeats.expect("rows of today have it");
            found.repeat(&row.repeats, row.squares);
        }
    }
    assert_eq!(found, votes);
}
