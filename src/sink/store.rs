//! Where the files go: a folder or an S3 bucket, through one door.

use std::{path::Path, sync::Arc};

use anyhow::{Context, anyhow, bail};
use object_store::{
    GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path as ObjectPath, prefix::PrefixStore,
};

use crate::config;

/// The output store, and the small runtime that its requests need.
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
    place: String,
}

impl Store {
    /// Opens the store. A folder is created if it is not there.
    pub fn open(output: &config::Output) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start a runtime for the output store")?;
        let objects = match output.url.split_once("://") {
            Some(("s3", _)) => s3(output)?,
            Some(("file", path)) => folder(Path::new(path))?,
            Some((scheme, _)) => bail!(
                "output.url: {scheme}:// is not supported; write a folder or s3://bucket/prefix"
            ),
            None => folder(Path::new(&output.url))?,
        };
        Ok(Self {
            objects,
            runtime,
            place: output.url.clone(),
        })
    }

    /// What the user called it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Writes a complete file, durably, under a name that must be free: readers never see a part of it.
    pub fn create(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        let options = PutOptions::from(PutMode::Create);
        self.runtime
            .block_on(
                self.objects
                    .put_opts(&ObjectPath::from(path), bytes.into(), options),
            )
            .with_context(|| format!("write {path} to {}", self.place))?;
        Ok(())
    }

    /// The files of a table, over all its dates, in order.
    pub fn list(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let list = |folder: &ObjectPath| {
            self.runtime
                .block_on(self.objects.list_with_delimiter(Some(folder)))
                .with_context(|| format!("list {folder} in {}", self.place))
        };
        let mut files = Vec::new();
        for date in list(&ObjectPath::from(table))?.common_prefixes {
            let objects = list(&date)?.objects;
            files.extend(
                objects
                    .into_iter()
                    .map(|object| object.location.to_string()),
            );
        }
        files.sort();
        Ok(files)
    }

    pub fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let read = async {
            let found = self.objects.get(&ObjectPath::from(path)).await?;
            found.bytes().await
        };
        let bytes = self.runtime.block_on(read);
        let bytes = bytes.with_context(|| format!("read {path} from {}", self.place))?;
        Ok(bytes.to_vec())
    }

    /// The last bytes of a file, at most so many.
    pub fn tail(&self, path: &str, bytes: usize) -> anyhow::Result<Vec<u8>> {
        let read = async {
            let options = GetOptions::default().with_range(Some(GetRange::Suffix(bytes as u64)));
            let path = ObjectPath::from(path);
            self.objects.get_opts(&path, options).await?.bytes().await
        };
        let bytes = self.runtime.block_on(read);
        let bytes = bytes.with_context(|| format!("read {path} from {}", self.place))?;
        Ok(bytes.to_vec())
    }

    pub fn delete(&self, path: &str) -> anyhow::Result<()> {
        self.runtime
            .block_on(self.objects.delete(&ObjectPath::from(path)))
            .with_context(|| format!("delete {path} from {}", self.place))
    }

    /// Whether files can be created here, found out by creating one.
    pub fn probe(&self) -> anyhow::Result<()> {
        let path = ObjectPath::from(format!("_probe-{}", crate::clock::now().0));
        self.runtime
            .block_on(async {
                let options = PutOptions::from(PutMode::Create);
                self.objects
                    .put_opts(&path, Vec::new().into(), options)
                    .await?;
                self.objects.delete(&path).await
            })
            .with_context(|| format!("{} is not writable", self.place))
    }
}

fn folder(path: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    std::fs::create_dir_all(path)
        .with_context(|| format!("create the folder {}", path.display()))?;
    let store = LocalFileSystem::new_with_prefix(path)
        .with_context(|| format!("open the folder {}", path.display()))?
        .with_fsync(true);
    Ok(Arc::new(store))
}

fn s3(output: &config::Output) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::from_env().with_url(&output.url);
    for (key, value) in &output.options {
        let option = key.parse().map_err(|_| {
            anyhow!("output.options.{key} is no option of S3; write for example aws_region")
        })?;
        let value = value
            .resolve()
            .map_err(|error| anyhow!("output.options.{key}: {error}"))?;
        builder = builder.with_config(option, value);
    }
    let store = builder.build().context("output: S3 refuses the options")?;
    let prefix = output
        .url
        .splitn(4, '/')
        .nth(3)
        .unwrap_or_default()
        .trim_matches('/');
    Ok(if prefix.is_empty() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, prefix))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let output = config::Output {
            url: directory.path().join("new").display().to_string(),
            publish_interval: config::Span::seconds(1),
            file_rows_max: 1,
            ..config::Output::default()
        };
        let store = Store::open(&output).unwrap();
        store.probe().unwrap();
        store
            .create("t/date=2026-01-01/a.parquet", b"one".to_vec())
            .unwrap();
        store
            .create("t/date=2026-01-01/a.parquet", b"two".to_vec())
            .unwrap_err();
        let file = directory.path().join("new/t/date=2026-01-01/a.parquet");
        assert_eq!(std::fs::read(file).unwrap(), b"one");
        assert_eq!(store.list("t").unwrap(), ["t/date=2026-01-01/a.parquet"]);
        assert_eq!(store.read("t/date=2026-01-01/a.parquet").unwrap(), b"one");
        assert_eq!(
            std::fs::read_dir(directory.path().join("new"))
                .unwrap()
                .count(),
            1
        );
    }

    #[test]
    fn an_unknown_scheme_is_refused_with_the_fix() {
        let output = config::Output {
            url: "ftp://x/y".into(),
            publish_interval: config::Span::seconds(1),
            file_rows_max: 1,
            ..config::Output::default()
        };
        let error = Store::open(&output).err().unwrap().to_string();
        assert!(error.contains("s3://"), "{error}");
    }
}
