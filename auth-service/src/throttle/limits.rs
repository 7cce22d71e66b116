//! How many failures are free, and what comes after them.

use std::time::Duration;

use platform::clock::Timestamp;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// What tries have in common, and so are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// An identifier at one network: 5 failures are free, then 1 s, doubling to 60 s. Forgotten after an hour without one.
    Pair,
    /// An identifier, wherever: 30 failures are free, then one try in 60 s. Forgotten after an hour without one. That is
    /// at most 90 tries of an account's password in any hour.
    Identifier,
    /// A network, whoever is tried: 50 failures are free in 10 minutes, then as for a pair.
    Network,
    /// A network, for registrations: 100 in an hour.
    Registration,
    /// An account, for exports: 10 in an hour.
    Export,
}

/// Failures so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub failures: i64,
    /// The first of them.
    pub first_time: Timestamp,
    /// The last of them.
    pub last_time: Timestamp,
}

impl Limit {
    fn free(self) -> i64 {
        match self {
            Self::Pair => 5,
            Self::Identifier => 30,
            Self::Network => 50,
            Self::Registration => 100,
            Self::Export => 10,
        }
    }

    /// Until when no further try is let in.
    pub fn held_until(self, count: &Count) -> Option<Timestamp> {
        let over = u32::try_from(count.failures.checked_sub(self.free())?).ok()?;
        Some(match self {
            Self::Pair | Self::Network => {
                let delay = SECOND.saturating_mul(2_u32.saturating_pow(over)).min(MINUTE);
                count.last_time.plus(delay)
            }
            Self::Identifier => count.last_time.plus(MINUTE),
            Self::Registration | Self::Export => count.first_time.plus(HOUR),
        })
    }

    /// From when on the failures count no more.
    pub fn forgotten_at(self, count: &Count) -> Timestamp {
        let quiet = match self {
            Self::Pair | Self::Identifier => count.last_time.plus(HOUR),
            Self::Network => count.first_time.plus(10 * MINUTE),
            Self::Registration | Self::Export => count.first_time.plus(HOUR),
        };
        self.held_until(count).map_or(quiet, |held| held.max(quiet))
    }

    /// The count with one failure more.
    #[must_use]
    pub fn failed(self, before: Option<Count>, now: Timestamp) -> Count {
        let before = before.filter(|count| count.failures > 0 && self.forgotten_at(count) > now);
        Count {
            failures: before.map_or(0, |count| count.failures) + 1,
            first_time: before.map_or(now, |count| count.first_time),
            last_time: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

    /// How many failures of an attacker who never waits longer than needed are let in within a time.
    fn failures_within(limit: Limit, time: Duration) -> (i64, Vec<u64>) {
        let (mut now, mut count, mut let_in, mut waits) = (START, None, 0, Vec::new());
        while now.since(START) < time {
            count = Some(limit.failed(count, now));
            let_in += 1;
            let held = count.and_then(|count| limit.held_until(&count));
            if let Some(held) = held.filter(|held| *held > now) {
                waits.push(held.since(now).as_secs());
                now = held;
            }
        }
        (let_in, waits)
    }

    #[test]
    fn a_pair_has_five_free_failures_then_waits_twice_as_long_each_time() {
        let (_, waits) = failures_within(Limit::Pair, HOUR);
        assert_eq!(waits[..9], [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let mut count = None;
        for _ in 0..4 {
            count = Some(Limit::Pair.failed(count, START));
            assert_eq!(count.and_then(|count| Limit::Pair.held_until(&count)), None);
        }
    }

    /// AR-01.
    #[test]
    fn an_account_is_tried_at_most_ninety_times_an_hour() {
        assert_eq!(failures_within(Limit::Identifier, HOUR).0, 30 + 59);
        assert_eq!(failures_within(Limit::Identifier, 24 * HOUR).0, 30 + 59 + 23 * 60);
    }

    #[test]
    fn a_network_has_fifty_free_failures_in_ten_minutes() {
        let mut count = None;
        for second in 0..50 {
            assert_eq!(
                count.and_then(|count| Limit::Network.held_until(&count)),
                None,
                "{second}"
            );
            count = Some(Limit::Network.failed(count, START.plus(SECOND * second)));
        }
        let held = count.and_then(|count| Limit::Network.held_until(&count));
        assert_eq!(held, Some(START.plus(SECOND * 50)));
        let later = Limit::Network.failed(count, START.plus(10 * MINUTE));
        assert_eq!(later.failures, 1);
    }

    #[test]
    fn a_network_registers_a_hundred_in_an_hour() {
        let mut count = None;
        for _ in 0..100 {
            assert_eq!(count.and_then(|count| Limit::Registration.held_until(&count)), None);
            count = Some(Limit::Registration.failed(count, START));
        }
        let held = count.and_then(|count| Limit::Registration.held_until(&count));
        assert_eq!(held, Some(START.plus(HOUR)));
        assert_eq!(Limit::Registration.failed(count, START.plus(HOUR)).failures, 1);
    }
}
