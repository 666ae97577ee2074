//! A store in memory that fails as stores do: without an answer, or with the answer lost.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use demograph_core::{
    record::EventTime,
    state::{Created, Listed, Objects},
};

type Files = RefCell<BTreeMap<String, Vec<u8>>>;

/// What happens to the next request to create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Luck {
    #[default]
    Good,
    /// Done, but the answer is lost.
    Silent,
    /// Not done, and an error.
    Failed,
}

#[derive(Debug, Default)]
pub struct Memory {
    pub checkpoints: Files,
    pub tables: Files,
    pub luck: Cell<Luck>,
}

impl Memory {
    fn put(&self, files: &Files, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        let luck = self.luck.take();
        anyhow::ensure!(luck != Luck::Failed, "no answer");
        let mut files = files.borrow_mut();
        let is_new = !files.contains_key(path);
        files
            .entry(path.to_owned())
            .or_insert_with(|| bytes.to_vec());
        anyhow::ensure!(luck != Luck::Silent, "the answer is lost");
        Ok(if is_new {
            Created::New
        } else {
            Created::Exists
        })
    }
}

impl Objects for Memory {
    fn create(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        self.put(&self.checkpoints, path, bytes)
    }

    fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.checkpoints.borrow().get(path).cloned())
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<Listed>> {
        let inside = format!("{folder}/");
        let files = self.checkpoints.borrow();
        Ok(files
            .keys()
            .filter(|path| path.starts_with(&inside))
            .map(|path| Listed {
                path: path.clone(),
                modified: EventTime(0),
            })
            .collect())
    }

    fn list_after(&self, folder: &str, path: &str) -> anyhow::Result<Vec<Listed>> {
        let mut listed = self.list(folder)?;
        listed.retain(|file| file.path.as_str() > path);
        Ok(listed)
    }

    fn list_first(&self, folder: &str, at_most: usize) -> anyhow::Result<Vec<Listed>> {
        let mut listed = self.list(folder)?;
        listed.truncate(at_most);
        Ok(listed)
    }

    fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.checkpoints.borrow_mut().remove(path);
        Ok(())
    }

    fn create_table(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        self.put(&self.tables, path, bytes)
    }

    fn origin(&self, path: &str) -> anyhow::Result<Option<String>> {
        let tables = self.tables.borrow();
        let Some(bytes) = tables.get(path) else {
            return Ok(None);
        };
        let (mark, _): (String, Vec<demograph_core::privacy::ReleasedPane>) =
            postcard::from_bytes(bytes)?;
        Ok(Some(mark))
    }
}
