//! The newest picture, for viewers who look when they can.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use demograph_camera::sketch::Sketch;
use tokio::sync::watch::{Receiver, Sender};

/// A sign of life, well before the endpoint closes a connection on which nothing is answered.
const AGAIN_AFTER: Duration = Duration::from_secs(3);

/// A JPEG. It cannot be copied or printed, and is forgotten when the next one comes or nobody looks.
pub(crate) struct Still {
    pub jpeg: Bytes,
    /// Whether it shows what a camera saw.
    is_picture: bool,
}

/// Where a camera puts its pictures. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Screen(Arc<Sender<Arc<Still>>>);

/// Somebody who looks.
pub(crate) struct Viewer {
    stills: Receiver<Arc<Still>>,
    is_first: bool,
}

impl Screen {
    /// With words in place of a picture.
    pub fn new(words: &str) -> Self {
        Self(Arc::new(Sender::new(card(words))))
    }

    /// Words in place of a picture: none comes.
    pub fn say(&self, words: &str) {
        self.0.send_replace(card(words));
    }

    /// Shows the next picture, which is drawn only if somebody looks.
    pub fn show(&self, draw: impl FnOnce() -> anyhow::Result<Vec<u8>>) {
        if self.0.receiver_count() == 0 {
            if self.0.borrow().is_picture {
                self.say("waiting for the next picture");
            }
            return;
        }
        match draw() {
            Ok(jpeg) => {
                let still = Still {
                    jpeg: jpeg.into(),
                    is_picture: true,
                };
                self.0.send_replace(Arc::new(still));
            }
            Err(error) => self.say(&format!("no picture can be shown: {error:#}")),
        }
    }

    /// One more who looks.
    pub fn viewer(&self) -> Viewer {
        Viewer {
            stills: self.0.subscribe(),
            is_first: true,
        }
    }
}

impl Viewer {
    /// What is shown now, then the newest after it; the same one again where none comes for a while. None at the end.
    pub async fn next(&mut self) -> Option<Arc<Still>> {
        if !std::mem::replace(&mut self.is_first, false) {
            let changed = tokio::time::timeout(AGAIN_AFTER, self.stills.changed()).await;
            if let Ok(Err(_)) = changed {
                return None;
            }
        }
        Some(self.stills.borrow_and_update().clone())
    }
}

fn card(words: &str) -> Arc<Still> {
    // A card of words is always a JPEG; an empty picture is shown as none.
    let jpeg = Sketch::card(words).jpeg().unwrap_or_default();
    Arc::new(Still {
        jpeg: jpeg.into(),
        is_picture: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn nothing_is_drawn_without_a_viewer_and_nothing_is_kept_after_the_last() {
        let screen = Screen::new("door");
        screen.show(|| unreachable!("nobody looks"));
        let mut viewer = screen.viewer();
        assert!(!now(viewer.next()).unwrap().is_picture);
        screen.show(|| Ok(vec![1]));
        assert_eq!(now(viewer.next()).unwrap().jpeg[..], [1]);
        drop(viewer);
        screen.show(|| unreachable!("nobody looks any more"));
        assert!(!screen.0.borrow().is_picture);
    }

    #[test]
    fn a_slow_viewer_skips_pictures_and_one_who_waits_gets_the_last_again() {
        let screen = Screen::new("door");
        let mut viewer = screen.viewer();
        now(viewer.next());
        for number in 1..=9 {
            screen.show(|| Ok(vec![number]));
        }
        for _ in 0..2 {
            assert_eq!(now(viewer.next()).unwrap().jpeg[..], [9]);
        }
        drop(screen);
        assert!(now(viewer.next()).is_none());
    }

    #[test]
    fn what_cannot_be_drawn_is_told_on_the_screen() {
        let screen = Screen::new("door");
        let mut viewer = screen.viewer();
        now(viewer.next());
        screen.show(|| anyhow::bail!("too large"));
        let still = now(viewer.next()).unwrap();
        assert!(!still.is_picture && still.jpeg.starts_with(&[0xFF, 0xD8]));
    }
}
