//! Ids of events and tracks that no other run of this program has given, and no other camera of this run.

/// The ids of one camera in one run.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// Drawn when the program starts: a restart does not go on with anybody's track.
    run: u64,
    /// Of this run.
    camera: usize,
    events: u64,
}

impl Names {
    pub fn new(run: u64, camera: usize) -> Self {
        Self {
            run,
            camera,
            events: 0,
        }
    }

    /// Of the track with this number.
    pub fn track(&self, number: u64) -> String {
        format!("{:016x}-{}-{number}", self.run, self.camera)
    }

    /// Of the event that says that this track has ended.
    pub fn presence(&self, number: u64) -> String {
        format!("{:016x}-{}-p{number}", self.run, self.camera)
    }

    /// Of the next event.
    pub fn next_event(&mut self) -> String {
        self.events += 1;
        format!("{:016x}-{}-e{}", self.run, self.camera, self.events)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_id_is_given_twice_by_runs_cameras_tracks_and_events() {
        let mut ids = BTreeSet::new();
        for (run, camera) in [(1, 0), (1, 1), (1, 11), (2, 0), (17, 1)] {
            let mut names = Names::new(run, camera);
            for number in [0, 1, 2, 11] {
                assert!(ids.insert(names.track(number)));
                assert!(ids.insert(names.presence(number)));
                assert!(ids.insert(names.next_event()));
            }
        }
    }
}
