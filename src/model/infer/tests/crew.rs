//! Several workers on fewer sessions.

use std::thread;

use super::*;

#[test]
fn workers_that_share_a_session_each_get_the_answers_to_their_own_crops() {
    let settings = InferenceSettings::default();
    let folder = repository("models/research-small");
    let files = ModelFiles::read(&folder, &settings).unwrap();
    let crops: Vec<Crop> = composites(all())
        .into_iter()
        .map(|(crop, _)| crop)
        .collect();
    let mut alone = OnnxModel::load(&files, &settings).unwrap();
    let crew = Crew {
        workers: 3,
        sessions: 1,
    };
    let models = OnnxModel::load_several(&files, &settings, crew).unwrap();
    assert_eq!(models.len(), 3);
    thread::scope(|scope| {
        let working: Vec<_> = models
            .into_iter()
            .zip(crops.chunks(16))
            .map(|(mut model, crops)| scope.spawn(move || answers(&mut model, crops)))
            .collect();
        for (working, crops) in working.into_iter().zip(crops.chunks(16)) {
            assert_eq!(working.join().unwrap(), answers(&mut alone, crops));
        }
    });
}
