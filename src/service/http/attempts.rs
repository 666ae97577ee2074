//! How many logins may be verified: a bucket for each address, and one for all. Pure: the time is given.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Of one address: so many at once, then one in each of these times.
const OF_ONE: Rule = Rule {
    most: 10.0,
    every: Duration::from_secs(3),
};
/// Of all: bcrypt of cost 10 takes about 60 ms, so this is an eighth of a core.
const OF_ALL: Rule = Rule {
    most: 40.0,
    every: Duration::from_millis(500),
};
/// Addresses that are remembered. The one that was last seen longest ago is forgotten first.
const ADDRESSES_MAX: usize = 1_024;

#[derive(Debug, Clone, Copy)]
struct Rule {
    most: f64,
    every: Duration,
}

/// A token bucket.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(rule: Rule, at: Instant) -> Self {
        Self {
            left: rule.most,
            at,
        }
    }

    fn fill(&mut self, rule: Rule, now: Instant) {
        let gained =
            now.saturating_duration_since(self.at).as_secs_f64() / rule.every.as_secs_f64();
        self.left = (self.left + gained).min(rule.most);
        self.at = now;
    }

    /// How long until one is left.
    fn wait(&self, rule: Rule) -> Option<Duration> {
        (self.left < 1.0).then(|| rule.every.mul_f64(1.0 - self.left))
    }
}

/// The attempts of all addresses.
#[derive(Debug)]
pub(super) struct Attempts {
    all: Bucket,
    addresses: BTreeMap<IpAddr, Bucket>,
}

impl Attempts {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            all: Bucket::full(OF_ALL, now),
            addresses: BTreeMap::new(),
        }
    }

    /// Takes one; else says after which time there is one.
    pub(super) fn take(&mut self, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let from = network(from);
        self.forget(from);
        let one = self.addresses.entry(from);
        let one = one.or_insert_with(|| Bucket::full(OF_ONE, now));
        one.fill(OF_ONE, now);
        self.all.fill(OF_ALL, now);
        if let Some(wait) = one.wait(OF_ONE).max(self.all.wait(OF_ALL)) {
            return Err(wait);
        }
        one.left -= 1.0;
        self.all.left -= 1.0;
        Ok(())
    }

    /// The login was right: it does not count.
    pub(super) fn give_back(&mut self, from: IpAddr) {
        if let Some(one) = self.addresses.get_mut(&network(from)) {
            one.left = (one.left + 1.0).min(OF_ONE.most);
        }
        self.all.left = (self.all.left + 1.0).min(OF_ALL.most);
    }

    fn forget(&mut self, from: IpAddr) {
        if self.addresses.len() < ADDRESSES_MAX || self.addresses.contains_key(&from) {
            return;
        }
        let oldest = self.addresses.iter().min_by_key(|(_, bucket)| bucket.at);
        if let Some(oldest) = oldest.map(|(&address, _)| address) {
            self.addresses.remove(&oldest);
        }
    }
}

/// Whose address it is: of IPv6 a whole network of 64 bits belongs to one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            [a, b, c, d, 0, 0, 0, 0].into()
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    /// How many of so many attempts at one time are let through.
    fn taken(attempts: &mut Attempts, from: IpAddr, now: Instant, tries: usize) -> usize {
        (0..tries)
            .filter(|_| attempts.take(from, now).is_ok())
            .count()
    }

    #[test]
    fn an_address_waits_and_others_do_not() {
        let start = crate::clock::instant();
        let mut attempts = Attempts::new(start);
        assert_eq!(taken(&mut attempts, address(1), start, 100), 10);
        let wait = attempts.take(address(1), start).unwrap_err();
        assert_eq!(wait, OF_ONE.every);
        assert_eq!(taken(&mut attempts, address(2), start, 1), 1);
        assert_eq!(taken(&mut attempts, address(1), start + wait, 100), 1);
    }

    #[test]
    fn all_addresses_together_have_a_limit() {
        let start = crate::clock::instant();
        let mut attempts = Attempts::new(start);
        let all: usize = (0..=255)
            .map(|number| taken(&mut attempts, address(number), start, 100))
            .sum();
        assert_eq!(all, 40);
        let minute = start + Duration::from_secs(60);
        let all: usize = (0..=255)
            .map(|number| taken(&mut attempts, address(number), minute, 100))
            .sum();
        assert_eq!(all, 40, "no more are saved up");
    }

    #[test]
    fn right_logins_do_not_count() {
        let start = crate::clock::instant();
        let mut attempts = Attempts::new(start);
        for _ in 0..1_000 {
            attempts.take(address(1), start).unwrap();
            attempts.give_back(address(1));
        }
    }

    #[test]
    fn the_memory_is_bounded_and_a_network_of_ipv6_is_one_address() {
        let start = crate::clock::instant();
        let mut attempts = Attempts::new(start);
        for number in 0..3_000_u32 {
            let _whatever = attempts.take(IpAddr::V4(number.into()), start);
        }
        assert_eq!(attempts.addresses.len(), ADDRESSES_MAX);
        let mut attempts = Attempts::new(start);
        let taken = (0..100_u16).filter(|&host| {
            let from = IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, host]);
            attempts.take(from, start).is_ok()
        });
        assert_eq!(taken.count(), 10);
    }
}
