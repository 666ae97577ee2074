//! Shares of hours and days from released windows: how far they are from the truth, how wide their intervals are, and what an
//! unfinished hour or day takes of a checkpoint.
//! `cargo run --release -p demograph-core --example periods` prints the table of docs/windows.md.
//!
//! People come evenly, three crops each. Crops fall into cells as the faces of a calibration do; shares are estimated with
//! another calibration that is drawn from it, so that its error counts. Seeded; no IO but the print.

use std::collections::BTreeMap;

use demograph_core::{
    estimate::{
        Calibration, CalibrationFile, Calibrations, CellCounts, CellRow, Crops, Estimator, Grid,
        MaskedCounts, Method, quantise,
    },
    privacy::{
        Cells, PolicyRules, ReleasedAttribute, ReleasedWindow, Sealed, ShownShare, Thresholds,
        show_summed_shares, suppress,
    },
    record::{Attribute, EventTime, SourceId},
    views::Sums,
    window::{Accounting, ClosedBy, Unit},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

/// That of the shipped model.
const CALIBRATION: &str = include_str!("../../../models/fairface-small/calibration.int8.json");
const CROPS: usize = 3;
/// Days that are simulated, each of so many hours.
const DAYS: usize = 40;
const HOURS: usize = 12;
/// Of people who pass.
const AGES: [f64; 7] = [0.08, 0.22, 0.24, 0.18, 0.14, 0.09, 0.05];
const GENDERS: [f64; 2] = [0.55, 0.45];
const ETHNICITIES: [f64; 7] = [0.58, 0.13, 0.03, 0.03, 0.02, 0.02, 0.19];

fn truth(attribute: Attribute) -> &'static [f64] {
    match attribute {
        Attribute::Age => &AGES,
        Attribute::Gender => &GENDERS,
        Attribute::Ethnicity => &ETHNICITIES,
    }
}

/// A place of many, each as often as it weighs.
fn draw(weights: &[f64], rng: &mut StdRng) -> usize {
    let mut at = rng.random_range(0.0..weights.iter().sum::<f64>());
    let is_before = |weight: &&f64| {
        at -= **weight;
        at >= 0.0
    };
    let place = weights.iter().take_while(is_before).count();
    place.min(weights.len() - 1)
}

/// What the model says of faces of each class.
struct Law {
    labels: Vec<String>,
    grid: Grid,
    /// By class: how often it says each of these.
    often: Vec<Vec<f64>>,
    said: Vec<Vec<f32>>,
}

impl Law {
    /// That of a calibration: in each of its cells the mean of what the model said.
    fn new(calibration: &Calibration) -> Self {
        let rows = &calibration.cells;
        let of_class = |class: usize| rows.iter().map(move |row| row.faces[class] as f64);
        let said = |row: &CellRow| {
            let all = row.evidence.iter().sum::<u64>() as f32;
            row.evidence.iter().map(|&sum| sum as f32 / all).collect()
        };
        let classes = calibration.labels.len();
        Self {
            labels: calibration.labels.clone(),
            grid: calibration.grid(),
            often: (0..classes)
                .map(|class| of_class(class).collect())
                .collect(),
            said: rows.iter().map(said).collect(),
        }
    }

    /// A person's vote: the category that his crops make most likely, and their cells.
    fn vote(&self, class: usize, votes: &mut CellCounts, rng: &mut StdRng) -> usize {
        let mut crops: BTreeMap<u32, Crops> = BTreeMap::new();
        let mut logs = vec![0.0; self.labels.len()];
        for _ in 0..CROPS {
            let said = &self.said[draw(&self.often[class], rng)];
            let cell = self.grid.cell(said) as u32;
            crops.entry(cell).or_default().add(&quantise(said));
            for (log, p) in logs.iter_mut().zip(said) {
                *log += f64::from(p.max(1e-6)).ln();
            }
        }
        votes.vote(&crops);
        let best = (0..logs.len()).max_by(|&a, &b| logs[a].total_cmp(&logs[b]));
        best.expect("there are classes")
    }

    /// Another calibration of as many faces.
    fn drawn(&self, rng: &mut StdRng) -> Calibration {
        let mut faces: Vec<(usize, &[f32])> = Vec::new();
        for (class, often) in self.often.iter().enumerate() {
            for _ in 0..often.iter().sum::<f64>() as usize {
                faces.push((class, &self.said[draw(often, rng)]));
            }
        }
        Calibration::new(&self.labels, faces.into_iter()).expect("each class has enough faces")
    }
}

/// So many people, released as windows of a hundred, the rest of the hour with them.
fn windows(
    people: usize,
    laws: &BTreeMap<Attribute, Law>,
    rng: &mut StdRng,
) -> Vec<ReleasedWindow> {
    let thresholds = Thresholds::of(&PolicyRules::default(), Unit::Tracks);
    let sizes = (0..people)
        .step_by(100)
        .map(|from| (people - from).min(100));
    let window = |size: usize| {
        let attributes = laws.iter().map(|(&attribute, law)| {
            let mut evidence = CellCounts::default();
            let mut counts = vec![0; law.labels.len()];
            for _ in 0..size {
                let class = draw(truth(attribute), rng);
                counts[law.vote(class, &mut evidence, rng)] += 1;
            }
            ReleasedAttribute {
                attribute,
                cells: suppress(&counts, thresholds),
                evidence: Sealed::of(evidence),
            }
        });
        ReleasedWindow {
            source: SourceId::new("door"),
            partition: 0,
            start: EventTime(0),
            end: EventTime(10_000),
            by: ClosedBy::Watermark,
            content: attributes.collect(),
            accounting: Accounting::default(),
            tracks: size as u64,
            stayed: 0,
            votes: size as u64,
            unit: Unit::Tracks,
        }
    };
    sizes.map(window).collect()
}

/// What is compared, summed over the simulated hours or days.
#[derive(Default)]
struct Compared {
    rows: f64,
    shown: f64,
    counted: f64,
    estimated: f64,
    exact: f64,
    width: f64,
    exact_width: f64,
    held: f64,
    ends: f64,
    bytes: f64,
}

/// Total variation distance, in points, of the shares that are known.
fn distance(shares: &[Option<f64>], truth: &[f64]) -> f64 {
    let known = shares
        .iter()
        .zip(truth)
        .filter_map(|(share, truth)| Some((*share)? - truth));
    50.0 * known.map(f64::abs).sum::<f64>()
}

impl Compared {
    fn add(
        &mut self,
        windows: &[ReleasedWindow],
        (attribute, estimator): (Attribute, Estimator<'_>),
    ) {
        let (mut sums, mut exact) = (Sums::default(), MaskedCounts::default());
        for window in windows {
            sums.add(window);
            let own = window.content.iter().find(|one| one.attribute == attribute);
            exact.merge(&MaskedCounts::of(
                own.expect("it was counted").evidence.for_cells_table(),
                &[],
            ));
        }
        self.bytes += postcard::to_stdvec(&sums)
            .expect("numbers can be written")
            .len() as f64;
        let mut found = sums.attributes();
        let (_, shares) = found
            .find(|one| one.0 == attribute)
            .expect("it was counted");
        let whole = Cells::Shown {
            total: shares.total,
            counts: vec![Some(1); shares.counts.len()],
        };
        let of = |cells: &Cells, votes| show_summed_shares(cells, votes, Some(estimator), 5).shares;
        let (masked, exact) = (of(&shares.cells(), &shares.evidence), of(&whole, &exact));
        let all: u64 = shares.counts.iter().flatten().sum();
        let counted = shares
            .counts
            .iter()
            .map(|count| Some((*count)? as f64 / all as f64));
        let truth = truth(attribute);
        self.rows += 1.0;
        self.shown += 100.0 * shares.shown_ratio().unwrap_or(0.0);
        self.counted += distance(&counted.collect::<Vec<_>>(), truth);
        let estimates =
            |shown: &[ShownShare]| shown.iter().map(|one| one.share).collect::<Vec<_>>();
        self.estimated += distance(&estimates(&masked), truth);
        self.exact += distance(&estimates(&exact), truth);
        for ((shown, exact), truth) in masked.iter().zip(&exact).zip(truth) {
            if let (Some(low), Some(high)) = (shown.low, shown.high) {
                self.ends += 1.0;
                self.held += f64::from(u8::from(low <= *truth && *truth <= high));
                self.width += 100.0 * (high - low);
                self.exact_width += 100.0 * (exact.high.unwrap_or(1.0) - exact.low.unwrap_or(0.0));
            }
        }
    }

    fn row(&self) -> String {
        let mean = |sum: f64| sum / self.rows;
        format!(
            "{:.1} % | {:.1} | {:.1} | {:.1} | {:.0} | {:.0} | {:.1} % | {:.0} kB",
            mean(self.shown),
            mean(self.counted),
            mean(self.estimated),
            mean(self.exact),
            self.width / self.ends,
            self.exact_width / self.ends,
            100.0 * self.held / self.ends,
            mean(self.bytes) / 1_000.0,
        )
    }
}

fn main() {
    let file = CalibrationFile::parse(CALIBRATION).expect("the shipped file is right");
    let laws: BTreeMap<Attribute, Law> = file
        .attributes
        .iter()
        .map(|(&a, c)| (a, Law::new(c)))
        .collect();
    println!(
        "| people an hour | of | attribute | shown | counted | estimated | from exact cells | width | from exact cells | held | state |"
    );
    println!("|---:|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for people in [60, 180, 600, 6_000] {
        let mut rng = StdRng::seed_from_u64(1);
        let mut compared: BTreeMap<(bool, Attribute), Compared> = BTreeMap::new();
        for _ in 0..DAYS {
            let drawn = laws
                .iter()
                .map(|(&a, law)| (a, law.drawn(&mut rng)))
                .collect();
            let other = CalibrationFile::new(file.model.clone(), file.age_bands.clone(), drawn);
            let calibrations = Calibrations::new(Method::Score, Some(other), []);
            let hours: Vec<_> = (0..HOURS)
                .map(|_| windows(people, &laws, &mut rng))
                .collect();
            for &attribute in laws.keys() {
                let estimator = calibrations.estimator(&SourceId::new("door"), attribute);
                let estimator = estimator.expect("there is a calibration");
                let mut add = |is_day, windows: &[ReleasedWindow]| {
                    let all = compared.entry((is_day, attribute)).or_default();
                    all.add(windows, (attribute, estimator));
                };
                add(false, &hours[0]);
                add(true, &hours.concat());
            }
        }
        for ((is_day, attribute), all) in &compared {
            let of = if *is_day { "day" } else { "hour" };
            println!("| {people} | {of} | {attribute} | {} |", all.row());
        }
    }
}
