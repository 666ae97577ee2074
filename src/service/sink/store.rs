//! Where the files go: a folder or an S3 bucket, through one door.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, anyhow, bail, ensure};
use demograph_core::{
    record::EventTime,
    state::{Created, Listed},
};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    ClientConfigKey, Error, GetOptions, GetRange, ListResult, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path as ObjectPath,
    prefix::PrefixStore,
};

use crate::config;

/// The output store, and the small runtime that its requests need.
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    runtime: tokio::runtime::Runtime,
    place: String,
    /// Whether it lists names in their order: S3 does, a file system does not.
    lists_in_order: bool,
    former: Option<Former>,
}

/// Where an older version put what is under a prefix outside ASCII: under its percent-encoded name.
struct Former {
    objects: Arc<dyn ObjectStore>,
    encoded: String,
    prefix: String,
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
        let (objects, former) = match url.split_once("://") {
            Some(("s3", _)) => s3(url, options)?,
            Some(("file", path)) => (folder(Path::new(path))?, None),
            Some((scheme @ ("http" | "https"), _)) => bail!(
                "{scheme}:// names no bucket: write s3://bucket/prefix, and the server as output.options.aws_endpoint"
            ),
            Some((scheme, _)) => {
                bail!("{scheme}:// is not supported; write a folder or s3://bucket/prefix")
            }
            None => (folder(Path::new(url))?, None),
        };
        Ok(Self {
            objects,
            runtime,
            place: config::without_login(url),
            lists_in_order: url.starts_with("s3://") && !is_express(options),
            former,
        })
    }

    /// A prefix of a bucket, for tests.
    #[cfg(test)]
    fn of_bucket(bucket: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        let (objects, former) = under(bucket, prefix).expect("the prefix is a name");
        Self {
            objects,
            former,
            place: format!("s3://bucket/{prefix}"),
            ..Self::in_memory(Duration::ZERO)
        }
    }

    /// A store in memory that takes so long to answer, for tests.
    #[cfg(test)]
    pub fn in_memory(answer: Duration) -> Self {
        use object_store::{
            memory::InMemory,
            throttle::{ThrottleConfig, ThrottledStore},
        };
        let slow = ThrottleConfig {
            wait_delete_per_call: answer,
            wait_get_per_call: answer,
            wait_list_per_call: answer,
            wait_list_with_delimiter_per_call: answer,
            wait_put_per_call: answer,
            ..Default::default()
        };
        Self {
            objects: Arc::new(ThrottledStore::new(InMemory::new(), slow)),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime needs nothing"),
            place: "memory".into(),
            lists_in_order: true,
            former: None,
        }
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
        Ok(in_order(self.inside(folder)?.objects))
    }

    /// Those of them whose names come after this one: one request of the store, however many come before it.
    pub fn files_after(&self, folder: &str, path: &str) -> anyhow::Result<Vec<Listed>> {
        let (place, offset) = (name(folder)?, name(path)?);
        let found = self.objects.list_with_offset(Some(&place), &offset);
        let mut files = self.listed(folder, found)?;
        // Not every stand-in for S3 heeds where a list is to begin.
        files.retain(|file| file.path.as_str() > path);
        Ok(files)
    }

    /// The first of them, at most so many. A store that lists in the order of names is asked for no more than that.
    pub fn first_files(&self, folder: &str, at_most: usize) -> anyhow::Result<Vec<Listed>> {
        let found = self.objects.list(Some(&name(folder)?));
        let found = match self.lists_in_order {
            true => found.take(at_most).boxed(),
            false => found,
        };
        let mut files = self.listed(folder, found)?;
        files.truncate(at_most);
        Ok(files)
    }

    /// An error where an older version's files are not found under the name that the place has now: nothing would be known
    /// of them, and all records would be counted again.
    fn refuse_former(&self) -> anyhow::Result<()> {
        let Some(former) = &self.former else {
            return Ok(());
        };
        if !self.holds(&former.objects)? || self.holds(&self.objects)? {
            return Ok(());
        }
        let Former {
            encoded, prefix, ..
        } = former;
        bail!(
            "{}: files of an older version lie under {encoded:?}, the percent-encoded name of this prefix, where they are \
             not found any more. Stop all instances, move every object from {encoded:?} to {prefix:?} (with AWS: aws s3 mv \
             --recursive 's3://BUCKET/{encoded}/' 's3://BUCKET/{prefix}/'), and start again",
            self.place
        );
    }

    /// Whether there is any file. Asks for one page.
    fn holds(&self, objects: &Arc<dyn ObjectStore>) -> anyhow::Result<bool> {
        let mut found = objects.list(None);
        let first = self.runtime.block_on(found.try_next());
        let first = first.with_context(|| format!("list {}", self.place))?;
        Ok(first.is_some())
    }

    fn listed(
        &self,
        folder: &str,
        found: BoxStream<'_, object_store::Result<ObjectMeta>>,
    ) -> anyhow::Result<Vec<Listed>> {
        let found: Vec<ObjectMeta> = self
            .runtime
            .block_on(found.try_collect())
            .with_context(|| format!("list {folder} in {}", self.place))?;
        let mut files = in_order(found);
        // These lists go into folders of the folder, too.
        files.retain(|file| {
            let inside = file.path.strip_prefix(folder);
            inside.is_some_and(|name| !name.trim_start_matches('/').contains('/'))
        });
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

    /// Whether files can be created here, and only once: found out by doing it. Refuses a place whose files still have the
    /// names of an older version.
    pub fn probe(&self) -> anyhow::Result<()> {
        self.refuse_former()?;
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

/// What a store found, in the order of names.
fn in_order(objects: Vec<ObjectMeta>) -> Vec<Listed> {
    let mut files: Vec<Listed> = objects
        .into_iter()
        .map(|object| Listed {
            path: object.location.to_string(),
            modified: EventTime(object.last_modified.timestamp_millis()),
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// A path as the store's name of it, as it is: nothing in it is encoded, so that it is found under the name that a listing
/// gives and that other readers use. Names of groups and topics come in encoded ([`demograph_core::state::plain`]).
fn name(path: &str) -> anyhow::Result<ObjectPath> {
    ObjectPath::parse(path).with_context(|| format!("{path:?} cannot be the name of a file"))
}

fn folder(path: &Path) -> anyhow::Result<Arc<dyn ObjectStore>> {
    ensure!(
        !path.starts_with("~"),
        "{}: ~ is not replaced here: write the whole path",
        path.display()
    );
    std::fs::create_dir_all(path)
        .with_context(|| format!("create the folder {}", path.display()))?;
    let store = LocalFileSystem::new_with_prefix(path)
        .with_context(|| format!("open the folder {}", path.display()))?
        .with_fsync(true);
    Ok(Arc::new(store))
}

/// The files, and where an older version may have put them.
type Place = (Arc<dyn ObjectStore>, Option<Former>);

/// The client's own attempts are few: the writer goes on asking, and can stop in between.
fn retries() -> RetryConfig {
    RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(20),
        ..Default::default()
    }
}

fn s3(url: &str, options: &BTreeMap<String, config::Text>) -> anyhow::Result<Place> {
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
    under(Arc::new(store), prefix)
}

/// A prefix of a bucket, and what an older version may have called it.
fn under(bucket: Arc<dyn ObjectStore>, prefix: &str) -> anyhow::Result<Place> {
    if prefix.is_empty() {
        return Ok((bucket, None));
    }
    let (plain, encoded) = (name(prefix)?, ObjectPath::from(prefix));
    let former = (plain != encoded).then(|| Former {
        encoded: encoded.to_string(),
        prefix: prefix.to_owned(),
        objects: Arc::new(PrefixStore::new(bucket.clone(), encoded)),
    });
    Ok((Arc::new(PrefixStore::new(bucket, plain)), former))
}

/// Whether this is S3 Express, which lists in no order.
fn is_express(options: &BTreeMap<String, config::Text>) -> bool {
    let is_said = |key: &str| {
        let value = options.get(key).map(config::Text::resolve);
        value.is_some_and(|value| value.is_ok_and(|value| is_true(&value)))
    };
    is_said("aws_s3_express") || is_said("s3_express")
}

/// As the client reads a switch.
fn is_true(text: &str) -> bool {
    ["1", "true", "on", "yes", "y"].contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests;
