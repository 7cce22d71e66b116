//! What a service is told of the client, and what it is not.

use std::collections::BTreeSet;

use platform::service_credential::{CLIENT_ADDRESS_METADATA, CLIENT_USER_AGENT_METADATA, METADATA, Role};

use crate::world::World;

#[tokio::test]
async fn only_what_is_listed_goes_on() {
    let world = World::start().await;
    let headers = [
        "authorization: Bearer token",
        "x-request-id: my-id",
        "user-agent: browser/1",
        "cookie: a=b",
        "x-forwarded-for: 203.0.113.9",
        "x-real-ip: 203.0.113.9",
        "x-user-id: 1",
        "x-custom: 1",
        "x-holdfast-service-token: forged",
        "x-holdfast-client-address: 203.0.113.9",
        "x-holdfast-client-user-agent: forged",
        "x-holdfast-anything: forged",
        "grpc-tags-bin: AAAA",
    ];
    let answer = world.send_with("GET /v1/tasks", &headers, "").await;
    assert_eq!(answer.header("x-request-id"), Some("my-id"));

    let call = world.task.call();
    // The transport's own: how the message is written, who wrote it.
    let transport = ["content-type", "te", "user-agent", "grpc-timeout"];
    let names: BTreeSet<&str> = call.metadata.keys().map(http::HeaderName::as_str).collect();
    let names: BTreeSet<&str> = names.into_iter().filter(|name| !transport.contains(name)).collect();
    let ours = [
        "authorization",
        "x-request-id",
        "traceparent",
        METADATA,
        CLIENT_ADDRESS_METADATA,
        CLIENT_USER_AGENT_METADATA,
    ];
    assert_eq!(names, BTreeSet::from(ours));
    assert_eq!(call.values("authorization"), ["Bearer token"]);
    assert_eq!(call.values("x-request-id"), ["my-id"]);
    assert_eq!(call.values(CLIENT_ADDRESS_METADATA), ["127.0.0.1"]);
    assert_eq!(call.values(CLIENT_USER_AGENT_METADATA), ["browser/1"]);
    assert!(!call.values("user-agent")[0].contains("browser"));
    let token = call.values(METADATA)[0].to_owned();
    let peer = world
        .service_keys
        .verify(&token, &*world.clock)
        .expect("the token is good");
    assert_eq!(peer.role(), Role::Gateway);
}

#[tokio::test]
async fn a_trace_goes_on() {
    let world = World::start().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("traceparent: {trace}-00f067aa0ba902b7-01");
    let headers = [&*parent, "tracestate: vendor=1"];
    world.send_with("GET /v1/tasks", &headers, "").await;
    let call = world.task.call();
    let parent = call.values("traceparent")[0];
    assert!(parent.starts_with(trace) && parent.ends_with("-01"), "{parent}");
    assert!(!parent.contains("00f067aa0ba902b7"), "a span of its own");
    assert_eq!(call.values("tracestate"), ["vendor=1"]);
    // Without one it begins here.
    world.send("GET /v1/tasks").await;
    let call = world.task.call();
    assert!(call.values("traceparent")[0].ends_with("-00"));
    assert!(call.values("tracestate").is_empty());
}

#[tokio::test]
async fn an_anonymous_client_stays_anonymous() {
    let world = World::start().await;
    world.send("GET /v1/tasks").await;
    let call = world.task.call();
    assert!(call.values("authorization").is_empty());
    assert!(call.values(CLIENT_USER_AGENT_METADATA).is_empty());
    assert_eq!(call.values("x-request-id").len(), 1);
}

/// That two are one too many is for the service to say; dropping one would choose between them.
#[tokio::test]
async fn two_credentials_both_go_on() {
    let world = World::start().await;
    let headers = ["authorization: Bearer one", "authorization: Bearer two"];
    world.send_with("GET /v1/tasks", &headers, "").await;
    assert_eq!(world.task.call().values("authorization"), ["Bearer one", "Bearer two"]);
}

/// AR-06.
#[tokio::test]
async fn a_forwarded_address_counts_from_a_trusted_proxy_only() {
    let forwarded = "x-forwarded-for: 203.0.113.66, 198.51.100.7, 10.1.2.3";
    let proxies = ["127.0.0.0/8", "10.0.0.0/8"].map(|network| network.parse().expect("a network"));
    let (wary, trusting) = (World::start().await, World::with_proxies(&proxies).await);
    for (world, expected) in [(&wary, "127.0.0.1"), (&trusting, "198.51.100.7")] {
        world.send_with("GET /v1/tasks", &[forwarded], "").await;
        assert_eq!(world.task.call().values(CLIENT_ADDRESS_METADATA), [expected]);
    }
    trusting.send("GET /v1/tasks").await;
    assert_eq!(trusting.task.call().values(CLIENT_ADDRESS_METADATA), ["127.0.0.1"]);
}

#[tokio::test]
async fn the_deadline_goes_on() {
    let world = World::start().await;
    let told = async |headers: &[&str]| {
        world.send_with("GET /v1/tasks", headers, "").await;
        let timeout = world.task.call().values("grpc-timeout")[0].to_owned();
        let (number, unit) = timeout.split_at(timeout.len() - 1);
        let number: f64 = number.parse().expect("a number");
        match unit {
            "S" => number,
            "m" => number / 1e3,
            "u" => number / 1e6,
            "n" => number / 1e9,
            other => panic!("{other}"),
        }
    };
    let (default, asked) = (told(&[]).await, told(&["grpc-timeout: 90S"]).await);
    assert!((25.0..=30.0).contains(&default), "{default}");
    assert!((85.0..=90.0).contains(&asked), "{asked}");
    let refused = world.send_with("GET /v1/tasks", &["grpc-timeout: soon"], "").await;
    refused.assert_names("grpc-timeout");
    assert!(world.task.calls().is_empty());
}
