//! Examples of rows, and the published schema.

use std::fmt::Write as _;

use arrow_array::{BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringArray};
use demograph_core::{
    estimate::Repeats,
    facts::ModelFacts,
    periods::{Content, Period, PeriodKind, ReleasedPeriod},
    privacy::{Cells, Policy, PolicyRules, ReleasedAttribute, ReleasedWindow, Sealed},
    record::{Attribute, EventTime, Position, SourceId},
    state::Terms,
    views::Sums,
    window::{Accounting, ClosedBy},
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

fn windows<const N: usize>(windows: [ReleasedWindow; N]) -> Publication {
    Publication {
        windows: windows.into(),
        periods: Vec::new(),
    }
}

/// The hour from 2:00 to 3:00 after the clocks of Berlin were set back, with such windows.
fn hour(source: &str, windows: &[Cells]) -> ReleasedPeriod {
    let mut sums = Sums::default();
    for cells in windows {
        sums.add(&window(source, cells.clone()));
    }
    ReleasedPeriod {
        source: SourceId::new(source),
        partition: 1,
        kind: PeriodKind::Hour,
        period: Period {
            start: EventTime(1_792_890_000_000),
            end: EventTime(1_792_893_600_000),
            offset: 3_600,
        },
        zone: "Europe/Berlin".into(),
        by: ClosedBy::Watermark,
        content: Content {
            from: EventTime(1_792_890_000_000),
            until: EventTime(1_792_893_600_000),
            carried: 0,
            tracks: 0,
            stayed: 0,
            sums,
        },
    }
}

fn hourly(periods: Vec<ReleasedPeriod>) -> RecordBatch {
    let rows = Publication {
        windows: Vec::new(),
        periods,
    };
    assert_eq!(Table::Daily.rows(&rows, &provenance()).num_rows(), 0);
    Table::Hourly.rows(&rows, &provenance())
}

#[test]
fn an_hour_counts_what_its_windows_showed_and_says_which_part_that_is() {
    let shown = |counts: [Option<u64>; 2]| Cells::Shown {
        total: 20,
        counts: counts.into(),
    };
    let windows = [
        shown([Some(15), Some(5)]),
        shown([None, None]),
        Cells::Suppressed,
    ];
    let batch = hourly(vec![hour("b", &windows), hour("a", &windows[..1])]);
    assert_eq!(batch.num_rows(), 4);
    let sources: &StringArray = column(&batch, "source").unwrap();
    assert_eq!((sources.value(0), sources.value(3)), ("a", "b"));
    let count = |name| column::<Int64Array>(&batch, name).unwrap();
    assert_eq!(count("people").values(), &[15, 5, 15, 5]);
    assert_eq!(count("total").values(), &[20, 20, 40, 40]);
    assert_eq!(count("windows").values(), &[1, 1, 3, 3]);
    let number = |name| column::<Float64Array>(&batch, name).unwrap();
    assert_eq!(number("share_naive").values(), &[0.75, 0.25, 0.75, 0.25]);
    assert_eq!(number("shown_ratio").value(0), 1.0);
    assert_eq!(number("shown_ratio").value(2), 20.0 / 60.0);
    let date: &Date32Array = column(&batch, "local_date").unwrap();
    assert_eq!(date.value_as_date(0).unwrap().to_string(), "2026-10-25");
    let hours: &Int32Array = column(&batch, "local_hour").unwrap();
    assert_eq!(hours.value(0), 2);
}

#[test]
fn an_hour_in_which_every_window_was_suppressed_has_one_row_that_says_so() {
    let batch = hourly(vec![hour("a", &[Cells::Suppressed])]);
    assert_eq!(batch.num_rows(), 1);
    for name in ["category", "people", "total", "share_naive", "share"] {
        let column = batch.column_by_name(name).unwrap();
        assert_eq!(column.null_count(), 1, "{name}");
    }
    let suppressed: &BooleanArray = column(&batch, "suppressed").unwrap();
    assert!(suppressed.value(0));
    let shown: &Float64Array = column(&batch, "shown_ratio").unwrap();
    assert_eq!(shown.value(0), 0.0);
}

#[test]
fn hours_of_several_files_are_merged_by_their_start_and_lie_under_the_local_date() {
    let shown = Cells::Shown {
        total: 20,
        counts: vec![Some(15), Some(5)],
    };
    let file = |source| {
        let batch = hourly(vec![hour(source, std::slice::from_ref(&shown))]);
        (source.to_owned(), crate::sink::encode(&batch, &[]).unwrap())
    };
    let merged = crate::sink::day::merge(Table::Hourly, vec![file("b"), file("a")]).unwrap();
    assert_eq!(merged.rows, 4);
    let footer = crate::sink::Footer::read(&merged.bytes).unwrap();
    let date = jiff::civil::date(2026, 10, 25);
    assert_eq!(footer.dates, Some((date, date)));
}

#[test]
fn a_shown_attribute_has_a_row_for_each_category() {
    let cells = Cells::Shown {
        total: 20,
        counts: vec![Some(15), Some(5)],
    };
    let batch = Table::Demographics.rows(
        &windows([window("b", cells.clone()), window("a", cells)]),
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
    let batch = Table::Demographics.rows(&windows([window("a", Cells::Suppressed)]), &provenance());
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
    let batch = Table::Windows.rows(&windows([window("a", Cells::Suppressed)]), &provenance());
    let number = |name| column::<Int64Array>(&batch, name).unwrap().value(0);
    assert_eq!(
        ["faces", "spared", "late", "rejected"].map(number),
        [20, 3, 1, 1]
    );
    assert_eq!((number("first_offset"), number("next_offset")), (7, 8));
}

#[test]
fn a_compacted_file_takes_rows_of_an_earlier_version_that_spared_none() {
    let rows = Table::Windows.rows(&windows([window("a", Cells::Suppressed)]), &provenance());
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
    let part = crate::sink::encode(&Table::Cells.rows(&windows([counted]), &provenance()), &[]);
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
