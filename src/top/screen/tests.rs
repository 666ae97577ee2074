//! Screens of an instance with a few sources.

use unicode_width::UnicodeWidthStr;

use super::*;
use crate::answers::{
    Attribute, Category, Count, LeftOut, LeftOutFile, Live, LiveSource, People, Rejected, Sources,
    View,
};

fn categories(votes: u64) -> Vec<Category> {
    let one = |name: &str, share: f64| Category {
        category: name.into(),
        votes: Some(votes),
        share_naive: Some(share),
        share: Some(share),
        share_low: Some(share - 0.05),
        share_high: Some(share + 0.05),
    };
    vec![one("female", 0.54), one("male", 0.46)]
}

/// So many sources; the first has no view, the second a hidden category.
pub(crate) fn picture(sources: usize) -> Picture {
    let name = |at: usize| format!("cam-{at}");
    let view = |at: usize, view: &str| View {
        view: view.into(),
        from: Some("2026-11-27T14:00:00Z".into()),
        until: Some("2026-11-27T15:00:00Z".into()),
        attributes: vec![Attribute {
            attribute: "gender".into(),
            shown_ratio: Some(1.0),
            calibration_fits: Some(at != 2),
            categories: match at {
                1 => vec![categories(10).remove(0), Category::default()],
                _ => categories(100 * at as u64),
            },
        }],
    };
    Picture {
        sources: Sources {
            origin: "service".into(),
            total: sources,
            sources: (0..sources)
                .map(|at| Source {
                    source: name(at),
                    people_min: Some(50),
                    ..Source::default()
                })
                .collect(),
            ..Sources::default()
        },
        live: Live {
            at: Some("2026-11-27T15:00:02Z".into()),
            broker_answered: Some("2026-11-27T14:59:52Z".into()),
            sources: (1..sources)
                .map(|at| LiveSource {
                    source: name(at),
                    people: Some(People {
                        date: "2026-11-27".into(),
                        today: 1_234,
                        since: Some("2026-11-27T09:12:00Z".into()),
                        has_untracked: false,
                    }),
                    views: vec![view(at, "1m"), view(at, "1h")],
                })
                .collect(),
        },
        health: Some(Health {
            is_alive: true,
            is_ready: true,
            lag: 3,
            records: vec![Count {
                outcome: "face".into(),
                records: 1_234,
            }],
            rejected: vec![Rejected {
                reason: "not_an_image".into(),
                records: 5,
                fix: "Send a JPEG.".into(),
            }],
            ..Health::default()
        }),
    }
}

fn state(sources: usize) -> State {
    State {
        url: "http://127.0.0.1:9464".into(),
        picture: picture(sources),
        has_answered: true,
        ..State::default()
    }
}

fn text(state: &State, columns: usize, rows: usize) -> String {
    let lines = screen(state, Size { columns, rows });
    assert_eq!(lines.len(), rows);
    for line in &lines {
        assert!(line.text.width() <= columns, "{line:?}");
    }
    let texts = lines.iter().map(|line| line.text.trim_end());
    texts.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_screen_of_80_by_24_has_everything() {
    let said = text(&state(30), 80, 24);
    for part in [
        "live 15:00:02 UTC",
        "ready   lag 3   face 1,234",
        "last 1h   gender   by name   1 to 11 of 30 sources",
        "> cam-0                         no window is released yet: one needs 50 people",
        "cam-1                     10  female 54 % (49-59)   hidden",
        "! CALIBRATION DOES NOT FIT",
        "cam-10                 2,000  female 54 % (49-59)  male 46 % (41-51)",
        "q quit",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("cam-11"), "{said}");
}

#[test]
fn the_chosen_source_has_all_its_attributes_below_the_list() {
    let mut state = state(3);
    state.choice.row = 1;
    let said = text(&state, 80, 24);
    let (_, below) = said
        .split_once("cam-1: last 1h, windows from 14:00:00")
        .unwrap();
    assert!(
        below.contains("gender     10 votes  female 54 % (49-59)"),
        "{said}"
    );
    assert!(below.contains("(1 hidden)"), "{said}");
    let people = "people   1,234 on 2026-11-27, of windows released since 09:12:00 UTC";
    assert!(below.contains(people), "{said}");
}

#[test]
fn people_without_a_track_id_are_not_said_to_be_nobody() {
    for (today, expected) in [(0, "people   not known on"), (7, "people   at least 7 on")] {
        let mut state = state(3);
        state.choice.row = 1;
        for source in &mut state.picture.live.sources {
            if let Some(people) = &mut source.people {
                (people.today, people.has_untracked) = (today, true);
            }
        }
        let said = text(&state, 100, 30);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_narrow_screen_leaves_out_columns_in_order_and_says_when_it_is_too_narrow() {
    let mut state = state(12);
    state.choice.row = 3;
    let said = text(&state, 50, 24);
    assert!(said.contains("live 15:00:02 UTC"), "{said}");
    assert!(!said.contains("votes  shares"), "{said}");
    assert!(
        said.contains("cam-1               female 54 % (49-59)"),
        "{said}"
    );
    let said = text(&state, 30, 24);
    for part in [
        "live 15:00:02 UTC",
        "ready   lag 3",
        "  source     shares",
        "  cam-2      ! NO FIT  female…",
        "> cam-3      female 54 %  mal…",
        "cam-3: last 1h, windows from\n  14:00:00 to 15:00:00 UTC",
        "people   1,234 on 2026-11-27,\n  of windows released since",
        "gender     600 votes",
        "           female 54 % (49-59)",
        "           male 46 % (41-51)",
        "q quit  h health  / s a v",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    state.choice.is_health = true;
    let said = text(&state, 30, 24);
    let fix = "5\n    Send a JPEG.";
    assert!(said.contains(fix), "{said}");
    let said = text(&state, 12, 8);
    assert!(
        said.contains("too narrow:\n  needs 20\n  columns"),
        "{said}"
    );
}

#[test]
fn any_size_is_filled_and_not_more() {
    for sources in [0, 1, 500] {
        for (columns, rows) in [(1, 1), (10, 3), (40, 10), (80, 24), (300, 90)] {
            text(&state(sources), columns, rows);
            let mut state = state(sources);
            state.choice.is_health = true;
            text(&state, columns, rows);
        }
    }
}

#[test]
fn what_is_wrong_stands_in_the_first_line() {
    let mut state = state(3);
    state.silent = Some(40);
    assert!(text(&state, 80, 24).contains("NOTHING NEW for 40 s"));
    state.silent = None;
    assert!(text(&state, 80, 24).contains("live 15:00:02 UTC"));
    state.picture.live.broker_answered = Some("2026-11-27T14:59:50.9Z".into());
    let said = text(&state, 80, 24);
    assert!(
        said.contains("KAFKA HAS NOT ANSWERED since 14:59:50"),
        "{said}"
    );
    state.trouble = Some("connection refused\u{1b}[2J".into());
    let said = text(&state, 80, 24);
    assert!(said.contains("NO ANSWER: connection refused?[2J"), "{said}");
    state.picture.health = state.picture.health.map(|health| Health {
        is_ready: false,
        ..health
    });
    assert!(text(&state, 80, 24).contains("NOT READY"));
}

#[test]
fn rejected_records_have_their_fix() {
    let mut state = state(3);
    state.choice.is_health = true;
    let said = text(&state, 80, 24);
    assert!(said.contains("not_an_image"), "{said}");
    assert!(said.contains("Send a JPEG."), "{said}");
}

#[test]
fn a_pipe_gets_every_source_and_no_keys() {
    let said = once(&state(30));
    for part in [
        "cam-0: no window",
        "cam-29: last 1h",
        "not_an_image",
        "lag 3",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert!(!said.contains("q quit"), "{said}");
}

#[test]
fn tables_say_that_they_are_tables() {
    let mut state = state(3);
    state.picture.sources.origin = "tables".into();
    state.picture.health = None;
    let said = text(&state, 80, 24);
    assert!(said.contains("tables, read at 15:00:02"), "{said}");
    assert!(said.contains("newest hour"), "{said}");
    assert!(said.contains("there is no health"), "{said}");
    state.picture.sources.left_out = LeftOut {
        files: 2,
        named: vec![LeftOutFile {
            file: "hourly/a.parquet".into(),
            why: "its end is missing".into(),
        }],
    };
    let said = text(&state, 80, 24);
    let left_out = "FILES LEFT OUT: 2, such as hourly/a.parquet: its end is missing";
    assert!(said.contains(left_out), "{said}");
}
