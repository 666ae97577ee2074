//! What the tables hold of a partition that has no checkpoint: rows that would come a second time if it began anew.

use arrow_array::{Int32Array, Int64Array};

use super::{Footer, Store, Table, catalog, file, part_seq, tables::columns::column};

/// Published rows whose chain is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// How many files of `windows` hold some, and one of them.
    pub files: usize,
    pub example: String,
    /// The highest number of a checkpoint that published any.
    pub seq: u64,
    /// The offset behind the last record that they stand for; nothing where a file may hold rows of another topic.
    pub next_offset: Option<i64>,
}

/// Looks for rows of a topic's partition, written by any group. Usually there are none.
pub fn remains(store: &Store, topic: &str, partition: i32) -> anyhow::Result<Option<Remains>> {
    let mut found: Option<Remains> = None;
    for day in catalog::days(store, Table::Windows)?.into_values() {
        for path in day.small {
            let Some(seq) = number(&path, topic, partition) else {
                continue;
            };
            let footer = catalog::footer(store, &path)?;
            let Some(is_certain) = holds(&footer, topic) else {
                continue;
            };
            let next_offset = next_offset(store.read(&path)?, partition)?;
            add(&mut found, path, seq, is_certain.then_some(next_offset));
        }
        for path in day.compacted {
            let footer = catalog::footer(store, &path)?;
            let names = catalog::inputs(&footer)?;
            let own = |name: &String| number(name, topic, partition);
            let Some(seq) = names.iter().filter_map(own).max() else {
                continue;
            };
            let Some(is_certain) = holds(&footer, topic) else {
                continue;
            };
            let of_partition = format!("-p{partition}-");
            let is_mixed = names
                .iter()
                .any(|name| name.contains(&of_partition) && own(name).is_none());
            let next_offset = match is_certain && !is_mixed {
                true => Some(next_offset(store.read(&path)?, partition)?),
                false => None,
            };
            add(&mut found, path, seq, next_offset);
        }
    }
    if let Some(remains) = &mut found {
        let hours_and_days = last_of_periods(store, topic, partition)?;
        remains.seq = remains.seq.max(hours_and_days.unwrap_or(0));
    }
    Ok(found)
}

/// The highest number of a checkpoint that published hours or days: it may have published no window.
fn last_of_periods(store: &Store, topic: &str, partition: i32) -> anyhow::Result<Option<u64>> {
    let mut last = None;
    for table in [Table::Hourly, Table::Daily] {
        for day in catalog::days(store, table)?.into_values() {
            let small = day.small.iter().map(|path| catalog::name(path).to_owned());
            let mut names: Vec<String> = small.collect();
            for path in &day.compacted {
                names.extend(catalog::inputs(&catalog::footer(store, path)?)?);
            }
            let own = names
                .iter()
                .filter_map(|name| number(name, topic, partition));
            last = last.max(own.max());
        }
    }
    Ok(last)
}

/// Whether a file holds rows of the topic: nothing where it holds others' only; certain where it says that it holds no
/// other's. Its name does not tell "faces" of the group "a-b" from "b-faces" of the group "a", and files of before do not
/// say their topic.
fn holds(footer: &Footer, topic: &str) -> Option<bool> {
    let Some(topics) = footer.facts.get(file::TOPIC) else {
        return Some(false);
    };
    let is_there = topics.lines().any(|other| other == topic);
    is_there.then(|| topics.lines().count() == 1)
}

fn add(found: &mut Option<Remains>, path: String, seq: u64, next_offset: Option<i64>) {
    let remains = found.get_or_insert_with(|| Remains {
        files: 0,
        example: path,
        seq,
        next_offset,
    });
    remains.files += 1;
    remains.seq = remains.seq.max(seq);
    remains.next_offset = match (remains.next_offset, next_offset) {
        (Some(a), Some(b)) => Some(a.max(b)),
        _ => None,
    };
}

/// The checkpoint's number in the name of a file of this topic and partition.
fn number(path: &str, topic: &str, partition: i32) -> Option<u64> {
    part_seq(catalog::name(path), topic, partition)
}

fn next_offset(bytes: Vec<u8>, partition: i32) -> anyhow::Result<i64> {
    let mut next = 0;
    for batch in file::decode(bytes)? {
        let offsets: &Int64Array = column(&batch, "next_offset")?;
        let partitions: &Int32Array = column(&batch, "partition")?;
        let own = partitions.iter().zip(offsets.iter());
        let own = own.filter(|(of, _)| *of == Some(partition));
        next = own.filter_map(|(_, offset)| offset).fold(next, i64::max);
    }
    Ok(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_topic_whose_name_ends_alike_is_not_taken_for_one_s_own() {
        let facts = |topics: Option<&str>| {
            let fact = topics.map(|topics| (file::TOPIC, topics.to_owned()));
            let facts: Vec<_> = fact.into_iter().collect();
            let empty = arrow_array::RecordBatch::new_empty(Table::Windows.schema());
            Footer::read(&file::encode(&empty, &facts).unwrap()).unwrap()
        };
        for (topics, expected) in [
            (Some("faces"), Some(true)),
            (Some("b-faces"), None),
            (Some("b-faces\nfaces"), Some(false)),
            (None, Some(false)),
        ] {
            assert_eq!(holds(&facts(topics), "faces"), expected, "{topics:?}");
        }
    }

    #[test]
    fn files_add_up_to_the_highest_number_and_offset() {
        let mut found = None;
        add(&mut found, "a".into(), 4, Some(90));
        add(&mut found, "b".into(), 2, Some(120));
        let remains = found.clone().unwrap();
        assert_eq!(
            (remains.files, remains.seq, remains.next_offset),
            (2, 4, Some(120))
        );
        add(&mut found, "c".into(), 9, None);
        assert_eq!(found.unwrap().next_offset, None);
    }
}
