//! What is done to the service, and when: a pure function of the seed and the length.

use std::fmt;

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// Instances at the start.
pub const INSTANCES: usize = 3;
/// Fewer and more instances than this never run; 2 cores bear no more.
const FEWEST: usize = 2;
const MOST: usize = 4;
/// Longer than the session timeout, so that the group has gone on without the sleeper.
const LONG_FREEZE: u64 = 6_000;
/// How long a broker is down at most, and how long it is left alone afterwards.
const BROKER_DOWN: u64 = 3_000;
const BROKER_ALONE: u64 = 15_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Kill,
    Freeze,
    LongFreeze,
    Join,
    Leave,
    BrokerKill,
    BrokerRestart,
}

/// One injection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Injection {
    /// Milliseconds after the start.
    pub at: u64,
    pub kind: Kind,
    /// Which instance, of those that run.
    pub pick: usize,
    /// How long it lasts, in milliseconds: of a freeze, of a broker's absence.
    pub lasts: u64,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "instance: SIGKILL, another starts",
            Self::Freeze => "instance: SIGSTOP for less than 6 s, SIGCONT",
            Self::LongFreeze => "instance: SIGSTOP for longer than its session, SIGCONT",
            Self::Join => "instance: one more",
            Self::Leave => "instance: SIGTERM",
            Self::BrokerKill => "broker: SIGKILL, restart",
            Self::BrokerRestart => "broker: SIGTERM, restart",
        })
    }
}

/// The injections of a run of so many seconds. The first ones are one of each kind that matters most, so that the
/// shortest run has them too.
pub fn schedule(seed: u64, seconds: u64) -> Vec<Injection> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut always = [Kind::BrokerKill, Kind::LongFreeze, Kind::Kill].to_vec();
    let (mut instances, mut broker_free) = (INSTANCES, 0);
    let mut injections = Vec::new();
    let mut at = 1_000;
    while at < seconds * 1_000 {
        let drawn = kind(rng.random_range(0..100));
        let kind = match always.pop().unwrap_or(drawn) {
            Kind::Join if instances == MOST => Kind::Leave,
            Kind::Leave if instances == FEWEST => Kind::Join,
            Kind::BrokerKill | Kind::BrokerRestart if at < broker_free => Kind::Kill,
            kind => kind,
        };
        match kind {
            Kind::Join => instances += 1,
            Kind::Leave => instances -= 1,
            Kind::BrokerKill | Kind::BrokerRestart => broker_free = at + BROKER_ALONE,
            _ => {}
        }
        let longest = match seconds < 60 {
            true => LONG_FREEZE + 2_000,
            false => 20_000,
        };
        let lasts = match kind {
            Kind::Freeze => rng.random_range(2_000..LONG_FREEZE),
            Kind::LongFreeze => rng.random_range(LONG_FREEZE..longest),
            _ => rng.random_range(500..BROKER_DOWN),
        };
        let pick = rng.random_range(0..1_000);
        injections.push(Injection {
            at,
            kind,
            pick,
            lasts,
        });
        at += rng.random_range(300..2_300);
    }
    injections
}

fn kind(percent: u32) -> Kind {
    match percent {
        0..35 => Kind::Kill,
        35..50 => Kind::Freeze,
        50..60 => Kind::LongFreeze,
        60..73 => Kind::Join,
        73..86 => Kind::Leave,
        86..94 => Kind::BrokerKill,
        _ => Kind::BrokerRestart,
    }
}

#[test]
fn the_seed_decides_and_every_kind_comes() {
    let long = schedule(7, 240);
    assert_eq!(long, schedule(7, 240));
    assert_ne!(long, schedule(8, 240));
    assert!(long.len() >= 100, "{}", long.len());
    let kinds: std::collections::BTreeSet<Kind> = long.iter().map(|i| i.kind).collect();
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}
