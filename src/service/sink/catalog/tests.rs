//! Examples of files of a date, and of whole tables.

use arrow_array::Int64Array;

use super::*;
use crate::sink::{day, encode, tables::columns::column};

fn date() -> Date {
    "2026-03-01".parse().unwrap()
}

fn footer(rows: u64, facts: &[(&str, &str)]) -> Footer {
    let fact = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Footer {
        rows,
        facts: facts.iter().map(fact).collect(),
        dates: None,
    }
}

fn compacted(names: &str, checkpoints: &str) -> Footer {
    footer(
        2,
        &[("input_names", names), ("input_checkpoints", checkpoints)],
    )
}

#[test]
fn a_small_file_that_a_compacted_file_names_is_in_it_and_a_late_one_is_not() {
    let mut once = Once::new(date());
    let merged = compacted("a.parquet\nb.parquet", "1\n2");
    assert_eq!(
        once.compacted("compacted/t/d.parquet", &merged).unwrap(),
        None
    );
    assert!(once.is_compacted("t/date=2026-03-01/a.parquet"));
    assert!(!once.is_compacted("t/date=2026-03-01/late.parquet"));
    let late = footer(1, &[(CHECKPOINT, "3")]);
    assert_eq!(once.small("t/late.parquet", &late).unwrap(), None);
}

#[test]
fn a_copy_is_known_by_its_checkpoint_whether_its_first_is_small_or_in_a_compacted_file() {
    let mut once = Once::new(date());
    once.compacted("d.parquet", &compacted("a.parquet", "1"))
        .unwrap();
    let copy = once.small("a-copy.parquet", &footer(1, &[(CHECKPOINT, "1")]));
    assert_eq!(copy.unwrap().unwrap().of, "d.parquet");
    let two = footer(1, &[(CHECKPOINT, "2")]);
    assert_eq!(once.small("b.parquet", &two).unwrap(), None);
    let copy = once.small("b-copy.parquet", &two).unwrap().unwrap();
    assert_eq!((&*copy.path, &*copy.of), ("b-copy.parquet", "b.parquet"));
    let changed = footer(9, &[(CHECKPOINT, "2")]);
    let error = once
        .small("b-more.parquet", &changed)
        .unwrap_err()
        .to_string();
    assert!(error.contains("b-more.parquet and b.parquet"), "{error}");
}

#[test]
fn a_compacted_file_twice_is_a_copy_and_one_that_overlaps_is_an_error() {
    let mut once = Once::new(date());
    let first = compacted("a\nb", "1\n2");
    assert_eq!(once.compacted("d.parquet", &first).unwrap(), None);
    assert_eq!(
        once.compacted("e.parquet", &first).unwrap().unwrap().of,
        "d.parquet"
    );
    let error = once
        .compacted("f.parquet", &compacted("b\nc", "2\n3"))
        .unwrap_err();
    assert!(
        error.to_string().contains("f.parquet and d.parquet"),
        "{error}"
    );
    assert_eq!(
        once.compacted("g.parquet", &compacted("c", "3")).unwrap(),
        None
    );
}

#[test]
fn a_file_in_the_folder_of_another_date_is_an_error() {
    let of = |first: &str, last: &str| Footer {
        dates: Some((first.parse().unwrap(), last.parse().unwrap())),
        ..footer(1, &[])
    };
    let mut once = Once::new(date());
    let inside = of("2026-03-01", "2026-03-01");
    once.small("a.parquet", &inside).unwrap();
    let moved = of("2026-03-01", "2026-03-02");
    let error = once.small("b.parquet", &moved).unwrap_err().to_string();
    assert!(
        error.contains("b.parquet holds a row of 2026-03-02"),
        "{error}"
    );
}

/// A folder with files of cells in 1970: (path, checkpoint, votes of a minute).
fn store(files: &[(&str, &str, i64)]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open_at(&folder.path().display().to_string(), &BTreeMap::new()).unwrap();
    for &(path, checkpoint, votes) in files {
        let facts = [(CHECKPOINT, checkpoint.to_owned())];
        let rows = day::tests::cells(&[("gate", 1, votes)]);
        store.create(path, encode(&rows, &facts).unwrap()).unwrap();
    }
    (folder, store)
}

/// The votes of all rows, and the copies that were left out.
fn votes(stores: &[&Store]) -> anyhow::Result<(i64, usize)> {
    let mut votes = 0;
    let (_, copies) = read(stores, Table::Cells, |batch| {
        let parts: &Int64Array = column(batch, "parts")?;
        votes += parts.values().iter().sum::<i64>();
        Ok(())
    })?;
    Ok((votes, copies.len()))
}

#[test]
fn every_row_counts_once_before_between_and_after_a_compaction() {
    let (a, b) = (
        "cells/date=1970-01-01/a.parquet",
        "cells/date=1970-01-01/b.parquet",
    );
    let (_folder, store) = store(&[(a, "1", 1), (b, "2", 20)]);
    assert_eq!(votes(&[&store]).unwrap(), (21, 0));
    let small = [a, b].map(|path| (name(path).to_owned(), store.read(path).unwrap()));
    let merged = day::merge(Table::Cells, small.into()).unwrap();
    store
        .create(
            "compacted/cells/date=1970-01-01/cells-1970-01-01.parquet",
            merged.bytes,
        )
        .unwrap();
    assert_eq!(votes(&[&store]).unwrap(), (21, 0), "both are there");
    store.delete(a).unwrap();
    assert_eq!(votes(&[&store]).unwrap(), (21, 0), "half deleted");
    store.delete(b).unwrap();
    assert_eq!(votes(&[&store]).unwrap(), (21, 0), "compacted alone");
    let facts = [(CHECKPOINT, "3".to_owned())];
    let late = encode(&day::tests::cells(&[("gate", 1, 300)]), &facts).unwrap();
    store
        .create("cells/date=1970-01-01/c.parquet", late.clone())
        .unwrap();
    assert_eq!(votes(&[&store]).unwrap(), (321, 0), "a late one");
    store
        .create("cells/date=1970-01-01/c (1).parquet", late)
        .unwrap();
    assert_eq!(votes(&[&store]).unwrap(), (321, 1), "and its copy");
}

#[test]
fn a_table_in_two_places_counts_once() {
    let path = |name: &str| format!("cells/date=1970-01-01/{name}.parquet");
    let (_old, old) = store(&[(&path("a"), "1", 1), (&path("b"), "2", 20)]);
    let (_new, new) = store(&[(&path("b"), "2", 20), (&path("c"), "3", 300)]);
    assert_eq!(votes(&[&new, &old]).unwrap(), (321, 1));
}

#[test]
fn the_name_of_a_small_file_in_another_date_says_nothing() {
    // One publication over midnight: the same name under two dates.
    let (_folder, store) = store(&[("cells/date=1970-01-01/a.parquet", "1", 1)]);
    let facts = [(CHECKPOINT, "1".to_owned())];
    let next = encode(&day::tests::cells(&[("gate", 1441, 20)]), &facts).unwrap();
    store
        .create("cells/date=1970-01-02/a.parquet", next)
        .unwrap();
    let file = store.read("cells/date=1970-01-01/a.parquet").unwrap();
    let merged = day::merge(Table::Cells, vec![("a.parquet".into(), file)]).unwrap();
    store
        .create("compacted/cells/date=1970-01-01/d.parquet", merged.bytes)
        .unwrap();
    assert_eq!(votes(&[&store]).unwrap(), (21, 0));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let (_folder, store) = store(&[]);
    let path = "cells/date=1970-01-01/broken.parquet";
    store.create(path, b"no parquet".to_vec()).unwrap();
    let error = votes(&[&store]).unwrap_err();
    assert!(format!("{error:#}").contains(path), "{error:#}");
}

#[test]
fn the_date_of_a_file_is_that_of_its_folder() {
    let (compacted, small) = (
        "compacted/cells/date=2026-03-01/cells-2026-03-01.parquet",
        "cells/date=2026-03-02/a.parquet",
    );
    let others = [
        "compacted/cells/date=2026-03-01/deeper/a.parquet",
        "cells/date=2026-03-02/_SUCCESS",
        "cells/part.parquet",
    ];
    let files = [&[compacted, small][..], &others].concat();
    let files: Vec<_> = files.into_iter().map(|path| (path, "1", 1)).collect();
    let (_folder, store) = store(&files);
    let found = days(&store, Table::Cells).unwrap();
    let dates: Vec<String> = found.keys().map(Date::to_string).collect();
    assert_eq!(dates, ["2026-03-01", "2026-03-02"]);
    assert_eq!(found[&"2026-03-01".parse().unwrap()].compacted, [compacted]);
    let last: Date = "2026-03-02".parse().unwrap();
    assert_eq!(found[&last].small, [small]);
    let (wanted, _) = wanted_days(&store, Table::Cells, |date| date == last).unwrap();
    assert!(wanted.into_keys().eq([last]));
    // A folder whose name is no date.
    let stray = "cells/date=yesterday/part.parquet";
    store.create(stray, Vec::new()).unwrap();
    days(&store, Table::Cells).unwrap_err();
    let (days, strays) = wanted_days(&store, Table::Cells, |_| true).unwrap();
    assert_eq!((days.len(), strays), (2, vec![stray.to_owned()]));
}

#[test]
fn a_file_that_goes_or_is_written_anew_is_a_change_and_one_more_is_none() {
    let day = |small: &[&str], written: &[i64]| Day {
        small: small.iter().map(|path| (*path).to_owned()).collect(),
        compacted: Vec::new(),
        written: small
            .iter()
            .zip(written)
            .map(|(path, &at)| ((*path).to_owned(), EventTime(at)))
            .collect(),
    };
    let before = day(&["a", "b"], &[1, 2]);
    assert!(day(&["a", "b", "c"], &[1, 2, 3]).has_all_of(&before));
    assert!(!day(&["a", "c"], &[1, 3]).has_all_of(&before));
    assert!(!day(&["a", "b"], &[1, 3]).has_all_of(&before));
}
