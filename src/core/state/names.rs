//! The names of a chain's files in a store: built and parsed here only.
//!
//! ```text
//! state/v1/GROUP/TOPIC/first-start.json
//! state/v1/GROUP/TOPIC/p=PARTITION/NUMBER.ckpt
//! ```
//! Promises: a name that was built here is parsed to the same parts, for any group and topic; a file of any other name
//! belongs to no chain.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Listed;

/// Where the chains of a topic are that a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFolder(String);

/// Where the checkpoints of a partition are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFolder(String);

impl TopicFolder {
    /// Of any names: what a path cannot hold is encoded.
    pub fn new(group: &str, topic: &str) -> Self {
        Self(format!("state/v1/{}/{}", plain(group), plain(topic)))
    }

    /// Its path in the store.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The file that says where the group began.
    pub fn first_start(&self) -> String {
        format!("{}/first-start.json", self.0)
    }

    /// The folder of a partition's chain.
    pub fn chain(&self, partition: i32) -> ChainFolder {
        ChainFolder(format!("{}/p={partition}", self.0))
    }

    /// The partition whose chain is in this folder.
    pub fn partition(&self, folder: &str) -> Option<i32> {
        let number = folder.strip_prefix(&self.0)?.strip_prefix("/p=")?;
        let partition = number.parse().ok()?;
        (self.chain(partition).0 == folder).then_some(partition)
    }
}

impl ChainFolder {
    /// Its path in the store.
    pub fn path(&self) -> &str {
        &self.0
    }

    /// The file of the checkpoint with this number. Names have the order of numbers.
    pub fn checkpoint(&self, seq: u64) -> String {
        format!("{}/{seq:020}.ckpt", self.0)
    }

    /// The number of the checkpoint in this file.
    pub fn seq(&self, path: &str) -> Option<u64> {
        let name = path.strip_prefix(&self.0)?.strip_prefix('/')?;
        let seq = name.strip_suffix(".ckpt")?.parse().ok()?;
        (self.checkpoint(seq) == path).then_some(seq)
    }

    /// Those of the files that are checkpoints of this chain.
    pub fn own(&self, mut listed: Vec<Listed>) -> Vec<Listed> {
        listed.retain(|file| self.seq(&file.path).is_some());
        listed
    }
}

/// What is left as it is in a part of a path, beside letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-');

/// A name as a part of a path: anything but letters, digits, `.`, `_` and `-` as %XX, and dots too where there is nothing
/// else.
pub fn plain(name: &str) -> String {
    let encoded = utf8_percent_encode(name, KEPT).to_string();
    let is_dots = name.bytes().all(|byte| byte == b'.');
    match is_dots {
        true => encoded.replace('.', "%2E"),
        false => encoded,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn names_are_parsed_to_what_they_were_built_of(
            names in ("\\PC{1,20}|\\.{1,3}", "[a-zA-Z0-9._-]{1,20}"), partition in 0..i32::MAX, seq: u64, other: u64,
        ) {
            let topic = TopicFolder::new(&names.0, &names.1);
            let chain = topic.chain(partition);
            prop_assert_eq!(topic.partition(chain.path()), Some(partition));
            prop_assert_eq!(chain.seq(&chain.checkpoint(seq)), Some(seq));
            prop_assert_eq!(chain.checkpoint(seq).cmp(&chain.checkpoint(other)), seq.cmp(&other));
            let another = TopicFolder::new(&format!("{}x", names.0), &names.1);
            prop_assert_eq!(another.partition(chain.path()), None);
            prop_assert_eq!(topic.chain(partition / 2 + 1).seq(&chain.checkpoint(seq)).is_some(), partition / 2 + 1 == partition);
        }
    }

    /// Written down before the crate percent-encoding made them.
    const RECORDED_NAMES: [(&str, &str); 18] = [
        ("", ""),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "%2E%2E%2E"),
        (".a", ".a"),
        ("a.", "a."),
        ("demograph", "demograph"),
        ("team/demo", "team%2Fdemo"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("%2E", "%252E"),
        ("p=3", "p%3D3"),
        ("Gesichter-Süd", "Gesichter-S%C3%BCd"),
        ("顔", "%E9%A1%94"),
        ("\u{80}ÿ", "%C2%80%C3%BF"),
        ("🙂~!*'()", "%F0%9F%99%82%7E%21%2A%27%28%29"),
        (
            "\u{0}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}\u{8}\u{9}\u{a}\u{b}\u{c}\u{d}\u{e}\u{f}\u{10}\u{11}\u{12}\u{13}\u{14}\u{15}\u{16}\u{17}\u{18}\u{19}\u{1a}\u{1b}\u{1c}\u{1d}\u{1e}\u{1f} !\"#$%&'()*+,-./0123456789:;<=>?",
            "%00%01%02%03%04%05%06%07%08%09%0A%0B%0C%0D%0E%0F%10%11%12%13%14%15%16%17%18%19%1A%1B%1C%1D%1E%1F%20%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F0123456789%3A%3B%3C%3D%3E%3F",
        ),
        (
            "@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\u{7f}",
            "%40ABCDEFGHIJKLMNOPQRSTUVWXYZ%5B%5C%5D%5E_%60abcdefghijklmnopqrstuvwxyz%7B%7C%7D%7E%7F",
        ),
    ];

    /// Stores hold files under these names: they never change.
    #[test]
    fn names_that_stores_know_stay_as_they_are() {
        for (name, recorded) in RECORDED_NAMES {
            assert_eq!(plain(name), recorded, "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn a_part_of_a_path_has_only_plain_characters_and_says_its_name(name in "\\PC{0,20}|\\.{1,3}|[ -~]{0,20}") {
            let part = plain(&name);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-%".contains(c);
            prop_assert!(part.chars().all(is_plain), "{part}");
            prop_assert!(name.is_empty() || part.chars().any(|c| c != '.'), "{part}");
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(&part).collect();
            prop_assert_eq!(bytes, name.into_bytes());
        }
    }

    #[test]
    fn other_files_are_none_of_a_chain() {
        let topic = TopicFolder::new("g", "t");
        for folder in ["p=03", "p=+3", "p=", "q=3", "p=3/x", "first-start.json"] {
            assert_eq!(
                topic.partition(&format!("state/v1/g/t/{folder}")),
                None,
                "{folder}"
            );
        }
        let chain = topic.chain(3);
        for name in [
            "7.ckpt",
            "00000000000000000007.ckpt.bak",
            "copy of 7",
            "x/00000000000000000007.ckpt",
        ] {
            assert_eq!(
                chain.seq(&format!("state/v1/g/t/p=3/{name}")),
                None,
                "{name}"
            );
        }
    }
}
