//! Shares of a film beside those of the same composites, sent directly: as the tables of the same pipeline show them, and as the
//! model answers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    watch::{crowd, switch},
    world::{Broker, Film, Process, Service, crops_csv, demograph, duckdb, publish, repository},
};

/// So many people walk by; more with PEOPLE=200. SEED, BETWEEN, WIDTH and HEIGHT are those of `watch`.
const PEOPLE: usize = 60;
/// The shipped model; another with MODEL=models/research-small.
const MODEL: &str = "models/fairface-small";

/// Crops and their tracks.
type Rows = Vec<(PathBuf, String)>;

/// By attribute and category.
type Shares = BTreeMap<(String, String), f64>;

/// What the table `daily` shows: estimated shares, counted ones, and the number of people.
struct Day {
    estimated: Shares,
    counted: Shares,
    people: i64,
}

impl Day {
    fn of(out: &Path) -> Self {
        let rows = duckdb(&format!(
            "SELECT attribute, category, share, share_naive, tracks - stayed AS people FROM read_parquet('{}/daily/*/*.parquet') \
             WHERE category IS NOT NULL ORDER BY ALL",
            out.display()
        ));
        let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
        let shares = |column: &str| {
            let rows = rows.iter();
            rows.filter_map(|row| {
                let name = (text(row, "attribute"), text(row, "category"));
                Some((name, row[column].as_f64()?))
            })
            .collect()
        };
        Self {
            estimated: shares("share"),
            counted: shares("share_naive"),
            people: rows[0]["people"].as_i64().unwrap(),
        }
    }
}

/// Total variation distance, with all categories that not both show as one; and how many are hidden in one of the two.
fn distance(attribute: &str, one: &Shares, other: &Shares) -> (f64, usize) {
    let of = |shares: &Shares| -> BTreeMap<String, f64> {
        let all = shares.iter().filter(|((name, _), _)| name == attribute);
        all.map(|((_, category), share)| (category.clone(), *share))
            .collect()
    };
    let (one, other) = (of(one), of(other));
    let both = one
        .iter()
        .filter_map(|(name, a)| Some((a, other.get(name)?)));
    let both: Vec<(&f64, &f64)> = both.collect();
    let sum: f64 = both.iter().map(|(a, b)| (*a - *b).abs()).sum();
    let rest: f64 = both.iter().map(|(a, b)| *a - *b).sum();
    let only = |here: &BTreeMap<String, f64>, there: &BTreeMap<String, f64>| {
        here.keys()
            .filter(|name| !there.contains_key(*name))
            .count()
    };
    (
        (sum + rest.abs()) / 2.0,
        only(&one, &other) + only(&other, &one),
    )
}

/// The film through `watch`.
fn of_film(folder: &Path, film: &Path, model: &str) -> Day {
    let out = folder.join("film-out");
    let mut watch = demograph(&["--log", "warn", "watch", "--model", model]);
    watch.args(["--listen", "127.0.0.1:0", "--start", "2026-03-01T09:30:00Z"]);
    watch.arg("--out").arg(&out).arg(film);
    let said = Process::start("demograph watch", watch).finish(600);
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    Day::of(&out)
}

/// Crops of a source through the same pipeline with the configuration of `watch`, without camera, detector and tracker. Where
/// nothing is hidden, nothing is rounded either, and all people are in one window.
fn of_crops(folder: &Path, name: &str, rows: Rows, model: &str, hides: bool) -> Day {
    let topic = Broker::shared().topic(&format!("film-shares-{name}"), 1);
    let (folder, people) = (folder.join(name), rows.len());
    std::fs::create_dir(&folder).unwrap();
    let out = folder.join("out");
    let config = std::fs::read_to_string(repository("deploy/watch.toml")).unwrap();
    let config = config
        .replace("\"embedded\"", &format!("{:?}", topic.brokers))
        .replace("topic = \"watch\"", &format!("topic = {:?}", topic.name))
        .replace(
            "group = \"demograph-watch\"",
            &format!("group = {:?}", topic.name),
        )
        .replace(
            "models/fairface-small",
            &repository(model).display().to_string(),
        )
        .replace("url = \"watch-out\"", &format!("url = {out:?}"));
    let (config, rate) = match hides {
        // Windows of fifty people, as the film has them: they are cut between panes of ten seconds.
        true => (config, "5"),
        false => (
            config
                .replace("people_min = 50", "people_min = 100000")
                .replace("[policy]\n", "[policy]\nk_total = 1\nk_cell = 1\n"),
            "200",
        ),
    };
    let config = format!(
        "{config}\n[state]\nurl = {:?}\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [[source]]\nid = {name:?}\nattributes = [\"age\", \"gender\"]\n",
        folder.join("state")
    );
    let rows = rows.into_iter();
    let crops = crops_csv(
        &folder,
        rows.map(|(file, track)| (file, name.to_owned(), track)),
    );
    let mut service = Service::start(&config);
    service.await_ready();
    let published = publish(&topic, &crops, &["--rate", rate]).finish(600);
    assert_eq!(published.code, Some(0), "{}", published.stderr);
    service.await_metric("demograph_records_total", people as f64, 60);
    service.stop();
    Day::of(&out)
}

/// The composites of a crowd, in the order in which they come, each a person.
fn composites(crowd: &Film) -> Rows {
    let mut walkers: Vec<_> = crowd.walkers.iter().collect();
    walkers.sort_by(|a, b| a.enters.total_cmp(&b.enters));
    let walkers = walkers.iter().enumerate();
    walkers
        .map(|(number, walker)| (walker.composite.clone(), number.to_string()))
        .collect()
}

/// Says how far apart the two are, and fails where that is too far. The correction makes of a small difference of counted ages a
/// larger one, because the model takes neighbouring bands for one another.
fn compare(what: &str, film: &Day, direct: &Day) {
    for (attribute, most) in [("gender", [0.06, 0.06]), ("age", [0.25, 0.12])] {
        let (estimated, hidden) = distance(attribute, &film.estimated, &direct.estimated);
        let (counted, _) = distance(attribute, &film.counted, &direct.counted);
        println!(
            "{what}, {attribute}: {} people of the film, {} sent: TVD estimated {estimated:.3}, counted {counted:.3}; \
             {hidden} categories are hidden in one of the two",
            film.people, direct.people
        );
        for (name, share) in film
            .estimated
            .iter()
            .filter(|(name, _)| name.0 == attribute)
        {
            println!(
                "  {} film {share:.3}, sent {:?}",
                name.1,
                direct.estimated.get(name)
            );
        }
        assert!(
            estimated < most[0] && counted < most[1],
            "{attribute}: {estimated} {counted}"
        );
    }
}

/// A crowd, and the file in the folder that it was filmed into.
fn filmed(folder: &Path) -> (Film, PathBuf) {
    let (crowd, file) = (
        crowd(switch("PEOPLE", PEOPLE), switch("SEED", 6)),
        folder.join("door.mkv"),
    );
    crowd.write(&file);
    (crowd, file)
}

#[test]
fn tables_of_a_film_show_the_shares_of_the_same_composites_sent_directly() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, model) = (folder.path(), switch("MODEL", MODEL.to_owned()));
    let (crowd, file) = filmed(folder);
    let film = of_film(folder, &file, &model);
    let direct = of_crops(folder, "direct", composites(&crowd), &model, true);
    assert_eq!(direct.people, crowd.walkers.len() as i64);
    compare("as shown", &film, &direct);
}

#[test]
fn crops_of_a_film_have_the_shares_of_the_same_composites_where_nothing_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, model) = (folder.path(), switch("MODEL", MODEL.to_owned()));
    let (crowd, file) = filmed(folder);
    let crops = folder.join("crops");
    let mut detect = demograph(&["--log", "warn", "detect"]);
    detect.arg(&file).arg("--out").arg(&crops);
    let said = Process::start("demograph detect", detect).finish(300);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let mut list = csv::Reader::from_path(crops.join("crops.csv")).unwrap();
    let rows = list.records().map(|row| {
        let row = row.unwrap();
        (crops.join(&row[0]), row[row.len() - 1].to_owned())
    });
    let film = of_crops(folder, "film", rows.collect(), &model, false);
    let direct = of_crops(folder, "direct", composites(&crowd), &model, false);
    compare("nothing hidden", &film, &direct);
}
