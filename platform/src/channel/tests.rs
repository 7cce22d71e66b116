use std::{
    collections::HashSet,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use tokio::{net::TcpListener, sync::Notify, task::yield_now};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_client::HealthClient},
    server::HealthReporter,
};

use super::*;

/// Longer than several rounds of looking and asking.
const PATIENCE: Duration = Duration::from_secs(30);

/// A replica, whose health service knows its own name.
struct Replica {
    name: &'static str,
    address: SocketAddr,
    health: HealthReporter,
    _serving: DropGuard,
}

impl Replica {
    async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (health, service) = tonic_health::server::health_reporter();
        health.set_service_status(name, ServingStatus::Serving).await;
        let shutdown = CancellationToken::new();
        let serving = axum::serve(listener, Routes::new(service).into_axum_router());
        tokio::spawn(
            serving
                .with_graceful_shutdown(shutdown.clone().cancelled_owned())
                .into_future(),
        );
        Self {
            name,
            address,
            health,
            _serving: shutdown.drop_guard(),
        }
    }

    async fn says(&self, status: ServingStatus) {
        self.health.set_service_status("", status).await;
    }
}

/// So many calls that a replica which gets half of them is not missed by chance.
const CALLS: usize = 40;

/// Who answers the next calls; `None` for a call that fails.
async fn who_answers(channel: &Channel, replicas: &[&Replica]) -> HashSet<Option<&'static str>> {
    let mut found = HashSet::new();
    for _ in 0..CALLS {
        for replica in replicas {
            let service = replica.name.to_owned();
            let answer = HealthClient::new(channel.clone())
                .check(HealthCheckRequest { service })
                .await;
            match answer.map_err(|status| status.code()) {
                Ok(_) => found.insert(Some(replica.name)),
                Err(tonic::Code::NotFound) => continue,
                Err(_) => found.insert(None),
            };
        }
    }
    found
}

async fn wait_until_only(channel: &Channel, replicas: &[&Replica], names: &[&'static str]) {
    let (expected, began) = (names.iter().map(|name| Some(*name)).collect(), Instant::now());
    loop {
        let found = who_answers(channel, replicas).await;
        if found == expected {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{found:?} in place of {expected:?}");
        yield_now().await;
    }
}

fn uri(address: SocketAddr) -> Uri {
    format!("http://{address}").parse().expect("an address")
}

#[tokio::test]
async fn replicas_that_are_not_serving_get_no_calls() {
    let (one, two) = (Replica::start("one").await, Replica::start("two").await);
    let channel = connect(&[uri(one.address), uri(two.address)], &ClientTls::default());
    let replicas = [&one, &two];
    wait_until_only(&channel, &replicas, &["one", "two"]).await;
    one.says(ServingStatus::NotServing).await;
    wait_until_only(&channel, &replicas, &["two"]).await;
    two.says(ServingStatus::NotServing).await;
    one.says(ServingStatus::Serving).await;
    wait_until_only(&channel, &replicas, &["one"]).await;
    one.says(ServingStatus::NotServing).await;
    // A call is tried where nothing says that it will succeed.
    wait_until_only(&channel, &replicas, &["one", "two"]).await;
}

/// As of a name with an IPv6 address where the service listens on IPv4 only.
#[tokio::test]
async fn an_address_that_nobody_listens_on_costs_no_call() {
    let one = Replica::start("one").await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addresses = [nobody.local_addr().expect("an address"), one.address];
    drop(nobody);
    let asked = Arc::new(Notify::new());
    let resolver: replicas::Resolver = {
        let asked = asked.clone();
        Arc::new(move |_, _| {
            asked.notify_one();
            Box::pin(async move { Ok(addresses.to_vec()) })
        })
    };
    let name = Uri::from_static("http://127.0.0.1.test:1");
    let destination = Destination::resolved(&[name], &ClientTls::default(), resolver);
    asked.notified().await;
    let channel = destination.channel();
    // Until the replicas are known, calls go to the name, which leads nowhere here.
    wait_until_only(&channel, &[&one], &["one"]).await;
    for _ in 0..50 {
        assert_eq!(who_answers(&channel, &[&one]).await, HashSet::from([Some("one")]));
    }
}

#[tokio::test]
async fn replicas_that_are_gone_get_no_calls() {
    let (one, two) = (Replica::start("one").await, Replica::start("two").await);
    let channel = connect(&[uri(one.address), uri(two.address)], &ClientTls::default());
    wait_until_only(&channel, &[&one, &two], &["one", "two"]).await;
    drop(one);
    wait_until_only(&channel, &[&two], &["two"]).await;
}

#[tokio::test]
async fn names_are_looked_up_again() {
    let (one, two) = (Replica::start("one").await, Replica::start("two").await);
    let names = Arc::new(Mutex::new(Ok(vec![one.address])));
    let looked = Arc::new(Notify::new());
    let resolver: replicas::Resolver = {
        let (names, looked) = (names.clone(), looked.clone());
        Arc::new(move |host, port| {
            assert_eq!((&*host, port), ("tasks.test", 7000));
            looked.notify_one();
            let found = names.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Box::pin(async move { found.map_err(io::Error::from) })
        })
    };
    let find = |found| *names.lock().expect("no panic") = found;
    let address = Uri::from_static("http://tasks.test:7000");
    let channel = Destination::resolved(&[address], &ClientTls::default(), resolver).channel();
    let replicas = [&one, &two];
    wait_until_only(&channel, &replicas, &["one"]).await;
    find(Ok(vec![one.address, two.address]));
    wait_until_only(&channel, &replicas, &["one", "two"]).await;
    find(Ok(vec![two.address]));
    wait_until_only(&channel, &replicas, &["two"]).await;
    // What cannot be looked up is where it was.
    for nothing in [Err(io::ErrorKind::TimedOut), Ok(Vec::new())] {
        find(nothing);
        // The first may have begun before that.
        for _ in 0..2 {
            looked.notified().await;
        }
        assert_eq!(who_answers(&channel, &replicas).await, HashSet::from([Some("two")]));
    }
}

#[test]
fn a_place_is_reached_where_its_name_leads() {
    let uri = |address: &'static str, found: Option<&str>| {
        let found = found.map(|found| found.parse().expect("an address"));
        Place::at(Uri::from_static(address), found).uri().to_string()
    };
    assert_eq!(uri("http://tasks.test:7000", None), "http://tasks.test:7000/");
    assert_eq!(
        uri("https://tasks.test", Some("192.0.2.1:443")),
        "https://192.0.2.1:443/"
    );
    assert_eq!(
        uri("http://tasks.test:1", Some("[2001:db8::1]:1")),
        "http://[2001:db8::1]:1/"
    );
    for (address, literal) in [
        ("http://[::1]:1", true),
        ("http://127.0.0.1:1", true),
        ("http://localhost:1", false),
    ] {
        assert_eq!(replicas::is_literal(&Uri::from_static(address)), literal, "{address}");
    }
}
