//! The replicas of a service: what its addresses lead to, and which of them are serving.

use std::{
    collections::{HashMap, HashSet},
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use http::{
    Uri,
    uri::{PathAndQuery, Scheme},
};
use tokio::{
    net::lookup_host,
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;
use tonic::{
    Code,
    transport::{ClientTlsConfig, Endpoint, channel::Change},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::endpoint;
use crate::tls::ClientTls;

/// How often names are looked up.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a replica is asked whether it is serving.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// The pause before it is asked again because of a doubt: what fails does so for many calls at once.
const ASK_LEAST: Duration = Duration::from_millis(10);
const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// Finds the addresses of a host and a port.
pub(super) type Resolver = Arc<dyn Fn(String, u16) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// As the system does it.
pub(super) fn system_resolver() -> Resolver {
    Arc::new(|host, port| {
        Box::pin(async move {
            let found = timeout(LOOK_TIMEOUT, lookup_host((host, port))).await;
            Ok(found.map_err(|_| io::ErrorKind::TimedOut)??.collect())
        })
    })
}

/// Where one replica is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    address: Uri,
    /// What its host's name leads to; `None` if it is no name, or leads nowhere.
    found: Option<SocketAddr>,
}

impl Place {
    /// An address as it is.
    pub(super) fn of(address: &Uri) -> Self {
        Self::at(address.clone(), None)
    }

    /// Where an address's name leads to.
    pub(super) fn at(address: Uri, found: Option<SocketAddr>) -> Self {
        Self { address, found }
    }

    /// The address that was configured.
    pub(super) fn address(&self) -> &Uri {
        &self.address
    }

    /// Where to connect to.
    pub(super) fn uri(&self) -> Uri {
        let Some(found) = self.found else {
            return self.address.clone();
        };
        let uri = Uri::builder()
            .scheme(self.address.scheme().cloned().unwrap_or(Scheme::HTTP))
            .authority(found.to_string())
            .path_and_query(PathAndQuery::from_static("/"))
            .build();
        // An address is an authority.
        uri.unwrap_or_else(|_| self.address.clone())
    }
}

/// An address's host, an IPv6 address without its brackets.
pub(super) fn bare_host(address: &Uri) -> &str {
    let host = address.host().unwrap_or_default();
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Whether an address has no name that is looked up.
pub(super) fn is_literal(address: &Uri) -> bool {
    bare_host(address).parse::<IpAddr>().is_ok()
}

/// The replicas that get calls, each with the number of its endpoint: a new one replaces that of before.
#[derive(Clone, Default)]
pub(super) struct Replicas(HashMap<Place, (u64, Endpoint)>);

impl Replicas {
    /// What makes these of those.
    pub(super) fn changes_since(&self, former: &Self) -> Vec<Change<Place, Endpoint>> {
        let number = |replicas: &Self, place| replicas.0.get(place).map(|(number, _)| *number);
        // What is new first: calls find something all the time.
        let new = self
            .0
            .iter()
            .filter(|(place, _)| number(self, place) != number(former, place));
        let gone = former.0.keys().filter(|place| !self.0.contains_key(place));
        new.map(|(place, (_, endpoint))| Change::Insert(place.clone(), endpoint.clone()))
            .chain(gone.map(|place| Change::Remove(place.clone())))
            .collect()
    }
}

/// Keeps up with the replicas at these addresses, until nobody wants to know. Whenever it is doubted that all of them are
/// there, they are asked.
pub(super) fn keep(
    addresses: Vec<Uri>,
    tls: ClientTls,
    resolver: Resolver,
    doubts: watch::Receiver<()>,
) -> watch::Receiver<Replicas> {
    let (told, replicas) = watch::channel(Replicas::default());
    let mut known = Known {
        addresses,
        tls,
        resolver,
        current: None,
        members: HashMap::new(),
        endpoints: 0,
        changed: Arc::default(),
        doubts,
    };
    // Calls need not wait for the names.
    let unresolved = known.addresses.iter().map(Place::of).collect();
    known.settle(unresolved);
    told.send_replace(known.serving());
    tokio::spawn(async move {
        loop {
            let places = known.look().await;
            known.settle(places);
            // Those of before get the calls until it is known which of the new ones can.
            timeout(ASK_TIMEOUT, known.all_asked()).await.ok();
            let again = sleep(LOOK_EVERY);
            tokio::pin!(again);
            loop {
                let serving = known.serving();
                told.send_if_modified(|told| {
                    let differs = !serving.changes_since(told).is_empty();
                    if differs {
                        *told = serving;
                    }
                    differs
                });
                tokio::select! {
                    () = told.closed() => return,
                    () = &mut again => break,
                    () = known.changed.notified() => {}
                }
            }
        }
    });
    replicas
}

struct Known {
    addresses: Vec<Uri>,
    tls: ClientTls,
    resolver: Resolver,
    /// What the endpoints were made with.
    current: Option<Arc<ClientTlsConfig>>,
    members: HashMap<Place, Member>,
    /// How many endpoints were made.
    endpoints: u64,
    changed: Arc<Notify>,
    doubts: watch::Receiver<()>,
}

struct Member {
    number: u64,
    endpoint: Endpoint,
    health: Arc<Health>,
    /// Asks it, if there is any other to call.
    asking: Option<AbortOnDropHandle<()>>,
}

/// What a replica said last.
struct Health {
    was_asked: AtomicBool,
    is_serving: AtomicBool,
}

impl Known {
    /// Where the addresses lead to now; where that cannot be found out, where they led before.
    async fn look(&self) -> HashSet<Place> {
        let mut places = HashSet::new();
        for address in &self.addresses {
            if is_literal(address) {
                places.insert(Place::of(address));
                continue;
            }
            let default_port = if address.scheme() == Some(&Scheme::HTTPS) {
                443
            } else {
                80
            };
            let port = address.port_u16().unwrap_or(default_port);
            let found = (self.resolver)(bare_host(address).to_owned(), port).await;
            let found = found.inspect_err(|error| tracing::warn!(%error, "{address} cannot be looked up"));
            let found = found.unwrap_or_default();
            if found.is_empty() {
                let before = self.members.keys().filter(|place| place.address == *address);
                places.extend(before.cloned());
            }
            places.extend(found.into_iter().map(|found| Place::at(address.clone(), Some(found))));
        }
        places
    }

    /// These are the replicas.
    fn settle(&mut self, places: HashSet<Place>) {
        let latest = self.tls.latest();
        let same = match (&latest, &self.current) {
            (Some(latest), Some(current)) => Arc::ptr_eq(latest, current),
            (latest, current) => latest.is_none() && current.is_none(),
        };
        if !same {
            self.members.clear();
            self.current = latest;
        }
        self.members.retain(|place, _| places.contains(place));
        let several = places.len() > 1;
        for place in places {
            let member = self.members.entry(place).or_insert_with_key(|place| {
                self.endpoints += 1;
                Member {
                    number: self.endpoints,
                    endpoint: endpoint(place, self.current.as_deref()),
                    health: Arc::new(Health {
                        was_asked: AtomicBool::new(false),
                        is_serving: AtomicBool::new(true),
                    }),
                    asking: None,
                }
            });
            if !several {
                member.asking = None;
            } else if member.asking.is_none() {
                let (health, doubts) = (member.health.clone(), self.doubts.clone());
                let asking = ask(member.endpoint.clone(), health, self.changed.clone(), doubts);
                member.asking = Some(AbortOnDropHandle::new(tokio::spawn(asking)));
            }
        }
    }

    /// Waits until each was asked that is asked at all.
    async fn all_asked(&self) {
        let is_open = |member: &Member| member.asking.is_some() && !member.health.was_asked.load(Relaxed);
        while self.members.values().any(is_open) {
            self.changed.notified().await;
        }
    }

    /// Those that are serving; all of them if none is.
    fn serving(&self) -> Replicas {
        let all = || self.members.iter();
        let is_serving = |member: &Member| member.health.is_serving.load(Relaxed);
        let none_is = all().all(|(_, member)| !is_serving(member));
        let serving = all().filter(|(_, member)| none_is || is_serving(member));
        let replicas = serving.map(|(place, member)| (place.clone(), (member.number, member.endpoint.clone())));
        Replicas(replicas.collect())
    }
}

/// Asks a replica again and again whether it is serving, on a connection of its own.
async fn ask(endpoint: Endpoint, health: Arc<Health>, changed: Arc<Notify>, mut doubts: watch::Receiver<()>) {
    let mut client = HealthClient::new(endpoint.connect_lazy());
    loop {
        let request = HealthCheckRequest { service: String::new() };
        let serves = match timeout(ASK_TIMEOUT, client.check(request)).await {
            Ok(Ok(answer)) => answer.into_inner().status() == ServingStatus::Serving,
            // Something between does not pass it on.
            Ok(Err(status)) => status.code() == Code::Unimplemented,
            Err(_) => false,
        };
        let has_changed = health.is_serving.swap(serves, Relaxed) != serves;
        if has_changed {
            tracing::info!(address = %endpoint.uri(), serving = serves, "a replica changed");
        }
        if !health.was_asked.swap(true, Relaxed) || has_changed {
            changed.notify_one();
        }
        sleep(ASK_LEAST).await;
        // That nobody can doubt any more is no reason to ask.
        let doubted = async {
            if doubts.changed().await.is_err() {
                pending::<()>().await;
            }
        };
        timeout(ASK_EVERY, doubted).await.ok();
    }
}
