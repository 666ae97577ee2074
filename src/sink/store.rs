//! Where the files go: a folder or an S3 bucket, through one door.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail, ensure};
use object_store::{
    ClientConfigKey, Error, GetOptions, GetRange, ListResult, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path as ObjectPath,
    prefix::PrefixStore,
};

use crate::{
    config,
    record::EventTime,
    state::{Created, Listed},
};

/// The output store, and the small runtime that its requests need.
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
    place: String,
}

impl Store {
    /// Opens where the tables go. A folder is created if it is not there.
    pub fn open(output: &config::Output) -> anyhow::Result<Self> {
        Self::open_at(&output.url, &output.options)
    }

    /// Opens a place with the options of its object store.
    pub fn open_at(url: &str, options: &BTreeMap<String, config::Text>) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("start a runtime for the output store")?;
        let objects = match url.split_once("://") {
            Some(("s3", _)) => s3(url, options)?,
            Some(("file", path)) => folder(Path::new(path))?,
            Some((scheme @ ("http" | "https"), _)) => bail!(
                "{scheme}:// names no bucket: write s3://bucket/prefix, and the server as output.options.aws_endpoint"
            ),
            Some((scheme, _)) => {
                bail!("{scheme}:// is not supported; write a folder or s3://bucket/prefix")
            }
            None => folder(Path::new(url))?,
        };
        Ok(Self {
            objects,
            runtime,
            place: config::without_login(url),
        })
    }

    /// Whether a place can hold anything already: `false` of a folder that does not exist.
    pub fn may_be_there(url: &str) -> bool {
        match url.split_once("://") {
            Some(("file", path)) => Path::new(path).exists(),
            Some(_) => true,
            None => Path::new(url).exists(),
        }
    }

    /// What the user called it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Writes a complete file, durably, unless the name is taken: readers never see a part of it.
    pub fn create(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<Created> {
        let options = PutOptions::from(PutMode::Create);
        let path = name(path)?;
        let put = self.objects.put_opts(&path, bytes.into(), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(Created::New),
            // S3 answers 412, or 409 while another attempt is under way: the caller reads what is there.
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Created::Exists),
            Err(error) => Err(error).with_context(|| format!("write {path} to {}", self.place)),
        }
    }

    /// A file, or nothing where there is none.
    pub fn find(&self, path: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let name = name(path)?;
        let read = async {
            let found = self.objects.get(&name).await?;
            found.bytes().await
        };
        match self.runtime.block_on(read) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("read {path} from {}", self.place)),
        }
    }

    /// The files directly in a folder, in order of their names.
    pub fn files(&self, folder: &str) -> anyhow::Result<Vec<Listed>> {
        let mut files: Vec<Listed> = self
            .inside(folder)?
            .objects
            .into_iter()
            .map(|object| Listed {
                path: object.location.to_string(),
                modified: EventTime(object.last_modified.timestamp_millis()),
            })
            .collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    /// The folders directly in a folder.
    pub fn folders(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let mut folders: Vec<String> = self
            .inside(folder)?
            .common_prefixes
            .into_iter()
            .map(|folder| folder.to_string())
            .collect();
        folders.sort();
        Ok(folders)
    }

    fn inside(&self, folder: &str) -> anyhow::Result<ListResult> {
        let path = name(folder)?;
        self.runtime
            .block_on(self.objects.list_with_delimiter(Some(&path)))
            .with_context(|| format!("list {folder} in {}", self.place))
    }

    pub fn delete(&self, path: &str) -> anyhow::Result<()> {
        match self.runtime.block_on(self.objects.delete(&name(path)?)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("delete {path} in {}", self.place)),
        }
    }

    /// The files of a table, over all its dates, in order.
    pub fn list(&self, table: &str) -> anyhow::Result<Vec<String>> {
        let mut files = Vec::new();
        for date in self.folders(table)? {
            files.extend(self.files(&date)?.into_iter().map(|file| file.path));
        }
        Ok(files)
    }

    pub fn read(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let found = self.find(path)?;
        found.with_context(|| format!("{path} is not in {}", self.place))
    }

    /// The last bytes of a file, at most so many.
    pub fn tail(&self, path: &str, bytes: usize) -> anyhow::Result<Vec<u8>> {
        let name = name(path)?;
        let read = async {
            let options = GetOptions::default().with_range(Some(GetRange::Suffix(bytes as u64)));
            self.objects.get_opts(&name, options).await?.bytes().await
        };
        let bytes = self.runtime.block_on(read);
        let bytes = bytes.with_context(|| format!("read {path} from {}", self.place))?;
        Ok(bytes.to_vec())
    }

    /// Whether files can be created here, and only once: found out by doing it.
    pub fn probe(&self) -> anyhow::Result<()> {
        let path = format!(
            "_probe-{}-{:08x}",
            crate::clock::now().0,
            rand::random::<u32>()
        );
        let created = self
            .create(&path, b"first".to_vec())
            .and_then(|_| self.create(&path, b"second".to_vec()))
            .with_context(|| format!("{} is not writable", self.place));
        self.delete(&path)?;
        ensure!(
            created? == Created::Exists,
            "{} overwrites files that are there (it has no conditional create), so rows could be lost: use another store",
            self.place
        );
        Ok(())
    }
}

/// A path as the store's name of it, as it is: nothing in it is encoded, so that it is found under the name that a listing
/// gives and that other readers use. Names of groups and topics come in encoded ([`crate::state::plain`]).
fn name(path: &str) -> anyhow::Result<ObjectPath> {
    ObjectPath::parse(path).with_context(|| format!("{path:?} cannot be the name of a file"))
}

fn folder(path: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    ensure!(
        !path.starts_with("~"),
        "{}: only a shell knows what ~ means: write the whole path",
        path.display()
    );
    std::fs::create_dir_all(path)
        .with_context(|| format!("create the folder {}", path.display()))?;
    let store = LocalFileSystem::new_with_prefix(path)
        .with_context(|| format!("open the folder {}", path.display()))?
        .with_fsync(true);
    Ok(Arc::new(store))
}

/// The client's own attempts are few: the writer goes on asking, and can stop in between.
fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(20),
        ..Default::default()
    }
}

fn s3(url: &str, options: &BTreeMap<String, config::Text>) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let mut builder = AmazonS3Builder::from_env()
        .with_url(url)
        .with_retry(retries());
    for (key, value) in options {
        let option = key.parse().map_err(|_| {
            anyhow!("output.options.{key} is no option of S3; write for example aws_region")
        })?;
        let value = value
            .resolve()
            .map_err(|error| anyhow!("output.options.{key}: {error}"))?;
        builder = builder.with_config(option, value);
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    let allows = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
    let allows = builder.get_config_value(&allows).unwrap_or_default();
    ensure!(
        !endpoint.is_some_and(|url| url.starts_with("http://")) || is_true(&allows),
        "the endpoint of S3 begins with http://, so what is sent could be read on its way: write https://, or allow it \
         with output.options.aws_allow_http = \"true\" (AWS_ALLOW_HTTP=true in the environment)"
    );
    let store = builder.build().context("output: S3 refuses the options")?;
    let prefix = url
        .splitn(4, '/')
        .nth(3)
        .unwrap_or_default()
        .trim_matches('/');
    Ok(if prefix.is_empty() {
        Arc::new(store)
    } else {
        Arc::new(PrefixStore::new(store, name(prefix)?))
    })
}

/// As the client reads a switch.
fn is_true(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_a_group_of_any_name_wrote_is_listed_and_read(
            group in "\\PC{1,20}|\\.{1,3}|[a-z:/ %]{1,9}", topic in "[a-zA-Z0-9._-]{1,20}", prefix in "[a-zä %]{1,9}",
        ) {
            let directory = tempfile::tempdir().unwrap();
            let url = directory.path().join(prefix.trim()).display().to_string();
            let folder = state::folder(&group, &topic, 3);
            let path = format!("{folder}/7.ckpt");
            Store::open_at(&url, &BTreeMap::new()).unwrap().create(&path, b"one".to_vec()).unwrap();
            // As after a restart: only what is listed is known.
            let store = Store::open_at(&url, &BTreeMap::new()).unwrap();
            let listed: Vec<String> = store.files(&folder).unwrap().into_iter().map(|file| file.path).collect();
            prop_assert_eq!(&listed, &[path]);
            prop_assert_eq!(store.read(&listed[0]).unwrap(), b"one");
            let (topic, _) = folder.rsplit_once('/').unwrap();
            prop_assert_eq!(store.folders(topic).unwrap(), [folder.clone()]);
            store.delete(&listed[0]).unwrap();
            prop_assert!(store.files(&folder).unwrap().is_empty());
        }
    }

    #[test]
    fn a_file_is_written_whole_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let output = config::Output {
            url: directory.path().join("new").display().to_string(),
            publish_interval: config::Span::seconds(1),
            file_rows_max: 1,
            cells: false,
            cells_url: None,
            keep: None,
            options: Default::default(),
        };
        let store = Store::open(&output).unwrap();
        store.probe().unwrap();
        store
            .create("t/date=2026-01-01/a.parquet", b"one".to_vec())
            .unwrap();
        store
            .create("t/date=2026-01-01/a.parquet", b"two".to_vec())
            .unwrap();
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

    fn refused(url: &str, options: &[(&str, &str)]) -> String {
        let options = options.iter();
        let options =
            options.map(|(key, value)| ((*key).into(), config::Text::Plain((*value).into())));
        let opened = Store::open_at(url, &options.collect());
        opened
            .err()
            .map_or(String::new(), |error| format!("{error:#}"))
    }

    #[test]
    fn what_people_write_by_mistake_is_refused_with_the_fix() {
        let http = ("aws_endpoint", "http://127.0.0.1:9000");
        for (url, options, fix) in [
            ("~/out", vec![], "write the whole path"),
            ("file://~/out", vec![], "write the whole path"),
            ("gs://bucket/x", vec![], "s3://bucket/prefix"),
            ("https://host/bucket", vec![], "aws_endpoint"),
            ("s3://bucket/x", vec![http], "aws_allow_http"),
            (
                "s3://bucket/x",
                vec![http, ("aws_allow_http", "false")],
                "aws_allow_http",
            ),
            (
                "s3://bucket/x",
                vec![("endpoint", http.1)],
                "aws_allow_http",
            ),
        ] {
            let said = refused(url, &options);
            assert!(said.contains(fix), "{url}: {said}");
        }
        for allowed in ["true", "TRUE", "1"] {
            assert_eq!(
                refused("s3://bucket/x", &[http, ("aws_allow_http", allowed)]),
                ""
            );
        }
        assert_eq!(
            refused(
                "s3://bucket/x",
                &[("aws_endpoint", "https://127.0.0.1:9000")]
            ),
            ""
        );
    }

    #[test]
    fn a_login_in_a_place_is_not_shown() {
        let store = Store::open_at("s3://name:word@bucket/x", &BTreeMap::new());
        let shown = store.map_or_else(
            |error| format!("{error:#}"),
            |store| store.place().to_owned(),
        );
        assert!(!shown.contains("word"), "{shown}");
    }

    #[test]
    fn an_unknown_scheme_is_refused_with_the_fix() {
        let output = config::Output {
            url: "ftp://x/y".into(),
            publish_interval: config::Span::seconds(1),
            file_rows_max: 1,
            cells: false,
            cells_url: None,
            keep: None,
            options: Default::default(),
        };
        let error = Store::open(&output).err().unwrap().to_string();
        assert!(error.contains("s3://"), "{error}");
    }
}
