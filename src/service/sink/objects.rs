//! The stores as the checkpoint chain asks them: checkpoints to the one, tables to the other.

use demograph_core::state::{Created, Listed, Objects};

use super::{Store, file};

/// Where tables and checkpoints go.
pub struct Stores {
    pub tables: Store,
    pub state: Store,
}

impl Objects for Stores {
    fn create(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        self.state.create(path, bytes.to_vec())
    }

    fn read(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.state.find(path)
    }

    fn list(&self, folder: &str) -> anyhow::Result<Vec<Listed>> {
        self.state.files(folder)
    }

    fn list_after(&self, folder: &str, path: &str) -> anyhow::Result<Vec<Listed>> {
        self.state.files_after(folder, path)
    }

    fn list_first(&self, folder: &str, at_most: usize) -> anyhow::Result<Vec<Listed>> {
        self.state.first_files(folder, at_most)
    }

    fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.state.delete(path)
    }

    fn create_table(&self, path: &str, bytes: &[u8]) -> anyhow::Result<Created> {
        self.tables.create(path, bytes.to_vec())
    }

    fn origin(&self, path: &str) -> anyhow::Result<Option<String>> {
        match self.tables.find(path)? {
            Some(bytes) => file::fact(bytes, file::CHECKPOINT),
            None => Ok(None),
        }
    }
}
