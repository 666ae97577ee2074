//! The checkpoint chain of one partition: how its state goes from one owner to the next. No record is lost or counted
//! twice, even while two instances believe that they own the partition.
//!
//! Correctness rests on one thing: a name in the store can be created once. Nothing here waits or tries again; each
//! [`Commit::advance`] is one request to the store, so that a test can put anything between any two of them.

use super::{
    ChainFolder, Terms,
    checkpoint::{self, Damage, Hash, Header, Saved},
};
use crate::{privacy::ReleasedWindow, record::EventTime};

/// The store that checkpoints and tables go to.
pub trait Objects {
    /// Creates a checkpoint file. An error leaves open whether it was created.
    fn create(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created>;
    /// `None` if there is no such file.
    fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>>;
    /// The checkpoint files of a folder, in order of their names; a file that was created before is among them.
    fn list(&self, folder: &str) -> anyhow::Result<Vec<Listed>>;
    /// Those of them whose names come after this one. Names that come before it cost nothing, however many there are.
    fn list_after(&self, folder: &str, path: &str) -> anyhow::Result<Vec<Listed>>;
    /// The first of them, at most so many.
    fn list_first(&self, folder: &str, at_most: usize) -> anyhow::Result<Vec<Listed>>;
    /// Deletes a checkpoint file that is not needed any more.
    fn delete(&self, path: &str) -> anyhow::Result<()>;
    /// Creates a file of a table.
    fn create_table(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created>;
    /// Which checkpoint a table's file says that it was made of.
    fn origin(&self, path: &str) -> anyhow::Result<Option<String>>;
}

/// What became of a request to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The file was created.
    New,
    /// The name was taken, and stays as it was.
    Exists,
}

/// A file of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the store.
    pub path: String,
    /// When it was written, by the store's clock.
    pub modified: EventTime,
}

/// Why a step did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// Somebody else owns the partition.
    #[error("another instance has written the next checkpoint")]
    Fenced,
    /// The store could not be asked; the step can be taken again.
    #[error(transparent)]
    Store(#[from] anyhow::Error),
    /// A table already has a file of this name, which says that it was made of another checkpoint.
    #[error(
        "{path} holds rows of another checkpoint: the chain's files were removed, or two groups write here. \
         Use another output.url or kafka.group, or move the tables away"
    )]
    Foreign {
        /// The name of the table's file.
        path: String,
    },
    /// A checkpoint cannot be read.
    #[error("{path}: {damage}. `demograph state verify` shows the chain; nothing was changed")]
    Damaged {
        /// The name of the checkpoint's file.
        path: String,
        /// What is wrong with it.
        damage: Damage,
    },
}

/// A file of a table that belongs to a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFile {
    /// Its name in the store.
    pub path: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// How many files one collection looks at: as many as a store lists in one answer.
const COLLECT_MAX: usize = 1_000;

/// The newest checkpoint that this owner knows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number: part of the names of its tables.
    pub seq: u64,
    hash: Hash,
    last_publication: Option<u64>,
}

impl Head {
    /// What its tables must say that they were made of.
    pub fn origin(&self) -> String {
        crate::hex(self.hash)
    }
}

/// One partition's chain, as one owner sees it.
#[derive(Debug, Clone)]
pub struct Chain {
    folder: ChainFolder,
    writer: u64,
    head: Option<Head>,
    /// The number of the first checkpoint, where there is none yet.
    first: u64,
}

/// A checkpoint on its way: create, read back where that is unclear, check the head, publish.
#[derive(Debug, Clone)]
pub struct Commit {
    path: String,
    bytes: Vec<u8>,
    head: Head,
    folder: ChainFolder,
    files: Vec<TableFile>,
    step: CommitStep,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitStep {
    /// Create the checkpoint.
    Create,
    /// Read the file: it is not known whether the checkpoint was created.
    ReadBack,
    /// The checkpoint is there. Look for a newer one.
    HeadCheck,
    /// So many files of tables are there.
    Publish(usize),
    /// The checkpoint holds, and its tables are there.
    Done,
}

impl Chain {
    /// The chain in this folder. Knows no head before [`Chain::recover`]. `writer` is random for each process.
    pub fn new(folder: ChainFolder, writer: u64) -> Self {
        Self {
            folder,
            writer,
            head: None,
            first: 0,
        }
    }

    /// The same chain, whose first checkpoint has a number above this one: an earlier chain of its name used those below.
    pub fn behind(self, seq: u64) -> Self {
        Self {
            first: seq + 1,
            ..self
        }
    }

    /// The same chain in the hands of another process.
    #[cfg(test)]
    pub(super) fn written_by(self, writer: u64) -> Self {
        Self { writer, ..self }
    }

    /// Reads the state in the newest checkpoint, which becomes the head; `None` where there is none yet.
    pub fn recover(&mut self, objects: &dyn Objects) -> Result<Option<Saved>, Halt> {
        let listed = objects.list(self.folder.path())?;
        let Some(newest) = self.folder.own(listed).pop() else {
            return Ok(None);
        };
        let bytes = read(objects, &newest.path)?;
        let (header, saved) = decode(&newest.path, &bytes)?;
        let hash = checkpoint::hash(&bytes).expect("what decodes ends with its hash");
        self.head = Some(Head {
            seq: header.seq,
            hash,
            last_publication: match saved.publish {
                true => Some(header.seq),
                false => header.previous_publication,
            },
        });
        Ok(Some(saved))
    }

    /// The newest checkpoint that this owner has read or written.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// The checkpoint after the head. `publish` says whether its outbox is published under its number.
    pub fn commit(&self, saved: &[u8], publish: bool, now: EventTime) -> Commit {
        let seq = self.head.map_or(self.first, |head| head.seq + 1);
        let previous_publication = self.head.and_then(|head| head.last_publication);
        let header = Header {
            seq,
            parent: self.head.map(|head| head.hash),
            writer: self.writer,
            written: now,
            previous_publication,
        };
        let (bytes, hash) = checkpoint::encode(&header, saved);
        Commit {
            path: self.folder.checkpoint(seq),
            bytes,
            head: Head {
                seq,
                hash,
                last_publication: match publish {
                    true => Some(seq),
                    false => previous_publication,
                },
            },
            folder: self.folder.clone(),
            files: Vec::new(),
            step: CommitStep::Create,
        }
    }

    /// The commit is done: what comes next comes after it.
    pub fn advance(&mut self, commit: &Commit) {
        assert_eq!(
            commit.step,
            CommitStep::Done,
            "a head is what is written and published"
        );
        self.head = Some(commit.head);
    }

    /// The windows of this and earlier publications that end after `since`, newest publication first, as far as they were
    /// counted on these terms: on others an attribute may have been allowed that is not now, or a label had another
    /// place. Stops there, and where the chain was collected.
    pub fn history(
        &self,
        objects: &dyn Objects,
        terms: &Terms,
        since: EventTime,
    ) -> Result<Vec<ReleasedWindow>, Halt> {
        let mut windows = Vec::new();
        let mut next = self.head.and_then(|head| head.last_publication);
        while let Some(seq) = next {
            let path = self.folder.checkpoint(seq);
            let Some(bytes) = objects.read(&path)? else {
                break;
            };
            let (header, saved) = decode(&path, &bytes)?;
            if saved.terms != *terms {
                break;
            }
            let before = windows.len();
            windows.extend(saved.outbox.into_iter().filter(|window| window.end > since));
            // A window may have ended long before it was released; what was written before `since` holds none that ended
            // after it.
            if windows.len() == before && header.written <= since {
                break;
            }
            next = header.previous_publication;
        }
        Ok(windows)
    }

    /// Deletes old checkpoints: all but the head and `keep` behind it, if older than `before`. Looks at the oldest files
    /// only, so what an earlier collection could not delete goes first.
    pub fn collect(
        &self,
        objects: &dyn Objects,
        keep: u64,
        before: EventTime,
    ) -> anyhow::Result<usize> {
        let Some(head) = self.head else { return Ok(0) };
        let first = self.folder.checkpoint(head.seq.saturating_sub(keep));
        let oldest = objects.list_first(self.folder.path(), COLLECT_MAX)?;
        let old: Vec<_> = self
            .folder
            .own(oldest)
            .into_iter()
            .filter(|file| file.path < first && file.modified < before)
            .collect();
        for file in &old {
            objects.delete(&file.path)?;
        }
        Ok(old.len())
    }
}

impl Commit {
    /// The number of the checkpoint: part of the names of its tables.
    pub fn seq(&self) -> u64 {
        self.head.seq
    }

    /// What the checkpoint's tables must say that they were made of.
    pub fn origin(&self) -> String {
        self.head.origin()
    }

    /// Gives it the tables of its outbox, which are created once the checkpoint holds.
    pub fn with_tables(self, files: Vec<TableFile>) -> Self {
        Self { files, ..self }
    }

    /// What [`Commit::advance`] does next.
    pub fn step(&self) -> CommitStep {
        self.step
    }

    /// Takes one step. After [`Halt::Store`] it can be called again.
    pub fn advance(&mut self, objects: &dyn Objects) -> Result<CommitStep, Halt> {
        self.step = match self.step {
            CommitStep::Create => {
                // Without an answer it is not known whether the file is there: the next step reads it.
                self.step = CommitStep::ReadBack;
                match objects.create(&self.path, &self.bytes)? {
                    Created::New => CommitStep::HeadCheck,
                    Created::Exists => CommitStep::ReadBack,
                }
            }
            CommitStep::ReadBack => match objects.read(&self.path)? {
                None => CommitStep::Create,
                Some(bytes) if bytes == self.bytes => CommitStep::HeadCheck,
                Some(_) => return Err(Halt::Fenced),
            },
            CommitStep::HeadCheck => {
                // What comes before the own number says nothing here, and it is long: a day of it is nine pages.
                let newer = objects.list_after(self.folder.path(), &self.path)?;
                if !self.folder.own(newer).is_empty() {
                    return Err(Halt::Fenced);
                }
                self.published(0)
            }
            CommitStep::Publish(done) => {
                publish(objects, &self.files[done], &self.origin())?;
                self.published(done + 1)
            }
            CommitStep::Done => CommitStep::Done,
        };
        Ok(self.step)
    }

    fn published(&self, files: usize) -> CommitStep {
        match files < self.files.len() {
            true => CommitStep::Publish(files),
            false => CommitStep::Done,
        }
    }
}

/// Creates a table's file, or finds that it is there: an earlier attempt, or another owner, was faster.
pub fn publish(objects: &dyn Objects, file: &TableFile, origin: &str) -> Result<(), Halt> {
    if objects.create_table(&file.path, &file.bytes)? == Created::New {
        return Ok(());
    }
    match objects.origin(&file.path)? {
        Some(found) if found == origin => Ok(()),
        Some(_) => Err(Halt::Foreign {
            path: file.path.clone(),
        }),
        // Another request to create it is under way, says S3 so (409): which one wins is not known yet.
        None => {
            let path = &file.path;
            Err(anyhow::anyhow!(
                "the store says that {path} exists, and does not return it"
            ))?
        }
    }
}

fn read(objects: &dyn Objects, path: &str) -> Result<Vec<u8>, Halt> {
    let found = objects.read(path)?;
    Ok(found.ok_or_else(|| anyhow::anyhow!("the store lists {path}, and does not return it"))?)
}

fn decode(path: &str, bytes: &[u8]) -> Result<(Header, Saved), Halt> {
    checkpoint::decode(bytes).map_err(|damage| Halt::Damaged {
        path: path.to_owned(),
        damage,
    })
}
