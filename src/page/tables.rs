//! Tables without a service: the newest hour and day of each source, in the form of a service's rolling views.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use demograph_core::{
    periods::PeriodKind,
    record::{Attribute, SourceId},
    span::Span,
};
use demograph_service::{
    clock,
    peers::{PeerSettings, Peers},
    sink::history::{History, NewestPeriod},
    snapshot::{ShownAttribute, ShownView, Snapshot},
};

/// The tables are looked at again after so long, if somebody asks.
const FRESH: Duration = Duration::from_secs(30);

/// Hours and days in a folder or a bucket.
pub struct Tables {
    history: Arc<History>,
    /// There are none.
    peers: Arc<Peers>,
    /// So many of the newest dates are looked through for sources.
    dates: usize,
    latest: Mutex<Option<(Instant, Arc<Snapshot>)>>,
}

impl Tables {
    pub fn new(history: Arc<History>, dates: usize) -> anyhow::Result<Self> {
        Ok(Self {
            history,
            peers: Arc::new(Peers::open(&PeerSettings::default())?),
            dates,
            latest: Mutex::default(),
        })
    }

    pub(crate) fn peers(&self) -> &Arc<Peers> {
        &self.peers
    }

    pub(crate) fn history(&self) -> &Arc<History> {
        &self.history
    }

    pub(crate) fn dates(&self) -> usize {
        self.dates
    }

    /// What was read lately.
    pub(crate) fn fresh(&self) -> Option<Arc<Snapshot>> {
        let latest = self.latest();
        let (read, snapshot) = latest.as_ref()?;
        (read.elapsed() < FRESH).then(|| snapshot.clone())
    }

    /// Reads what is newest, unless another has just done so.
    pub(crate) fn look(&self) -> anyhow::Result<Arc<Snapshot>> {
        if let Some(known) = self.fresh() {
            return Ok(known);
        }
        let newest = self.history.newest(self.dates)?;
        let audience = newest.periods.iter().map(|(source, periods)| {
            let views = periods.iter();
            let views = views.map(|(&kind, period)| (length(kind), view(period)));
            (SourceId::new(source), views.collect())
        });
        let snapshot = Arc::new(Snapshot {
            at: clock::now(),
            audience: Arc::new(audience.collect()),
            left_out: newest.left_out.into(),
            people: Arc::new(
                newest
                    .people
                    .into_iter()
                    .map(|(source, people)| (SourceId::new(&source), people))
                    .collect(),
            ),
            ..Snapshot::default()
        });
        *self.latest() = Some((clock::instant(), snapshot.clone()));
        Ok(snapshot)
    }

    fn latest(&self) -> MutexGuard<'_, Option<(Instant, Arc<Snapshot>)>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the view.
fn length(kind: PeriodKind) -> Span {
    match kind {
        PeriodKind::Hour => Span::seconds(3_600),
        PeriodKind::Day => Span::seconds(86_400),
    }
}

fn view(period: &NewestPeriod) -> ShownView {
    let mut attributes: BTreeMap<Attribute, ShownAttribute> = BTreeMap::new();
    for (attribute, row) in &period.rows {
        let shown = attributes.entry(*attribute);
        let shown = shown.or_insert_with(|| ShownAttribute {
            attribute: *attribute,
            shown_ratio: Some(row.shown_ratio.unwrap_or(0.0)),
            shift_p: row.shown.shift_p,
            categories: Vec::new(),
        });
        shown.categories.extend(row.shown.shown());
    }
    ShownView {
        covers: Some(period.covers),
        faces: None,
        attributes: attributes.into_values().collect(),
    }
}
