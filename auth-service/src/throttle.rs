//! Throttling: how many passwords may be tried, by whom. Counted in the database, so that replicas and restarts share
//! it, and the same whether or not the account exists.
//!
//! A try is charged before its password is looked at and given back when it was right, so that many at once are as many
//! as one after the other. Whoever is held up learns only until when.

use std::{net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use ipnet::IpNet;
use platform::clock::{Clock, Timestamp};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;

use crate::{
    accounts::Email,
    error::AuthError,
    sessions::Client,
    store::{Admission, ThrottleStore},
};

/// For so long after its last sign-in a network is known to an account.
pub const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

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

/// The name of a counter, a keyed hash: the database does not learn whose addresses are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject(pub [u8; 32]);

/// A counter of a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    /// What it counts.
    pub limit: Limit,
    /// Its name.
    pub subject: Subject,
    /// The identifier, of a pair.
    pub identifier: Option<Subject>,
    /// Whether it holds this try up; otherwise it only counts.
    pub binding: Binding,
}

/// Whom a counter holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Everyone.
    Always,
    /// Everyone but a network that is known to the account.
    Strangers(Subject),
}

/// A try, before it is made.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// In the order in which they are locked.
    pub counters: Vec<Counter>,
    /// The pair of identifier and network, as a known client.
    client: Option<Subject>,
}

/// A counter as it was before a try was charged to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The counter.
    pub subject: Subject,
    /// When the try was charged.
    pub time: Timestamp,
    /// What was the last failure before.
    pub last_time: Timestamp,
    /// When the counter would have been forgotten.
    pub forget_time: Timestamp,
}

/// What becomes of the counters of a try that was admitted.
#[derive(Clone, Debug, Default)]
pub struct Settlement {
    /// Forgotten.
    pub cleared: Vec<Subject>,
    /// One failure less, as if it had not been.
    pub refunded: Vec<Charge>,
    /// Known from now on, to the account that was signed in to.
    pub known: Option<Subject>,
}

/// A try that was let in, and counts as a failure until it is settled.
#[derive(Clone, Debug, Default)]
pub struct Charged {
    pair: Option<Subject>,
    charges: Vec<Charge>,
    client: Option<Subject>,
}

impl Charged {
    /// The password was right.
    pub fn succeeded(&self) -> Settlement {
        let others = self.charges.iter().filter(|charge| Some(charge.subject) != self.pair);
        Settlement {
            cleared: self.pair.into_iter().collect(),
            refunded: others.copied().collect(),
            known: self.client,
        }
    }

    /// A registration: it stays counted, and makes its network known.
    pub fn registered(&self) -> Settlement {
        Settlement {
            known: self.client,
            ..Settlement::default()
        }
    }

    /// Nothing was tried after all.
    pub fn not_made(&self) -> Settlement {
        Settlement {
            refunded: self.charges.clone(),
            ..Settlement::default()
        }
    }
}

/// Holds up those who try too often.
pub struct Throttle {
    store: Arc<dyn ThrottleStore>,
    key: hmac::Key,
    exempt: Vec<IpNet>,
    clock: Arc<dyn Clock>,
}

impl Throttle {
    /// Counts in a store, under names made with the key. Exempt networks are never held up and never counted.
    pub fn new(store: Arc<dyn ThrottleStore>, key: hmac::Key, exempt: Vec<IpNet>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            key,
            exempt,
            clock,
        }
    }

    /// A try to sign in.
    pub fn sign_in(&self, identifier: &str, client: &Client) -> Attempt {
        let pair = self.pair(identifier, client);
        self.tries(identifier, client, Binding::Strangers(pair))
    }

    /// A try of the password by somebody who is signed in: as at a sign-in, because their token may be a stolen one.
    pub fn password_check(&self, email: &Email, client: &Client) -> Attempt {
        Attempt {
            client: None,
            ..self.sign_in(email.as_typed(), client)
        }
    }

    /// An export of everything.
    pub fn export(&self, account: Uuid, client: &Client) -> Attempt {
        let counter = Counter {
            limit: Limit::Export,
            subject: self.subject("export", &[&account.to_string()]),
            identifier: None,
            binding: Binding::Always,
        };
        Attempt {
            client: None,
            ..self.attempt(client, counter.subject, vec![counter])
        }
    }

    /// A registration.
    pub fn registration(&self, email: &Email, client: &Client) -> Attempt {
        self.attempt(
            client,
            self.pair(email.as_typed(), client),
            vec![Counter {
                limit: Limit::Registration,
                subject: self.subject("registration", &[&network(client)]),
                identifier: None,
                binding: Binding::Always,
            }],
        )
    }

    /// Whether the try may be made; nothing is counted.
    pub async fn look(&self, attempt: &Attempt) -> Result<(), AuthError> {
        if attempt.counters.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        admitted(&self.store.look(attempt.clone(), now).await?, now).map(drop)
    }

    /// Counts the try as a failure until it is settled, if it may be made.
    pub async fn charge(&self, attempt: &Attempt) -> Result<Charged, AuthError> {
        if attempt.counters.is_empty() {
            return Ok(Charged::default());
        }
        let now = self.clock.now();
        let charges = admitted(&self.store.charge(attempt.clone(), now).await?, now)?;
        let pair = attempt.counters.iter().find(|counter| counter.limit == Limit::Pair);
        Ok(Charged {
            pair: pair.map(|counter| counter.subject),
            charges,
            client: attempt.client,
        })
    }

    /// Settles a try that leads to nothing else.
    pub async fn settle(&self, settlement: Settlement) -> Result<(), AuthError> {
        if settlement.cleared.is_empty() && settlement.refunded.is_empty() {
            return Ok(());
        }
        Ok(self.store.settle(settlement).await?)
    }

    /// Forgets the failures of an account, wherever they came from.
    pub async fn unlock(&self, email: &Email) -> Result<(), AuthError> {
        let identifier = self.identifier(email.as_typed());
        Ok(self.store.unlock(identifier).await?)
    }

    fn tries(&self, identifier: &str, client: &Client, binding: Binding) -> Attempt {
        let pair = self.pair(identifier, client);
        let counters = vec![
            Counter {
                limit: Limit::Pair,
                subject: pair,
                identifier: Some(self.identifier(identifier)),
                binding: Binding::Always,
            },
            Counter {
                limit: Limit::Identifier,
                subject: self.identifier(identifier),
                identifier: None,
                binding,
            },
            Counter {
                limit: Limit::Network,
                subject: self.subject("network", &[&network(client)]),
                identifier: None,
                binding,
            },
        ];
        self.attempt(client, pair, counters)
    }

    /// In the order of the names, so that no two tries wait for each other's locks.
    fn attempt(&self, client: &Client, known: Subject, mut counters: Vec<Counter>) -> Attempt {
        let address: Option<IpAddr> = client.ip_address.parse().ok();
        if address.is_some_and(|address| self.exempt.iter().any(|network| network.contains(&address))) {
            counters.clear();
        }
        counters.sort_by_key(|counter| counter.subject);
        Attempt {
            client: (!counters.is_empty()).then_some(known),
            counters,
        }
    }

    fn pair(&self, identifier: &str, client: &Client) -> Subject {
        self.subject("pair", &[&normalised(identifier), &network(client)])
    }

    fn identifier(&self, identifier: &str) -> Subject {
        self.subject("identifier", &[&normalised(identifier)])
    }

    fn subject(&self, kind: &str, parts: &[&str]) -> Subject {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_bytes());
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut subject = [0; 32];
        subject.copy_from_slice(context.sign().as_ref());
        Subject(subject)
    }
}

fn admitted(admission: &Admission, now: Timestamp) -> Result<Vec<Charge>, AuthError> {
    match admission {
        Admission::Admitted(charges) => Ok(charges.clone()),
        Admission::HeldUntil(time) => Err(AuthError::RateLimited {
            retry_after: time.since(now),
        }),
    }
}

/// What is no address is told apart like one.
fn normalised(identifier: &str) -> String {
    let identifier = identifier.trim();
    match Email::parse(identifier) {
        Ok(email) => email.key().to_owned(),
        Err(_) => identifier.nfc().collect::<String>().to_lowercase(),
    }
}

/// Whom one person can be all of: an IPv4 address, or a /64 of IPv6. Clients of unknown address share one.
fn network(client: &Client) -> String {
    match client.ip_address.parse() {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => String::new(),
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

    #[test]
    fn one_person_cannot_have_many_networks() {
        let network = |address: &str| {
            network(&Client {
                ip_address: address.to_owned(),
                ..Client::default()
            })
        };
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
        assert_eq!(network(""), network("unix"));
    }

    #[test]
    fn an_address_is_counted_however_it_is_written() {
        assert_eq!(normalised(" Ada@Example.com"), normalised("ada@example.COM "));
        assert_ne!(normalised("no address"), normalised("none either"));
    }
}
