//! What is learnt of detections, and what is not told.

use super::*;
use crate::{
    estimate::Repeats,
    window::{Evidence, Tally},
};

/// Faces, each given by its posterior, in a window that shows all.
fn pane(faces: &[&[f32]], hidden: &[bool]) -> MaskedCounts {
    let mut pane = Tally::default();
    for posterior in faces {
        let mut face = Evidence::default();
        face.set(Attribute::Gender, posterior);
        pane.vote(&face);
    }
    MaskedCounts::of(pane.cells(Attribute::Gender), hidden)
}

impl Bursts {
    fn see(&mut self, number: i64, votes: &MaskedCounts) {
        self.learn(Attribute::Gender, number..number + 1, 2, votes);
    }
}

/// A thousand panes in which women and men come in groups of so many.
fn known(group: i64) -> Bursts {
    let mut bursts = Bursts::default();
    for number in 0..1_000 {
        // No pattern: the digits of a square root.
        let seed = (number / group * 40_503 + 7) % 65_536;
        let women = seed * seed % 65_537 % 2 == 0;
        let one: &[f32] = if women { &[0.9, 0.1] } else { &[0.1, 0.9] };
        bursts.see(number, &pane(&[one, one], &[false; 2]));
    }
    bursts
}

fn effect(looks: &[Looks; 3]) -> u64 {
    looks[Attribute::Gender as usize].design_effect
}

#[test]
fn until_a_source_is_known_the_config_is_believed() {
    let looks = Bursts::default().looks(7, 10);
    assert_eq!(effect(&looks), 1_000);
    assert!(looks[0].before.iter().all(|&pairs| pairs == 0), "{looks:?}");
}

#[test]
fn groups_that_last_are_found_at_their_length() {
    let (alone, groups) = (known(1), known(8));
    let at = |bursts: &Bursts, panes| effect(&bursts.looks(panes, 10)) as f64 / 100.0;
    // Two crops a person in a pane; what the config assumes weighs a sixteenth.
    assert!((1.8..4.0).contains(&at(&alone, 1)), "{}", at(&alone, 1));
    assert!((1.8..5.0).contains(&at(&alone, 64)), "{}", at(&alone, 64));
    assert!((1.8..4.0).contains(&at(&groups, 1)), "{}", at(&groups, 1));
    assert!(
        (9.0..26.0).contains(&at(&groups, 64)),
        "{}",
        at(&groups, 64)
    );
}

#[test]
fn faces_that_move_among_hidden_classes_change_no_bit() {
    let classes = 3;
    let seen = |hidden_faces: &dyn Fn(i64) -> usize| {
        let mut bursts = Bursts::default();
        for number in 0..600 {
            let one_of = |class: usize| {
                let mut posterior = [0.1f32; 3];
                posterior[class] = 0.8;
                posterior
            };
            let faces = [one_of(0), one_of(0), one_of(hidden_faces(number))];
            let faces = faces.each_ref().map(|posterior| &posterior[..]);
            // Some windows show all; of those nobody may change anything.
            let (faces, hidden) = match number % 3 {
                0 => ([&one_of(0)[..], &one_of(1)[..], &one_of(2)[..]], [false; 3]),
                _ => (faces, [false, true, true]),
            };
            let pane = pane(&faces, &hidden);
            bursts.learn(Attribute::Gender, number..number + 1, classes, &pane);
        }
        bursts
    };
    let one = seen(&|_| 1);
    assert_eq!(one, seen(&|number| 1 + usize::from(number / 64 % 2 == 0)));
    assert_ne!(one.looks(64, 10), Bursts::default().looks(64, 10));
}

#[test]
fn posteriors_of_other_classes_begin_anew() {
    let mut bursts = known(8);
    let face = pane(&[&[0.2, 0.3, 0.5]], &[false; 3]);
    bursts.learn(Attribute::Gender, 1_000..1_001, 3, &face);
    assert_eq!(effect(&bursts.looks(1, 10)), 1_000);
}

/// Of people who stay for so many panes, with forty crops each.
fn exact(stay: f64, panes: f64) -> f64 {
    let part = panes / stay;
    let inside = match part < 1.0 {
        true => part * (1.0 - part / 3.0),
        false => 1.0 - 1.0 / part / 3.0,
    };
    1.0 + 40.0 * inside
}

#[test]
fn a_run_of_windows_has_nearly_the_design_effect_of_its_length() {
    for (stay, panes) in [1.0, 5.0, 20.0, 60.0]
        .into_iter()
        .flat_map(|stay| [1, 3, 20, 100].map(|panes| (stay, panes)))
    {
        let known = LENGTHS.map(|length| (100.0 * exact(stay, length as f64)) as u64);
        let looks = Looks::of(panes, &known);
        let votes = 1_000;
        let before = looks.before.iter();
        let one = Repeats {
            windows: 1,
            within: votes * (looks.design_effect - 100) / 100,
            before: before.map(|&pairs| votes * pairs / 100).collect(),
        };
        let mut sum = Repeats::default();
        for windows in 1..=360 {
            sum.merge(&one);
            let found = 1.0 + sum.pairs() / (windows * votes) as f64;
            let ratio = found / exact(stay, (panes * windows) as f64);
            // The interval's width is the root of it.
            assert!(
                (0.87..1.3).contains(&ratio),
                "{stay} {panes} {windows}: {ratio}"
            );
        }
    }
}
