//! The stores as the checkpoint chain asks them: checkpoints to the one, tables to the other, exact cells to a third.

use demograph_core::state::{Created, Listed, Objects};

use super::{Store, Table, file};

/// Where tables and checkpoints go.
pub struct Stores {
    pub tables: Store,
    pub state: Store,
    /// Where the table `cells` goes, if it does not lie with the others.
    pub cells: Option<Store>,
}

impl Stores {
    /// Where a file of the table `cells` goes, if that is a place of its own.
    fn cells(&self, path: &str) -> Option<&Store> {
        let (table, _) = path.split_once('/')?;
        self.cells.as_ref().filter(|_| table == Table::Cells.name())
    }
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
        let Some(cells) = self.cells(path) else {
            return self.tables.create(path, bytes.to_vec());
        };
        // An earlier version may have written this very file among the other tables.
        match self.tables.find(path)? {
            Some(_) => Ok(Created::Exists),
            None => cells.create(path, bytes.to_vec()),
        }
    }

    fn origin(&self, path: &str) -> anyhow::Result<Option<String>> {
        let in_cells = self.cells(path).map(|cells| cells.find(path));
        let found = match in_cells.transpose()?.flatten() {
            None => self.tables.find(path)?,
            found => found,
        };
        match found {
            Some(bytes) => file::fact(bytes, file::CHECKPOINT),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sink::{day, encode};

    const CELLS: &str = "cells/date=1970-01-01/a.parquet";

    #[test]
    fn cells_go_to_a_place_of_their_own_unless_they_are_among_the_tables_already() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let place = folder.path().join(name).display().to_string();
            Store::open_at(&place, &BTreeMap::new()).unwrap()
        };
        let stores = Stores {
            tables: open("out"),
            state: open("out-state"),
            cells: Some(open("out-cells")),
        };
        let facts = [(file::CHECKPOINT, "1".to_owned())];
        let bytes = encode(&day::tests::cells(&[("gate", 1, 1)]), &facts).unwrap();
        let windows = CELLS.replace("cells/", "windows/");
        for path in [CELLS, windows.as_str()] {
            assert_eq!(stores.create_table(path, &bytes).unwrap(), Created::New);
            assert_eq!(stores.create_table(path, &bytes).unwrap(), Created::Exists);
            assert_eq!(stores.origin(path).unwrap().as_deref(), Some("1"));
        }
        assert!(folder.path().join("out-cells").join(CELLS).exists());
        assert!(!folder.path().join("out").join(CELLS).exists());
        assert!(folder.path().join("out").join(windows).exists());

        let old = CELLS.replace("a.parquet", "b.parquet");
        stores.tables.create(&old, bytes.clone()).unwrap();
        assert_eq!(stores.create_table(&old, &bytes).unwrap(), Created::Exists);
        assert_eq!(stores.origin(&old).unwrap().as_deref(), Some("1"));
        assert!(!folder.path().join("out-cells").join(old).exists());
    }
}
