//! What a camera shows, for who aims it: the picture with boxes round the faces, in a browser.
//!
//! Promises: nothing is stored, and without a viewer no picture is drawn; a viewer who does not read holds nothing up;
//! who does not know the path sees nothing.

mod drawn;
mod routes;
mod screen;

use anyhow::bail;
use axum::Router;
use demograph_core::record::SourceId;

pub(crate) use drawn::draw;
pub(crate) use screen::Screen;

/// The preview of one camera.
pub struct Preview {
    /// Whose it is.
    pub source: SourceId,
    screen: Screen,
    /// The first part of its paths. Nobody else on the machine can guess it.
    key: String,
}

impl Preview {
    /// Of the camera with this name.
    pub fn of<'a>(
        name: &str,
        cameras: impl Iterator<Item = &'a SourceId> + Clone,
    ) -> anyhow::Result<Self> {
        let Some(source) = cameras.clone().find(|source| source.as_str() == name) else {
            let names: Vec<&str> = cameras.map(SourceId::as_str).collect();
            bail!(
                "--preview {name}: there is no such camera; there are {}",
                names.join(", ")
            );
        };
        Ok(Self {
            source: source.clone(),
            screen: Screen::new(&format!("{name}: no picture yet")),
            key: demograph_core::hex(rand::random::<[u8; 12]>()),
        })
    }

    /// Where it is: the path of its address.
    pub fn path(&self) -> String {
        format!("/{}/", self.key)
    }

    /// Answers at its path, to requests that name this machine.
    pub fn routes(&self) -> Router {
        routes::of(&self.source, &self.path(), self.screen.clone())
    }

    /// What the camera shows its pictures on, if it is this one's.
    pub(crate) fn screen_of(&self, source: &SourceId) -> Option<Screen> {
        (self.source == *source).then(|| self.screen.clone())
    }
}
