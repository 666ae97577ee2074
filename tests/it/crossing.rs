//! People who cross a rendered film, through ffmpeg, detector and tracker: counted, given to another's track, missed. Where each
//! of them is at any time is known.

use std::collections::BTreeMap;

use super::{
    watch::{crowd, switch},
    world::{Film, Process, Walker, demograph},
};

/// So many people cross; more with PEOPLE=200. BETWEEN, SEED, WIDTH and HEIGHT are those of `watch`.
const PEOPLE: usize = 24;
/// The centre of a face lies so near to that of its square, in sides of it.
const NEAR: f64 = 0.35;

/// The centre of the walker's square at this time.
fn centre(walker: &Walker, seconds: f64, width: u32) -> (f64, f64) {
    let gone = walker.speed * (seconds - walker.enters);
    let half = f64::from(walker.side) / 2.0;
    let across = match walker.speed > 0.0 {
        true => gone - half,
        false => f64::from(width) + gone + half,
    };
    (across, f64::from(walker.height) + half)
}

/// Whose face this is: of those who are there the one in front, who is drawn last.
fn whose(film: &Film, seconds: f64, (x, y): (f64, f64)) -> Option<usize> {
    film.walkers.iter().rposition(|walker| {
        let (across, down) = centre(walker, seconds, film.size.0);
        (x - across).hypot(y - down) < NEAR * f64::from(walker.side)
    })
}

#[test]
fn people_who_cross_a_film_are_counted_once_and_keep_their_track() {
    let folder = tempfile::tempdir().unwrap();
    let (file, crops) = (folder.path().join("door.mkv"), folder.path().join("crops"));
    let film = crowd(switch("PEOPLE", PEOPLE), switch("SEED", 3));
    film.write(&file);
    let mut detect = demograph(&["--log", "warn", "detect", "--json"]);
    detect.arg(&file).arg("--out").arg(&crops);
    let said = Process::start("demograph detect", detect).finish(600);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let seen: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let counted = seen["tracks"].as_array().unwrap().len();

    // The tracks to which the faces of each person were given, one after the other.
    let mut given: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let (mut faces, mut strangers) = (0, 0);
    let mut list = csv::Reader::from_path(crops.join("crops.csv")).unwrap();
    for row in list.records() {
        let row = row.unwrap();
        let number = |column: usize| row[column].parse::<f64>().unwrap();
        let face = (number(3) + number(5) / 2.0, number(4) + number(6) / 2.0);
        faces += 1;
        match whose(&film, number(9), face) {
            Some(person) => given.entry(person).or_default().push(row[10].to_owned()),
            None => strangers += 1,
        }
    }
    let changes = |tracks: &Vec<String>| tracks.windows(2).filter(|two| two[0] != two[1]).count();
    let switches: usize = given.values().map(changes).sum();
    let people = film.walkers.len();
    let missed = people - given.len();
    println!(
        "{people} people: {counted} counted, {switches} switches, {missed} missed; {faces} faces of tracks, {strangers} of nobody"
    );
    assert!(strangers * 100 <= faces, "{strangers} of {faces}");
    assert!(counted.abs_diff(people) * 20 <= people, "{counted}");
    assert!(
        switches * 40 <= people && missed * 20 <= people,
        "{switches} {missed}"
    );
}
