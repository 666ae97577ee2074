//! Without the feature `gateway` nothing watches a film: the demo has its other cameras only.

use std::path::Path;

use demograph_core::span::Span;
use demograph_service::{config::Config, snapshot::Snapshot, wiring::Beside};

use super::DemoArgs;

/// There are none.
pub(super) enum Films {}

/// There is none.
pub(super) enum Watching {}

impl Films {
    pub(super) fn make(_: &DemoArgs, _: &Path) -> anyhow::Result<Self> {
        anyhow::bail!("this program was built without the feature gateway")
    }

    pub(super) fn beside(&self) -> Beside {
        match *self {}
    }

    pub(super) fn watch(self, _: &Config, _: &Path) -> anyhow::Result<Watching> {
        match self {}
    }
}

impl Watching {
    pub(super) fn sent(&self) -> u64 {
        match *self {}
    }

    pub(super) fn line(&self) -> Box<dyn Fn() -> String + Send> {
        match *self {}
    }

    pub(super) fn stop(self) -> anyhow::Result<Watched> {
        match self {}
    }
}

/// There is nothing to tell.
pub(super) enum Watched {}

impl Watched {
    pub(super) fn sent(&self) -> u64 {
        match *self {}
    }

    pub(super) fn summary(&self, _: &Snapshot, _: Span) -> String {
        match *self {}
    }
}
