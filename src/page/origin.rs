//! Where the numbers come from: a running service, or tables alone.

use std::sync::Arc;

use demograph_service::{
    peers::Peers, sink::history::History, snapshot::Snapshot, wiring::Visible,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::{Service, api::Problem, tables::Tables};

/// What the routes answer from.
pub enum Origin {
    Service(Box<Visible>),
    Tables(Tables),
}

/// The same in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OriginKind {
    /// A running instance: `/live` has its rolling views.
    Service,
    /// Tables without a service: `/live` has the newest hour and day of each source.
    Tables,
}

impl Origin {
    pub(crate) fn kind(&self) -> OriginKind {
        match self {
            Self::Service(_) => OriginKind::Service,
            Self::Tables(_) => OriginKind::Tables,
        }
    }

    pub(crate) fn history(&self) -> &Arc<History> {
        match self {
            Self::Service(visible) => &visible.history,
            Self::Tables(tables) => tables.history(),
        }
    }

    pub(crate) fn peers(&self) -> &Arc<Peers> {
        match self {
            Self::Service(visible) => &visible.peers,
            Self::Tables(tables) => tables.peers(),
        }
    }

    /// Whether only this machine reaches it.
    pub(crate) fn is_local(&self) -> bool {
        match self {
            Self::Service(visible) => visible.is_local,
            Self::Tables(_) => true,
        }
    }
}

/// The newest picture.
pub(crate) async fn now(service: &Service) -> Result<Arc<Snapshot>, Problem> {
    let tables = match &service.origin {
        Origin::Service(visible) => return Ok(visible.latest.get()),
        Origin::Tables(tables) => tables,
    };
    if let Some(known) = tables.fresh() {
        return Ok(known);
    }
    let _turn = service.reading.acquire().await;
    let reader = service.clone();
    let read = tokio::task::spawn_blocking(move || match &reader.origin {
        Origin::Service(visible) => Ok(visible.latest.get()),
        Origin::Tables(tables) => tables.look(),
    });
    match read.await {
        Ok(Ok(newest)) => Ok(newest),
        Ok(Err(error)) => Err(Problem::internal(format!("read the tables: {error:#}"))),
        Err(_) => Err(Problem::internal("reading the tables failed".into())),
    }
}
