//! A store in memory that does what a store on a network may do: fail, lose its answer, contradict itself. For tests.
//! A table's file names the checkpoint that it was made of in front of its first space.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use super::{Created, Listed, Objects};
use crate::record::EventTime;

/// What the store does with the next request to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Luck {
    /// Done and answered.
    #[default]
    Good,
    /// Done, but the answer is lost.
    Silent,
    /// Not done, and an error.
    Failed,
    /// Not done, and the answer is that the name is taken.
    Conflict,
}

/// A store in memory.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// By path.
    pub checkpoints: RefCell<BTreeMap<String, Vec<u8>>>,
    /// By path.
    pub tables: RefCell<BTreeMap<String, Vec<u8>>>,
    /// For the next request to create.
    pub luck: Cell<Luck>,
    /// So far.
    pub asked: Cell<Asked>,
}

/// What a store was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Of every kind.
    pub requests: usize,
    /// Names that lists gave.
    pub names: usize,
}

impl Memory {
    fn note(&self, names: usize) {
        let Asked {
            requests,
            names: before,
        } = self.asked.get();
        self.asked.set(Asked {
            requests: requests + 1,
            names: before + names,
        });
    }

    fn listed<'a>(&self, paths: impl Iterator<Item = &'a String>) -> anyhow::Result<Vec<Listed>> {
        let listed: Vec<_> = paths
            .map(|path| Listed {
                path: path.clone(),
                modified: EventTime(0),
            })
            .collect();
        self.note(listed.len());
        Ok(listed)
    }

    fn put(
        &self,
        files: &RefCell<BTreeMap<String, Vec<u8>>>,
        path: &str,
        bytes: &[u8],
    ) -> anyhow::Result<Created> {
        self.note(0);
        let luck = self.luck.take();
        if luck == Luck::Failed {
            anyhow::bail!("no answer");
        }
        if luck == Luck::Conflict {
            return Ok(Created::Exists);
        }
        let mut files = files.borrow_mut();
        let answer = if files.contains_key(path) {
            Created::Exists
        } else {
            files.insert(path.to_owned(), bytes.to_vec());
            Created::New
        };
        match luck {
            Luck::Silent => anyhow::bail!("the answer is lost"),
            _ => Ok(answer),
        }
    }
}

impl Objects for Memory {
    fn create(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        self.put(&self.checkpoints, path, bytes)
    }

    fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.note(0);
        Ok(self.checkpoints.borrow().get(path).cloned())
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<Listed>> {
        let (files, folder) = (self.checkpoints.borrow(), format!("{folder}/"));
        self.listed(files.keys().filter(|path| path.starts_with(&folder)))
    }

    fn list_after(&self, folder: &str, path: &str) -> anyhow::Result<Vec<Listed>> {
        let (files, folder) = (self.checkpoints.borrow(), format!("{folder}/"));
        let after = files.keys().filter(|file| file.as_str() > path);
        self.listed(after.filter(|path| path.starts_with(&folder)))
    }

    fn list_first(&self, folder: &str, at_most: usize) -> anyhow::Result<Vec<Listed>> {
        let (files, folder) = (self.checkpoints.borrow(), format!("{folder}/"));
        let inside = files.keys().filter(|path| path.starts_with(&folder));
        self.listed(inside.take(at_most))
    }

    fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.note(0);
        self.checkpoints.borrow_mut().remove(path);
        Ok(())
    }

    fn create_table(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        self.put(&self.tables, path, bytes)
    }

    fn origin(&self, path: &str) -> anyhow::Result<Option<String>> {
        self.note(0);
        let tables = self.tables.borrow();
        let origin = tables
            .get(path)
            .and_then(|file| file.split(|b| *b == b' ').next());
        Ok(origin.map(|origin| String::from_utf8_lossy(origin).into_owned()))
    }
}
