//! The names of a chain's files in a store: built and parsed here only.
//!
//! ```text
//! state/v1/GROUP/TOPIC/first-start.json
//! state/v1/GROUP/TOPIC/p=PARTITION/NUMBER.ckpt
//! ```
//! Promises: what is built is parsed to what it was built of, whatever the group and the topic are called; a file of any
//! other name is none of a chain's.

use super::Listed;

/// Where the chains of a topic are that a group reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFolder(String);

/// Where the checkpoints of a partition are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainFolder(String);

impl TopicFolder {
    pub fn new(group: &str, topic: &str) -> Self {
        Self(format!("state/v1/{}/{}", plain(group), plain(topic)))
    }

    pub fn path(&self) -> &str {
        &self.0
    }

    /// The file that says where the group began.
    pub fn first_start(&self) -> String {
        format!("{}/first-start.json", self.0)
    }

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

/// A name as a part of a path: anything but letters, digits, `.`, `_` and `-` as %XX, and dots too where there is nothing
/// else.
pub fn plain(name: &str) -> String {
    let is_dots = name.bytes().all(|byte| byte == b'.');
    name.bytes()
        .map(|byte| match byte {
            b'.' if is_dots => "%2E".to_owned(),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
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
