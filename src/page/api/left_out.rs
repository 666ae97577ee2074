//! Files of the tables that an answer leaves out: its numbers may lack their rows.

use demograph_service::sink::history::LeftOut;
use schemars::JsonSchema;
use serde::Serialize;

/// So many are named.
const NAMED_MAX: usize = 20;

/// Files that could not be read, and are left out of this answer.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct LeftOutFiles {
    /// How many; 0 where the answer is whole.
    pub files: usize,
    /// The first 20 of them.
    named: Vec<LeftOutFile>,
}

/// A file that was left out.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
struct LeftOutFile {
    /// Its path in the place of the tables.
    file: String,
    /// What is wrong with it, and what to do.
    why: String,
}

impl LeftOutFiles {
    pub(super) fn of(left_out: &[LeftOut]) -> Self {
        let named = left_out.iter().take(NAMED_MAX).map(|one| LeftOutFile {
            file: one.file.clone(),
            why: one.why.clone(),
        });
        Self {
            files: left_out.len(),
            named: named.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_are_named() {
        let left_out: Vec<LeftOut> = (0..1_000)
            .map(|number| LeftOut {
                file: format!("{number}.parquet"),
                why: "no Parquet file".into(),
            })
            .collect();
        let said = LeftOutFiles::of(&left_out);
        assert_eq!((said.files, said.named.len()), (1_000, 20));
        assert_eq!(said.named[19].file, "19.parquet");
        assert_eq!(LeftOutFiles::of(&[]).files, 0);
    }
}
