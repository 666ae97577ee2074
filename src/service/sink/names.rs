//! The names of the tables' files: built and parsed here only. The store adds nothing to them.

use demograph_core::state::plain;

use super::tables::Table;

/// The name of the file that a checkpoint publishes.
pub fn part_name(group: &str, topic: &str, partition: i32, seq: u64) -> String {
    let tail = part_tail(topic, partition);
    format!("part-{}{tail}{seq:020}.parquet", plain(group))
}

/// The checkpoint's number in such a name, of any group.
pub(super) fn part_seq(name: &str, topic: &str, partition: i32) -> Option<u64> {
    let (_, seq) = name.rsplit_once(&part_tail(topic, partition))?;
    seq.strip_suffix(".parquet")?.parse().ok()
}

/// What stands between the group and the checkpoint's number in such a name.
fn part_tail(topic: &str, partition: i32) -> String {
    format!("-{}-p{partition}-", plain(topic))
}

/// Where a table's file of a date lies.
pub fn part_path(table: Table, date: &str, name: &str) -> String {
    format!("{}/date={date}/{name}", table.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_topic_and_partition_whatever_its_group() {
        for (group, topic, partition, expected) in [
            ("demograph", "faces", 3, Some(7)),
            ("team/demo", "faces", 3, Some(7)),
            ("demograph", "faces", 13, None),
            ("demograph", "other", 3, None),
        ] {
            let name = part_name(group, topic, partition, 7);
            assert_eq!(part_seq(&name, "faces", 3), expected, "{name}");
        }
        assert_eq!(part_seq("else.parquet", "faces", 3), None);
    }

    #[test]
    fn a_file_lies_under_its_table_and_date() {
        let name = part_name("g", "t", 0, 12);
        assert_eq!(
            part_path(Table::Windows, "2026-01-01", &name),
            "windows/date=2026-01-01/part-g-t-p0-00000000000000000012.parquet"
        );
    }
}
