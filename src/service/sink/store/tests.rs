//! What is created is found under any name, once and whole; what people write by mistake is refused.

use demograph_core::{span::Span, state};
use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_a_group_of_any_name_wrote_is_listed_and_read(
        group in "\\PC{1,20}|\\.{1,3}|[a-z:/ %]{1,9}", topic in "[a-zA-Z0-9._-]{1,20}", prefix in "[a-zä %]{1,9}",
    ) {
        let directory = tempfile::tempdir().unwrap();
        let url = directory.path().join(prefix.trim()).display().to_string();
        let topic = state::TopicFolder::new(&group, &topic);
        let (folder, path) = (topic.chain(3), topic.chain(3).checkpoint(7));
        let folder = folder.path();
        Store::open_at(&url, &BTreeMap::new()).unwrap().create(&path, b"one".to_vec()).unwrap();
        // As after a restart: only what is listed is known.
        let store = Store::open_at(&url, &BTreeMap::new()).unwrap();
        let listed: Vec<String> = store.files(folder).unwrap().into_iter().map(|file| file.path).collect();
        prop_assert_eq!(&listed, &[path]);
        prop_assert_eq!(store.read(&listed[0]).unwrap(), b"one");
        prop_assert!(store.files_after(folder, &listed[0]).unwrap().is_empty());
        prop_assert_eq!(&store.first_files(folder, 1).unwrap()[0].path, &listed[0]);
        prop_assert_eq!(store.folders(topic.path()).unwrap(), [folder.to_owned()]);
        store.delete(&listed[0]).unwrap();
        prop_assert!(store.files(folder).unwrap().is_empty());
    }
}

#[test]
fn a_file_is_written_whole_and_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let output = config::Output {
        url: directory.path().join("new").display().to_string(),
        publish_interval: Span::seconds(1),
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

#[test]
fn a_list_begins_after_a_name_or_ends_after_so_many() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display().to_string();
    let store = Store::open_at(&place, &BTreeMap::new()).unwrap();
    for path in ["t/3", "t/1", "t/4/5", "t/2", "u/9"] {
        store.create(path, Vec::new()).unwrap();
    }
    let paths = |files: anyhow::Result<Vec<Listed>>| -> Vec<String> {
        files.unwrap().into_iter().map(|file| file.path).collect()
    };
    assert_eq!(paths(store.files_after("t", "t/1")), ["t/2", "t/3"]);
    assert_eq!(paths(store.files_after("t", "t/3")), [""; 0]);
    assert_eq!(paths(store.files_after("new", "new/3")), [""; 0]);
    assert_eq!(paths(store.first_files("t", 2)), ["t/1", "t/2"]);
    assert_eq!(paths(store.first_files("t", 9)), ["t/1", "t/2", "t/3"]);
}

fn refused(url: &str, options: &[(&str, &str)]) -> String {
    let options = options.iter();
    let options = options.map(|(key, value)| ((*key).into(), config::Text::Plain((*value).into())));
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
        publish_interval: Span::seconds(1),
        file_rows_max: 1,
        cells: false,
        cells_url: None,
        keep: None,
        options: Default::default(),
    };
    let error = Store::open(&output).err().unwrap().to_string();
    assert!(error.contains("s3://"), "{error}");
}

#[test]
fn files_under_the_encoded_name_of_a_prefix_are_refused_with_what_to_do() {
    let bucket: Arc<dyn ObjectStore> = Arc::new(object_store::memory::InMemory::new());
    let all = Store::of_bucket(bucket.clone(), "");
    let place = |prefix: &str| Store::of_bucket(bucket.clone(), prefix);
    place("zählung/süd").probe().unwrap();
    let file = "windows/date=2026-01-01/a.parquet";
    let old = format!("z%C3%A4hlung/s%C3%BCd/{file}");
    all.create(&old, b"old".to_vec()).unwrap();
    let refused = place("zählung/süd").probe().unwrap_err().to_string();
    assert!(refused.contains("z%C3%A4hlung/s%C3%BCd"), "{refused}");
    assert!(refused.contains("aws s3 mv"), "{refused}");
    // Another prefix has nothing to do with it, and neither has one that an older version wrote as it is.
    place("zählung/nord").probe().unwrap();
    place("plain/a b").probe().unwrap();
    assert!(place("plain/a b").former.is_none());
    // Moved, or begun anew: what lies under the right name is read.
    place("zählung/süd").create(file, b"new".to_vec()).unwrap();
    place("zählung/süd").probe().unwrap();
    all.delete(&old).unwrap();
    place("zählung/süd").probe().unwrap();
}
