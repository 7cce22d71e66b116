//! Throttling: how many passwords may be tried, by whom. Counted in the database, so that replicas and restarts share
//! it, and the same whether or not the account exists.
//!
//! A try is charged before its password is looked at and given back when it was right, so that many at once are as many
//! as one after the other. Whoever is held up learns only until when.

mod limits;

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

pub use limits::{Count, Limit};

/// For so long after its last sign-in a network is known to an account.
pub const KNOWN_FOR: Duration = Duration::from_hours(30 * 24);

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
