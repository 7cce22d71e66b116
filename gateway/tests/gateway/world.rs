//! A gateway between a raw HTTP client and two far ends.

use std::{net::SocketAddr, sync::Arc};

use gateway::Config;
use http::Uri;
use ipnet::IpNet;
use platform::{
    access, entropy::SystemEntropy, secret::Secret, service_credential::ServiceKeys, serving::Readiness,
    testing::ManualClock, tls::ClientTls,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::far_end::FarEnd;

/// A running gateway and what stands behind it.
pub(crate) struct World {
    pub(crate) auth: FarEnd,
    pub(crate) task: FarEnd,
    pub(crate) gateway: SocketAddr,
    pub(crate) readiness: Readiness,
    pub(crate) service_keys: ServiceKeys,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    _running: DropGuard,
}

impl World {
    /// A gateway that trusts no proxy.
    pub(crate) async fn start() -> Self {
        Self::with_proxies(&[]).await
    }

    /// A gateway that trusts these proxies.
    pub(crate) async fn with_proxies(trusted_proxies: &[IpNet]) -> Self {
        let proxies = trusted_proxies.to_vec();
        Self::configured(|config| config.trusted_proxies = proxies).await
    }

    /// A gateway whose configuration was changed.
    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let (auth, task) = (FarEnd::start().await, FarEnd::start().await);
        let service_keys = ServiceKeys::new(vec![Secret::new([7; 32])]).expect("one key");
        let clock = Arc::new(ManualClock::new());
        let readiness = Readiness::default();
        let mut config = Config {
            contracts: access::descriptor_pool(),
            reflection: true,
            tls: ClientTls::default(),
            auth_addr: vec![uri(auth.address)],
            task_addr: vec![uri(task.address)],
            issuer: "https://tasks.example.com".to_owned(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            service_keys: service_keys.clone(),
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy),
            readiness: readiness.clone(),
        };
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let gateway = listener.local_addr().expect("an address");
        let shutdown = CancellationToken::new();
        let serving = gateway::serve(listener, config, shutdown.clone());
        let served = tokio::spawn(async { serving.await.expect("the contracts can be served") });
        Self {
            auth,
            task,
            gateway,
            readiness,
            service_keys,
            clock,
            _running: shutdown.clone().drop_guard(),
            shutdown,
            served,
        }
    }

    /// A request without a body.
    pub(crate) async fn send(&self, line: &str) -> Answer {
        self.send_with(line, &[], "").await
    }

    /// A request with a JSON body.
    pub(crate) async fn send_json(&self, line: &str, body: &str) -> Answer {
        self.send_with(line, &["content-type: application/json"], body).await
    }

    /// A request with these header lines and this body.
    pub(crate) async fn send_with(&self, line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
        let body = body.as_ref();
        let mut head = format!("{line} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
        if !body.is_empty() {
            head.push_str("content-length: ");
            head.push_str(&body.len().to_string());
            head.push_str("\r\n");
        }
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut stream = TcpStream::connect(self.gateway).await.expect("the gateway listens");
        stream.write_all(head.as_bytes()).await.expect("it takes the head");
        // The gateway may answer before it has taken all; then the answer counts.
        stream.write_all(body).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("it answers");
        Answer::parse(&answer)
    }
}

/// Where a far end is, as the configuration has it.
pub(crate) fn uri(address: SocketAddr) -> Uri {
    format!("http://{address}").parse().expect("a URI")
}

/// An address that is taken, so that no other test can get it, and at which nobody listens while this is held.
pub(crate) struct Nowhere(TcpSocket);

impl Nowhere {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        Self(socket)
    }

    pub(crate) fn uri(&self) -> Uri {
        uri(self.0.local_addr().expect("an address"))
    }
}

/// What is in the chunks (RFC 9112, section 7.1), and whether the last one is there.
fn unchunk(mut chunks: &[u8]) -> (Vec<u8>, bool) {
    let mut content = Vec::new();
    while let Some(end) = chunks.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&chunks[..end]).expect("ASCII");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return (content, true);
        }
        let chunk = &chunks[end + 2..];
        content.extend_from_slice(&chunk[..size.min(chunk.len())]);
        chunks = chunk.get(size + 2..).unwrap_or_default();
    }
    (content, false)
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as it should: only one in chunks can tell.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn parse(text: &[u8]) -> Self {
        let end = text
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a head");
        let head = std::str::from_utf8(&text[..end]).expect("an ASCII head");
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .expect("a status line");
        let mut answer = Self {
            status: status.parse().expect("a number"),
            headers: lines
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: text[end + 4..].to_vec(),
            whole: true,
        };
        if answer.header("transfer-encoding").is_some() {
            (answer.body, answer.whole) = unchunk(&answer.body);
        }
        answer
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(given, _)| given == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }

    /// What becomes of the cookies: names and values, without the attributes.
    pub(crate) fn cookies(&self) -> Vec<&str> {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.map(|(_, cookie)| cookie.split(';').next().unwrap_or_default())
            .collect()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that this is a problem in the contract's form, with this status and reason.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, reason: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        let problem = self.json();
        assert_eq!(problem["reason"], reason, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], format!("urn:holdfast:error:{reason}"));
        assert_eq!(problem["requestId"].as_str(), self.header("x-request-id"));
        for text in ["title", "detail", "requestId"] {
            assert!(problem[text].as_str().is_some_and(|text| !text.is_empty()), "{problem}");
        }
        problem
    }

    /// Checks that this is FIELD_INVALID and names exactly this field.
    #[track_caller]
    pub(crate) fn assert_names(&self, field: &str) {
        let problem = self.assert_problem(400, "FIELD_INVALID");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert_eq!(problem["errors"].as_array().map(Vec::len), Some(1), "{problem}");
        assert!(problem["errors"][0]["description"].is_string(), "{problem}");
    }
}
