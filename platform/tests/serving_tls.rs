//! Listeners and channels over TLS, on real sockets and with certificates of authorities made for each test.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::{error::Error as _, io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{Extension, Router, routing::get};
use bytes::Bytes;
use futures_util::future::join_all;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use platform::{
    channel,
    configuration::{Arguments, Settings},
    serving::{PeerAddress, Protocol, Readiness, Sockets, health_service, serve},
    testing::{TestAuthority, TestCertificate, Workspace},
    tls::Tls,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::Instant,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore, SupportedProtocolVersion,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        version::{TLS12, TLS13},
    },
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, service::Routes, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::util::BoxCloneSyncService;

const H2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// Two authorities of one name that know nothing of each other, and what they certified.
struct World {
    authority: TestAuthority,
    other: TestAuthority,
    server: TestCertificate,
    client: TestCertificate,
    stranger: TestCertificate,
    _workspace: Workspace,
}

impl World {
    fn new() -> Self {
        let workspace = Workspace::new();
        let authority = TestAuthority::new(workspace.path().join("authority"));
        let other = TestAuthority::new(workspace.path().join("other"));
        Self {
            server: authority.certify("server"),
            client: authority.certify("client"),
            stranger: other.certify("stranger"),
            authority,
            other,
            _workspace: workspace,
        }
    }

    /// A server's TLS; of mTLS if callers must be certified.
    fn server_tls(&self, callers: Option<PathBuf>) -> Tls {
        tls(Some(&self.server), callers, None)
    }

    /// A caller's, as a service has it.
    fn caller_tls(&self, own: Option<&TestCertificate>) -> Tls {
        tls(own, None, Some(self.authority.certificate()))
    }

    /// A client that is not ours.
    fn connector(
        &self,
        own: Option<&TestCertificate>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.authority.certificate()).unwrap())
            .unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let chain = vec![CertificateDer::from_pem_file(&own.certificate).unwrap()];
                let key = PrivateKeyDer::from_pem_file(&own.key).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config).into()
    }
}

fn tls(own: Option<&TestCertificate>, callers: Option<PathBuf>, authority: Option<PathBuf>) -> Tls {
    let text = |path: PathBuf| path.display().to_string();
    let settings = Settings::check(&Arguments {
        tls_certificate_file: own.map(|own| text(own.certificate.clone())),
        tls_key_file: own.map(|own| text(own.key.clone())),
        tls_client_authority_file: callers.map(text),
        tls_authority_file: authority.map(text),
        ..Arguments::defaults()
    });
    settings.unwrap_or_else(|mistakes| panic!("{mistakes:?}")).tls
}

/// A listener that serves until it is told to stop.
struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    serving: JoinHandle<()>,
}

impl Server {
    /// gRPC, where the health service answers.
    async fn grpc(tls: &Tls) -> Self {
        Self::grpc_at("127.0.0.1:0".parse().unwrap(), tls).await
    }

    async fn grpc_at(address: SocketAddr, tls: &Tls) -> Self {
        let readiness = Readiness::default();
        readiness.add("test", Arc::new(|| Box::pin(async { Ok(()) })));
        let mut routes = Routes::builder();
        let shutdown = CancellationToken::new();
        health_service(&mut routes, &[], readiness, shutdown.clone()).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let sockets = (listener, tls.grpc.clone());
        Self::start(sockets, routes.routes().into_axum_router(), Protocol::Http2, shutdown)
    }

    /// HTTP, where every request is answered with the address that it came from.
    async fn http(tls: &Tls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = |Extension(peer): Extension<PeerAddress>| async move { peer.0.to_string() };
        let router = Router::new().route("/", get(peer));
        let sockets = (listener, tls.http.clone());
        Self::start(sockets, router, Protocol::Any, CancellationToken::new())
    }

    fn start(
        (listener, tls): (TcpListener, Option<platform::tls::ServerTls>),
        router: Router,
        protocol: Protocol,
        shutdown: CancellationToken,
    ) -> Self {
        assert!(tls.is_some());
        let address = listener.local_addr().unwrap();
        let sockets = Sockets::new(listener, tls);
        let serving = serve(sockets, BoxCloneSyncService::new(router), protocol, shutdown.clone());
        Self {
            address,
            shutdown,
            serving: tokio::spawn(serving),
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.serving.await.unwrap();
    }

    /// A connection by a client that is not ours.
    async fn shake_hands(&self, connector: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        connector.connect("localhost".try_into().unwrap(), stream).await
    }

    /// As the services connect.
    fn channel(&self, tls: &Tls) -> Channel {
        channel::connect(
            &[format!("https://localhost:{}", self.address.port()).parse().unwrap()],
            &tls.client,
        )
    }
}

async fn check(channel: &Channel) -> Result<(), tonic::Status> {
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(channel.clone()).check(request).await.map(drop)
}

/// No answer, because there is no connection; how soon that is known decides the code.
#[track_caller]
fn refused(answer: Result<(), tonic::Status>) {
    let status = answer.expect_err("it was answered");
    assert!(status.source().is_some(), "{status:?}");
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown), "{status:?}");
}

/// The answer to a request, and where the server says that it came from.
async fn ask_by_http_2(stream: TlsStream<TcpStream>) -> String {
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// AP-10: TLS 1.2 and 1.3 and nothing else; older versions are not even compiled in.
#[tokio::test]
async fn ap_10_http_is_served_over_tls_1_2_and_1_3_by_what_the_client_speaks() {
    let world = World::new();
    let server = Server::http(&world.server_tls(None)).await;
    for version in [&TLS12, &TLS13] {
        let stream = server
            .shake_hands(&world.connector(None, &[version], &[H2, HTTP_1]))
            .await
            .unwrap();
        let (tcp, session) = stream.get_ref();
        assert_eq!(session.protocol_version(), Some(version.version));
        assert_eq!(session.alpn_protocol(), Some(H2));
        let own = tcp.local_addr().unwrap();
        assert_eq!(
            ask_by_http_2(stream).await,
            own.to_string(),
            "the address of the client"
        );

        let mut stream = server
            .shake_hands(&world.connector(None, &[version], &[HTTP_1]))
            .await
            .unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(HTTP_1));
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn ap_10_grpc_is_served_over_tls_and_speaks_http_2_only() {
    let world = World::new();
    let server = Server::grpc(&world.server_tls(None)).await;
    check(&server.channel(&world.caller_tls(None))).await.unwrap();
    let http_1 = server.shake_hands(&world.connector(None, &[&TLS13], &[HTTP_1])).await;
    assert!(http_1.is_err());
    server.stop().await;
}

/// AP-10: who speaks plaintext to a listener with TLS is refused, and nobody else notices.
#[tokio::test]
async fn ap_10_a_plaintext_client_is_refused_and_does_no_harm() {
    let world = World::new();
    let (grpc, http) = (
        Server::grpc(&world.server_tls(None)).await,
        Server::http(&world.server_tls(None)).await,
    );
    let caller = world.caller_tls(None);
    let plaintext = format!("http://localhost:{}", grpc.address.port()).parse().unwrap();
    let plaintext = channel::connect(&[plaintext], &caller.client);
    for _ in 0..3 {
        refused(check(&plaintext).await);
        check(&grpc.channel(&caller)).await.unwrap();
    }

    let mut stream = TcpStream::connect(http.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    // The end, or a reset: the connection is closed either way.
    stream.read_to_end(&mut answer).await.ok();
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
    let connector = world.connector(None, &[&TLS13], &[H2]);
    ask_by_http_2(http.shake_hands(&connector).await.unwrap()).await;
    grpc.stop().await;
    http.stop().await;
}

/// Who is slow about it keeps nobody waiting, and no place for longer than the limit.
#[tokio::test]
async fn ap_10_a_slow_handshake_is_cut_and_delays_nobody() {
    let world = World::new();
    let server = Server::http(&world.server_tls(None)).await;
    let mut hello = vec![22, 3, 1, 1, 0];
    hello.extend([1; 20]);
    let mut slow = Vec::new();
    for said in [&b""[..], &hello[..3], &hello] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(said).await.unwrap();
        slow.push(stream);
    }
    let connector = world.connector(None, &[&TLS13], &[H2]);
    ask_by_http_2(server.shake_hands(&connector).await.unwrap()).await;

    tokio::time::pause();
    let began = Instant::now();
    let ends = slow.iter_mut().map(|stream| async {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
    });
    tokio::time::timeout(Duration::from_secs(15), join_all(ends))
        .await
        .expect("they are closed");
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}", began.elapsed());
    tokio::time::resume();
    server.stop().await;
}

/// A drain waits for answers; a handshake is none yet.
#[tokio::test]
async fn a_drain_does_not_wait_for_handshakes() {
    let world = World::new();
    let server = Server::http(&world.server_tls(None)).await;
    let _silent = TcpStream::connect(server.address).await.unwrap();
    // Accepted after it.
    let connector = world.connector(None, &[&TLS13], &[H2]);
    ask_by_http_2(server.shake_hands(&connector).await.unwrap()).await;
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

/// AP-10: mTLS. Only who is certified by the authority of callers is served.
#[tokio::test]
async fn ap_10_callers_of_grpc_show_a_certificate_of_the_right_authority() {
    let world = World::new();
    let server = Server::grpc(&world.server_tls(Some(world.authority.certificate()))).await;
    check(&server.channel(&world.caller_tls(Some(&world.client))))
        .await
        .unwrap();
    refused(check(&server.channel(&world.caller_tls(None))).await);
    refused(check(&server.channel(&world.caller_tls(Some(&world.stranger)))).await);

    // In TLS 1.2 the handshake itself fails.
    for own in [None, Some(&world.stranger)] {
        let connector = world.connector(own, &[&TLS12], &[H2]);
        assert!(server.shake_hands(&connector).await.is_err());
    }
    let connector = world.connector(Some(&world.client), &[&TLS12], &[H2]);
    server.shake_hands(&connector).await.unwrap();
    server.stop().await;

    let gateway = Server::http(&world.server_tls(Some(world.authority.certificate()))).await;
    let connector = world.connector(None, &[&TLS13], &[H2]);
    ask_by_http_2(gateway.shake_hands(&connector).await.unwrap()).await;
    gateway.stop().await;
}

/// AP-10: a service is believed only with a certificate for its name by a known authority.
#[tokio::test]
async fn ap_10_a_channel_refuses_a_service_that_does_not_prove_its_name() {
    let world = World::new();
    let server = Server::grpc(&world.server_tls(None)).await;
    // Nobody that the public knows.
    refused(check(&server.channel(&Tls::default())).await);
    refused(check(&server.channel(&tls(None, None, Some(world.other.certificate())))).await);
    let caller = world.caller_tls(None);
    let to = |host: &str| {
        let address = format!("https://{host}:{}", server.address.port()).parse().unwrap();
        channel::connect(&[address], &caller.client)
    };
    check(&to("127.0.0.1")).await.unwrap();
    // The same socket by a name that the certificate lacks.
    refused(check(&to("127.0.0.2")).await);
    refused(check(&to("[::1]")).await);
    server.stop().await;
}

#[tokio::test]
async fn ap_10_a_channel_of_several_addresses_uses_tls_for_each() {
    let world = World::new();
    let caller = world.caller_tls(None);
    let servers = [
        Server::grpc(&world.server_tls(None)).await,
        Server::grpc(&world.server_tls(None)).await,
    ];
    let addresses: Vec<_> = servers
        .iter()
        .map(|server| format!("https://localhost:{}", server.address.port()).parse().unwrap())
        .collect();
    let channel = channel::connect(&addresses, &caller.client);
    for _ in 0..10 {
        check(&channel).await.unwrap();
    }
    for server in servers {
        server.stop().await;
    }
}

/// Certificates have an end; a process has none.
#[tokio::test]
async fn ap_10_a_certificate_replaced_on_disk_is_served_without_a_restart() {
    let world = World::new();
    let server = Server::grpc(&world.server_tls(None)).await;
    let connector = world.connector(None, &[&TLS13], &[H2]);
    let shown = async || {
        let stream = server.shake_hands(&connector).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    };
    let of = |certificate: &TestCertificate| CertificateDer::from_pem_file(&certificate.certificate).unwrap();
    let first = of(&world.server);
    assert_eq!(shown().await, first);

    // While it does not fit its key, as in the middle of a renewal, the old one stays.
    let next = world.authority.certify("next");
    let key = std::fs::read(&world.server.key).unwrap();
    world.server.replace(&next);
    std::fs::write(&world.server.key, key).unwrap();
    a_minute_passes().await;
    assert_eq!(shown().await, first);
    std::fs::remove_file(&world.server.key).unwrap();
    a_minute_passes().await;
    assert_eq!(shown().await, first);

    world.server.replace(&next);
    assert_eq!(shown().await, first, "it is not looked for at every connection");
    a_minute_passes().await;
    assert_eq!(shown().await, of(&next));
    server.stop().await;
}

/// AP-10: who certifies callers may change, and with it the certificate that a service shows.
#[tokio::test]
async fn ap_10_a_channel_shows_a_certificate_replaced_on_disk_without_a_restart() {
    let world = World::new();
    let server = Server::grpc(&world.server_tls(Some(world.authority.certificate()))).await;
    let address = server.address;
    let channel = server.channel(&world.caller_tls(Some(&world.client)));
    check(&channel).await.unwrap();

    world.client.replace(&world.stranger);
    server.stop().await;
    let server = Server::grpc_at(address, &world.server_tls(Some(world.other.certificate()))).await;
    refused(check(&channel).await);
    a_minute_passes().await;
    // The change is heard by a task of its own.
    let changed = async {
        while check(&channel).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), changed)
        .await
        .expect("it shows the new one");
    server.stop().await;
}

async fn a_minute_passes() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
}
