//! What a service tells of itself: health, reflection, the admin listener.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use platform::{
    metrics::Metrics,
    serving::{self, Check, Readiness},
};
use prost::Message as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use crate::{
    client::Call,
    world::{CHECK, TASKS, World},
};

#[tokio::test]
async fn health_is_open_and_follows_readiness_until_the_shutdown() {
    let ready: Check = Arc::new(|| Box::pin(async { Ok(()) }));
    let (world, _serving) = World::with_checks(&[("always", ready)]).await.start();
    let mut health = HealthClient::new(world.channel());
    for service in ["", TASKS] {
        let request = HealthCheckRequest {
            service: service.to_owned(),
        };
        let mut watch = health.watch(request).await.unwrap().into_inner();
        // NOT_SERVING first, perhaps: the checks run while we connect.
        while watch.message().await.unwrap().unwrap().status != 1 {}
    }
    let mut watch = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap(), Some(HealthCheckResponse { status: 1 }));
    world.shutdown.cancel();
    assert_eq!(watch.message().await.unwrap(), Some(HealthCheckResponse { status: 2 }));
}

#[tokio::test]
async fn health_is_not_serving_without_a_check_and_of_nobody_else() {
    let (world, _serving) = World::new().await.start();
    let client = world.connect().await;
    let ask = |service: &str| {
        Call::of(CHECK).message(&HealthCheckRequest {
            service: service.to_owned(),
        })
    };
    for service in ["", TASKS] {
        let answer = client.answer(ask(service)).await;
        let health = HealthCheckResponse::decode(&answer.body[5..]).unwrap();
        assert_eq!(health.status, 2, "NOT_SERVING");
    }
    client
        .answer(ask("holdfast.auth.v1.AuthService"))
        .await
        .is(Code::NotFound, "SERVICE_UNKNOWN");
}

/// In both versions: grpcurl before 1.9 speaks v1alpha only.
#[tokio::test]
async fn reflection_tells_the_services_and_their_files() {
    macro_rules! ask {
        ($version:ident, $request:ident, $response:ident, $channel:expr, $question:expr) => {{
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
            };
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::$request($question)),
            };
            let answers = ServerReflectionClient::new($channel)
                .server_reflection_info(futures_util::stream::iter([request]))
                .await;
            match answers
                .unwrap()
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
                .message_response
            {
                Some(MessageResponse::$response(answer)) => answer,
                other => panic!("{other:?}"),
            }
        }};
    }
    let (world, _serving) = World::new().await.start();
    let v1 = ask!(v1, ListServices, ListServicesResponse, world.channel(), String::new());
    let v1alpha = ask!(
        v1alpha,
        ListServices,
        ListServicesResponse,
        world.channel(),
        String::new()
    );
    let mut listed = [
        v1.service.into_iter().map(|service| service.name).collect::<Vec<_>>(),
        v1alpha.service.into_iter().map(|service| service.name).collect(),
    ];
    for names in &mut listed {
        names.sort();
        assert_eq!(*names, ["grpc.health.v1.Health", TASKS]);
    }
    let symbol = format!("{TASKS}.GetTask");
    let v1 = ask!(
        v1,
        FileContainingSymbol,
        FileDescriptorResponse,
        world.channel(),
        symbol.clone()
    );
    let v1alpha = ask!(
        v1alpha,
        FileContainingSymbol,
        FileDescriptorResponse,
        world.channel(),
        symbol
    );
    assert!(!v1.file_descriptor_proto.is_empty() && !v1alpha.file_descriptor_proto.is_empty());
}

#[tokio::test]
async fn the_admin_listener_tells_life_and_readiness() {
    let broken = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let readiness = Readiness::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (metrics, shutdown) = (Metrics::default(), CancellationToken::new());
    let serving = tokio::spawn(serving::serve_admin(
        listener,
        readiness.clone(),
        metrics.clone(),
        shutdown.clone(),
    ));

    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200 "));
    assert!(
        get(address, "/readyz").await.starts_with("HTTP/1.1 503 "),
        "no check yet"
    );
    assert!(!serving::probe(address).await.unwrap());
    readiness.add("good", Arc::new(|| Box::pin(async { Ok(()) })));
    readiness.add("disk", {
        let broken = broken.clone();
        Arc::new(move || {
            let broken = broken.load(std::sync::atomic::Ordering::SeqCst);
            Box::pin(async move { if broken { Err("full".to_owned()) } else { Ok(()) } })
        })
    });
    assert!(serving::probe(address).await.unwrap());
    broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let answer = get(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("\r\n\r\ndisk: full\n"),
        "{answer}"
    );
    assert!(!serving::probe(address).await.unwrap());
    assert!(
        get(address, "/livez").await.starts_with("HTTP/1.1 200 "),
        "alive all the same"
    );
    metrics.token_verification("task-service").observe(0.002);
    metrics.register_duration("silence_seconds", "How long", || Duration::from_millis(1500));
    let answer = get(address, "/metrics").await;
    for line in [
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
        "\ntoken_verification_seconds_count{service=\"task-service\"} 1\n",
        "\nsilence_seconds 1.5\n",
        "\n# EOF\n",
    ] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }

    shutdown.cancel();
    serving.await.unwrap();
    assert!(serving::probe(address).await.is_err());
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
