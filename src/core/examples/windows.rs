//! What a camera's day shows: simulated doors of few and many people, for several values of `windows.people_min`.
//! `cargo run --release -p demograph-core --example windows` prints the tables of docs/windows.md.
//!
//! People come at random times (Poisson), each with a track of 12 crops in 6 s. The model makes no errors here, so that
//! what is missing was withheld. Seeded; no IO but the print.

use demograph_core::{
    facts::ModelFacts,
    privacy::{Cells, Policy, PolicyRules, ReleasedWindow},
    record::{
        AgePosterior, Attribute, Estimate, EventTime, Position, Posterior, SourceId, TrackId,
    },
    state::{Saved, Shard, Terms, TrackKey},
    window::{Categories, Growth, Observation, Settings, Untracked, Weighting},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const HOUR: i64 = 3_600_000;
/// 2026-01-01, in milliseconds.
const BEGIN: i64 = 1_767_225_600_000;
const CROPS: i64 = 12;
/// Between two crops of a track, in milliseconds.
const STEP: i64 = 6_000 / CROPS;
const AGE_STARTS: [u32; 7] = [0, 18, 25, 35, 45, 55, 65];
/// Of 100 people, by category.
const AGES: [usize; 7] = [8, 12, 22, 20, 16, 12, 10];
const GENDERS: [usize; 2] = [55, 45];
const ETHNICITIES: [usize; 5] = [60, 15, 10, 10, 5];

/// One person: when he comes, and what he is, in the order of [`Attribute::ALL`].
struct Person {
    at: i64,
    is: [usize; 3],
}

fn main() {
    println!(
        "\nA day (24 h from midnight), 12 crops a person in 6 s, panes of 10 s, k_total 10, k_cell 5.\n"
    );
    println!(
        "| people an hour | people_min | windows | median length | gender shown | 7 age bands shown | 5 ethnicities shown \
         | hours that show gender | error of the day's age shares | counted / there | of a later hour |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for an_hour in [3, 10, 60, 180, 600, 6_000] {
        let people = people(an_hour, 24);
        for people_min in [0, 20, 50, 100, 200] {
            let released = released(&people, people_min);
            println!("| {an_hour} | {people_min} | {}", row(&people, &released));
        }
    }
    println!("\nThe shop door: one hour, 180 people, one every 20 s.\n");
    let door: Vec<Person> = people(180, 1)
        .into_iter()
        .zip(0..180)
        .map(|(person, n)| Person {
            at: BEGIN + n * 20_000 + 1_234,
            ..person
        })
        .collect();
    for people_min in [0, 20, 50, 100, 200] {
        let released = released(&door, people_min);
        println!("| 180 | {people_min} | {}", row(&door, &released));
    }
    println!("\nBytes of a checkpoint that a growing window takes, by the people in it:");
    for people in [10, 49, 99] {
        println!("{people}: {}", state(&door, people));
    }
}

/// How many bytes of a checkpoint a window takes that waits for its last person.
fn state(people: &[Person], at_most: usize) -> usize {
    let bytes = |people| {
        folded(people, 1_000)
            .checkpoint(EventTime(0), false)
            .saved
            .len()
    };
    bytes(&people[..at_most]) - bytes(&[])
}

fn people(an_hour: i64, hours: i64) -> Vec<Person> {
    let mut random = StdRng::seed_from_u64(20);
    let mut people = Vec::new();
    let mut at = BEGIN as f64;
    let mean = HOUR as f64 / an_hour as f64;
    loop {
        let u: f64 = random.random_range(0.0..1.0);
        at += -(1.0 - u).ln() * mean;
        if at as i64 >= BEGIN + hours * HOUR {
            return people;
        }
        let mut one_of = |weights: &[usize]| {
            let mut at: usize = random.random_range(0..100);
            let is_it = |&weight: &usize| {
                let is_it = at < weight;
                at = at.saturating_sub(weight);
                is_it
            };
            weights.iter().position(is_it).unwrap_or(0)
        };
        let is = [one_of(&AGES), one_of(&GENDERS), one_of(&ETHNICITIES)];
        people.push(Person { at: at as i64, is });
    }
}

fn released(people: &[Person], people_min: u64) -> Vec<ReleasedWindow> {
    let mut shard = folded(people, people_min);
    let last = people.last().map_or(BEGIN, |person| person.at);
    // An hour later, and then all that would wait longer.
    shard.close_idle(EventTime(last + 2 * HOUR));
    shard.end();
    let last = shard.checkpoint(EventTime(0), true);
    last.publication.unwrap_or_default().windows
}

/// A partition that has read all crops of these people.
fn folded(people: &[Person], people_min: u64) -> Shard {
    let rules = PolicyRules::default();
    let settings = Settings {
        pane: 10_000,
        lateness_max: 10_000,
        idle_after: 30_000,
        future_max: 60_000,
        drops_duplicates: false,
        sources_max: 10,
        weighting: Weighting::People,
        untracked: Untracked::Ignore,
        growth: Growth::of(&rules, people_min, 24 * HOUR),
    };
    let facts = ModelFacts {
        id: "simulated".into(),
        has_age: true,
        gender: names(GENDERS.len()),
        ethnicity: names(ETHNICITIES.len()),
    };
    let categories = Categories::new(&AGE_STARTS, &facts);
    let policy = Policy::new(&rules, &[]);
    let terms = Terms::new("simulated", &policy, categories.clone(), &settings);
    let key = TrackKey::of("no secret: the key of a simulation").expect("it is long enough");
    let mut shard = Shard::begin(0, Saved::beginning(0), settings, terms.into(), &key);
    let mut random = StdRng::seed_from_u64(7);
    let crops = people.iter().enumerate();
    let mut crops: Vec<(i64, usize)> = crops
        .flat_map(|(person, Person { at, .. })| (0..CROPS).map(move |n| (at + n * STEP, person)))
        .collect();
    crops.sort_unstable();
    for (offset, &(time, person)) in (0..).zip(&crops) {
        let estimate = estimate(people[person].is, &mut random);
        shard.apply(Observation {
            position: Position {
                partition: 0,
                offset,
            },
            received: EventTime(time),
            source: SourceId::new("door"),
            time: EventTime(time),
            stated: None,
            id: None,
            track: Some(TrackId::of(&person.to_le_bytes())),
            judged: None,
            outcome: Ok(categories.evidence(&estimate)),
        });
    }
    shard
}

fn names(number: usize) -> Vec<String> {
    (0..number).map(|name| name.to_string()).collect()
}

/// Always right, and more or less sure.
fn estimate([age, gender, ethnicity]: [usize; 3], random: &mut StdRng) -> Estimate {
    let mut sharp = |category: usize, number: usize| {
        let sure: f32 = random.random_range(0.6..0.99);
        let one = |other| {
            if other == category {
                sure
            } else {
                (1.0 - sure) / (number - 1) as f32
            }
        };
        (0..number).map(one).collect::<Vec<f32>>()
    };
    Estimate {
        age: Some(AgePosterior {
            ages: AGE_STARTS.iter().map(|&years| years as f32).collect(),
            probabilities: sharp(age, AGE_STARTS.len()),
        }),
        gender: Some(Posterior(sharp(gender, GENDERS.len()))),
        ethnicity: Some(Posterior(sharp(ethnicity, ETHNICITIES.len()))),
    }
}

/// Counts that are shown of a window; `None` where all is suppressed.
fn counts(window: &ReleasedWindow, attribute: Attribute) -> Option<&[Option<u64>]> {
    let mut released = window.content.iter();
    match &released.find(|one| one.attribute == attribute)?.cells {
        Cells::Shown { counts, .. } => Some(counts),
        Cells::Suppressed => None,
    }
}

fn row(people: &[Person], released: &[ReleasedWindow]) -> String {
    let windows: Vec<&ReleasedWindow> = released.iter().filter(|one| one.votes > 0).collect();
    let votes: u64 = windows.iter().map(|window| window.votes).sum();
    let part = |attribute| {
        let shown = windows
            .iter()
            .filter_map(|window| counts(window, attribute));
        let shown: u64 = shown.flatten().flatten().sum();
        100.0 * shown as f64 / votes as f64
    };
    let mut lengths: Vec<i64> = windows.iter().map(|one| one.end.0 - one.start.0).collect();
    lengths.sort_unstable();
    let mut hours: Vec<i64> = windows
        .iter()
        .filter(|window| {
            counts(window, Attribute::Gender)
                .is_some_and(|counts| counts.iter().any(Option::is_some))
        })
        .map(|window| window.start.0 / HOUR)
        .collect();
    hours.dedup();
    let error = error_of_ages(people, &windows);
    format!(
        "{} | {} | {:.1} % | {:.1} % | {:.1} % | {} | {} | {:.3} | {:.1} % |",
        windows.len(),
        length(lengths[lengths.len() / 2]),
        part(Attribute::Gender),
        part(Attribute::Age),
        part(Attribute::Ethnicity),
        hours.len(),
        error.map_or("-".into(), |error| format!("{error:.1} points")),
        votes as f64 / people.len() as f64,
        100.0 * of_later_hours(people, &windows) as f64 / people.len() as f64,
    )
}

/// People who came in a later hour than the one in which their window begins, and which counts them.
fn of_later_hours(people: &[Person], windows: &[&ReleasedWindow]) -> usize {
    let of = |window: &&ReleasedWindow| {
        let hour_end = (window.start.0 / HOUR + 1) * HOUR;
        let is_later = |person: &&Person| (hour_end..window.end.0).contains(&person.at);
        people.iter().filter(is_later).count()
    };
    windows.iter().map(of).sum()
}

/// Half the sum of the differences between the shares of what is shown and of the people, in points.
fn error_of_ages(people: &[Person], windows: &[&ReleasedWindow]) -> Option<f64> {
    let mut shown = [0u64; AGE_STARTS.len()];
    for counts in windows
        .iter()
        .filter_map(|window| counts(window, Attribute::Age))
    {
        for (sum, count) in shown.iter_mut().zip(counts) {
            *sum += count.unwrap_or(0);
        }
    }
    let all: u64 = shown.iter().sum();
    let of = |band: usize| people.iter().filter(|person| person.is[0] == band).count() as f64;
    let error = |band: usize| {
        let share = shown[band] as f64 / all as f64;
        (share - of(band) / people.len() as f64).abs()
    };
    (all > 0).then(|| 50.0 * (0..AGE_STARTS.len()).map(error).sum::<f64>())
}

fn length(millis: i64) -> String {
    match millis {
        ..60_000 => format!("{} s", millis / 1_000),
        60_000..HOUR => format!("{:.1} min", millis as f64 / 60_000.0),
        _ => format!("{:.1} h", millis as f64 / HOUR as f64),
    }
}
