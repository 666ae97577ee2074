//! Twins of a stream: the same but for people of hidden categories, who are of other hidden categories. Whoever reads what
//! leaves the program must not be able to tell one from the other, whatever the estimator is. Where a twin shows other
//! counts than the stream, it is no twin.

use std::collections::BTreeMap;

use demograph_core::{
    estimate::CalibrationFile,
    privacy::{Cells, ReleasedWindow},
};
use demograph_service::sink::{Provenance, Table};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{
    run::{Step, run},
    streams::Stream,
};

/// Twins that are tried of a stream.
const TRIED: usize = 5;

/// How many twins were compared.
pub fn cannot_be_told_apart(stream: &Stream, file: &CalibrationFile, seed: u64) -> usize {
    let steps = run(stream, file, true);
    let mut rng = StdRng::seed_from_u64(seed);
    let places: Vec<(&ReleasedWindow, usize)> = steps
        .iter()
        .flat_map(|step| &step.released)
        .flat_map(|window| (0..window.content.len()).map(move |place| (window, place)))
        .filter(|&(window, place)| hidden(window, place).len() > 1)
        .collect();
    let mut compared = 0;
    for _ in 0..TRIED.min(places.len()) {
        let (window, place) = places[rng.random_range(0..places.len())];
        let twin = twin(stream, (window, place), &mut rng);
        compared += usize::from(compare(&steps, &run(&twin, file, true)));
    }
    compared
}

/// The categories that the window hides of the attribute, and others shows.
fn hidden(window: &ReleasedWindow, place: usize) -> Vec<usize> {
    match &window.content[place].cells {
        Cells::Shown { counts, .. } => (0..counts.len())
            .filter(|&category| counts[category].is_none())
            .collect(),
        Cells::Suppressed => Vec::new(),
    }
}

/// Some people of hidden categories become people of others: two entries of all their posteriors change places.
fn twin(stream: &Stream, (window, place): (&ReleasedWindow, usize), rng: &mut StdRng) -> Stream {
    let hidden = hidden(window, place);
    let attribute = window.content[place].attribute as usize;
    let mut people: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (n, face) in stream.faces.iter().enumerate() {
        if face.source == window.source.as_str() {
            // A face without a track is somebody by itself.
            let person = face.track.unwrap_or(n as u64);
            people.entry(person).or_default().push(n);
        }
    }
    let mut twin = stream.clone();
    for faces in people.values() {
        let is_within = |&n: &usize| {
            let face = &stream.faces[n];
            let within = (window.start.0..window.end.0).contains(&face.time);
            within && hidden.contains(&likeliest(&face.posteriors[attribute]))
        };
        if !faces.iter().all(is_within) || rng.random_bool(0.5) {
            continue;
        }
        let [one, other] = [0; 2].map(|_| hidden[rng.random_range(0..hidden.len())]);
        for &n in faces {
            twin.faces[n].posteriors[attribute].swap(one, other);
        }
    }
    twin
}

fn likeliest(posterior: &[f32]) -> usize {
    let places = (0..posterior.len()).rev();
    let likeliest = places.max_by(|&a, &b| posterior[a].total_cmp(&posterior[b]));
    likeliest.expect("there are categories")
}

/// Panics if something else is published; false if the counts that are shown are others, or nothing changed.
fn compare(steps: &[Step], twins: &[Step]) -> bool {
    let windows = |steps: &'_ [Step]| -> Vec<ReleasedWindow> {
        let windows = steps.iter().flat_map(|step| &step.released);
        windows.cloned().collect()
    };
    let (ours, theirs) = (windows(steps), windows(twins));
    let cells = |windows: &[ReleasedWindow]| -> Vec<Cells> {
        let attributes = windows.iter().flat_map(|window| &window.content);
        attributes.map(|released| released.cells.clone()).collect()
    };
    if cells(&ours) != cells(&theirs) || ours == theirs {
        return false;
    }
    for (step, twin) in steps.iter().zip(twins) {
        let provenance = Provenance {
            terms: step.meaning.terms.clone(),
            calibrations: step.meaning.calibrations.clone(),
        };
        let (ours, theirs) = (&step.publication, &twin.publication);
        // The table `cells` does not leave the program.
        let published = [
            Table::Demographics,
            Table::Windows,
            Table::Hourly,
            Table::Daily,
        ];
        for table in published.into_iter().filter(|_| ours != theirs) {
            let rows = |publication| table.rows(publication, &provenance);
            assert_eq!(rows(ours), rows(theirs), "{}", table.name());
        }
        // What is shown of a view is a function of it.
        assert!(
            step.views == twin.views,
            "{:?}\n{:?}",
            step.views,
            twin.views
        );
        assert_eq!(step.people, twin.people);
    }
    true
}
