//! TLS of the real binaries, with curl and grpcurl as clients that are not ours.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
};

use platform::testing::{TestAuthority, TestCertificate, Workspace};
use serde_json::{Value, json};

use crate::process::{Process, ServiceProcess, command, run};

const REGISTER: &str = "holdfast.auth.v1.AuthService/Register";
const CREATE_TASK: &str = "holdfast.task.v1.TaskService/CreateTask";
const SERVICE_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// An authority, a certificate of a service, and one of a caller.
struct World {
    authority: TestAuthority,
    service: TestCertificate,
    caller: TestCertificate,
    workspace: Workspace,
}

impl World {
    fn new() -> Self {
        let workspace = Workspace::new();
        let authority = TestAuthority::new(workspace.path().join("authority"));
        Self {
            service: authority.certify("service"),
            caller: authority.certify("caller"),
            authority,
            workspace,
        }
    }

    /// Listeners with TLS, over gRPC for callers with a certificate only.
    fn mtls(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HOLDFAST_TLS_CERTIFICATE_FILE", text(&self.service.certificate)),
            ("HOLDFAST_TLS_KEY_FILE", text(&self.service.key)),
            (
                "HOLDFAST_TLS_CLIENT_AUTHORITY_FILE",
                text(&self.authority.certificate()),
            ),
            ("HOLDFAST_TLS_AUTHORITY_FILE", text(&self.authority.certificate())),
        ]
    }

    /// What curl prints for a request to the gateway, of anybody.
    fn curl(&self, gateway: SocketAddr, token: Option<&str>, path: &str, body: &Value) -> Result<Value, String> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--fail", "--cacert"]);
        curl.arg(self.authority.certificate());
        curl.args([
            "--header",
            "content-type: application/json",
            "--data",
            &body.to_string(),
        ]);
        if let Some(token) = token {
            curl.args(["--header", &format!("authorization: Bearer {token}")]);
        }
        answer(curl.arg(format!("https://localhost:{}{path}", gateway.port())))
    }

    /// What grpcurl prints for a call, of a caller with a certificate or without.
    fn grpcurl(
        &self,
        service: SocketAddr,
        own: Option<&TestCertificate>,
        token: &str,
        (method, message): (&str, &Value),
    ) -> Result<Value, String> {
        // scripts/test installs it and says where.
        let mut grpcurl = Command::new(env::var("GRPCURL").unwrap_or_else(|_| "grpcurl".to_owned()));
        grpcurl.arg("-cacert").arg(self.authority.certificate());
        match own {
            Some(own) => grpcurl.arg("-cert").arg(&own.certificate).arg("-key").arg(&own.key),
            // It tries until then.
            None => grpcurl.args(["-connect-timeout", "1"]),
        };
        grpcurl.args(["-H", &format!("authorization: Bearer {token}")]);
        grpcurl.args(["-d", &message.to_string()]);
        answer(grpcurl.args([&format!("localhost:{}", service.port()), method]))
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn answer(command: &mut Command) -> Result<Value, String> {
    let output = run(command);
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn person(name: &str) -> Value {
    json!({"email": format!("{name}@example.com"), "password": "correct horse battery staple"})
}

/// AP-10: `holdfast` with TLS. Its own parts need no certificate, its callers do as the settings say.
#[test]
fn ap_10_holdfast_speaks_tls_on_all_its_listeners() {
    let world = World::new();
    let data = world.workspace.path().join("data");
    let process = Process::start_as(command(&data).envs(world.mtls()));
    assert!(
        process.announcement.contains(&format!("https://{}\n", process.gateway)),
        "{}",
        process.announcement
    );
    assert!(!process.announcement.contains(&format!("http://{}", process.gateway)));

    let ada = world
        .curl(process.gateway, None, "/v1/auth/register", &person("ada"))
        .unwrap();
    let token = ada["tokens"]["accessToken"].as_str().unwrap();
    let created = world
        .curl(process.gateway, Some(token), "/v1/tasks", &json!({"title": "Buy milk"}))
        .unwrap();
    assert_eq!(created["title"], "Buy milk");

    let create = json!({"task": {"title": "Try Holdfast"}});
    let own = Some(&world.caller);
    let created = world.grpcurl(process.task, own, token, (CREATE_TASK, &create)).unwrap();
    assert_eq!(created["title"], "Try Holdfast");
    world
        .grpcurl(process.auth, own, "", (REGISTER, &person("grace")))
        .unwrap();
    for (service, call) in [
        (process.auth, (REGISTER, &person("eve"))),
        (process.task, (CREATE_TASK, &create)),
    ] {
        let refused = world.grpcurl(service, None, token, call);
        assert!(refused.is_err(), "without a certificate: {refused:?}");
    }

    // The admin listener has no TLS, and is asked as ever.
    let healthcheck = run(command(&data)
        .envs(world.mtls())
        .env("HOLDFAST_ADMIN_LISTEN", process.admin.to_string())
        .arg("healthcheck"));
    assert!(healthcheck.status.success(), "{healthcheck:?}");
    for address in [process.auth, process.task, process.gateway] {
        let plaintext = run(Command::new("curl").args(["--silent", &format!("http://{address}/")]));
        assert!(!plaintext.status.success(), "{plaintext:?}");
    }
    process.kill();
}

/// AP-10: three processes, and nothing between them in plaintext. auth-service and task-service serve only who shows a
/// certificate, which task-service and the gateway therefore do.
#[test]
fn ap_10_services_reach_each_other_by_mtls() {
    let world = World::new();
    let start = |binary: &str, more: Vec<(&'static str, String)>| {
        let mut environment = world.mtls();
        environment.push(("HOLDFAST_SERVICE_KEY", SERVICE_KEY.to_owned()));
        environment.extend(more);
        ServiceProcess::start(binary, &world.workspace.path().join(binary), &environment)
    };
    let found_at = |service: &ServiceProcess| format!("https://localhost:{}", service.address.port());
    let auth = start(
        "auth-service",
        vec![("HOLDFAST_MASTER_KEY", format!("first:{SERVICE_KEY}"))],
    );
    let task = start("task-service", vec![("HOLDFAST_AUTH_ADDR", found_at(&auth))]);
    let gateway = start(
        "gateway",
        vec![
            ("HOLDFAST_AUTH_ADDR", found_at(&auth)),
            ("HOLDFAST_TASK_ADDR", found_at(&task)),
        ],
    );
    for service in [&auth, &task] {
        assert!(
            service.announcement.ends_with(" (gRPC, TLS)\n"),
            "{}",
            service.announcement
        );
    }
    assert!(gateway.announcement.contains("https://"), "{}", gateway.announcement);
    // task-service is when it follows auth-service, the gateway when both serve.
    task.ready();
    gateway.ready();

    let refused = world.grpcurl(auth.address, None, "", (REGISTER, &person("eve")));
    assert!(refused.is_err(), "without a certificate: {refused:?}");
    let ada = world
        .curl(gateway.address, None, "/v1/auth/register", &person("ada"))
        .unwrap();
    let token = ada["tokens"]["accessToken"].as_str();
    let created = world
        .curl(gateway.address, token, "/v1/tasks", &json!({"title": "Buy milk"}))
        .unwrap();
    assert_eq!(created["title"], "Buy milk");
}

/// What strangers send to a public listener fills no log, and none of it stands there.
#[test]
fn ap_10_a_failed_handshake_is_not_logged() {
    let world = World::new();
    let process = Process::start_as(
        command(&world.workspace.path().join("data"))
            .envs(world.mtls())
            .stderr(Stdio::piped()),
    );
    let unexpected_record = [23, 3, 3, 0, 5, b'h', b'e', b'l', b'l', b'o'];
    for address in [process.auth, process.task, process.gateway] {
        for said in [&b"GET / HTTP/1.1\r\n\r\n"[..], &unexpected_record, b""] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(said).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            // An alert or nothing, and then the end or a reset.
            stream.read_to_end(&mut Vec::new()).ok();
        }
    }
    process.signal("TERM");
    let (status, log) = process.ended();
    assert!(status.success(), "{log}");
    let others = log
        .lines()
        .filter(|line| line.contains("rustls") || line.contains("connection"));
    assert_eq!(others.count(), 0, "{log}");
}

/// AP-10: the binary does not even start; and it does where that is asked for.
#[test]
fn ap_10_plaintext_beyond_loopback_is_refused_at_the_start() {
    let workspace = Workspace::new();
    for listen in ["AUTH", "TASK", "GATEWAY", "ADMIN"] {
        let setting = format!("HOLDFAST_{listen}_LISTEN");
        let refused = run(command(workspace.path()).env(&setting, "0.0.0.0:0"));
        assert_eq!(refused.status.code(), Some(2));
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(
            told.contains(&format!("{setting} must be a loopback address")),
            "{told}"
        );
        let process = Process::start_as(
            command(workspace.path())
                .env(&setting, "0.0.0.0:0")
                .env("HOLDFAST_PLAINTEXT", "on"),
        );
        process.kill();
    }
}
