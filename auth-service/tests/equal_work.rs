//! A login says nothing by the work it does: the same statements and the same hashes whether the address is
//! unknown or the password wrong (AR-03). The timing itself is measured by `scripts/soak`.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_service::{Config, assemble, passwords::HashingParameters, rpc::AuthRpc, sessions::Lifetimes, store::SCHEMA};
use platform::{
    configuration::{MasterKey, MasterKeys},
    database::Engine as _,
    entropy::SystemEntropy,
    metrics::Metrics,
    secret::Secret,
    service_credential::ServiceKeys,
    serving::Readiness,
    testing::{ManualClock, Workspace, run_script},
};
use proto::auth::v1::{LoginRequest, RegisterRequest, auth_service_server::AuthService as _};
use tonic::{Code, Request};
use tracing::field::{Field, Visit};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

/// Remembers the text of every statement.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<Vec<String>>>);

impl Statements {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: tracing::Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "holdfast::sql" {
            event.record(&mut Sql(self));
        }
    }
}

struct Sql<'s>(&'s Statements);

impl Visit for Sql<'_> {
    fn record_str(&mut self, _: &Field, sql: &str) {
        self.0
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(sql.to_owned());
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

const PASSWORD: &str = "correct horse battery staple";
const WRONG: &str = "wrong horse battery staple";

fn config(workspace: &Workspace) -> Config {
    Config {
        database: workspace.sqlite("auth.db"),
        issuer: "http://localhost:8080".to_owned(),
        master_keys: MasterKeys::new(vec![MasterKey {
            id: "test".to_owned(),
            key: Secret::new([1; 32]),
        }])
        .unwrap(),
        service_keys: ServiceKeys::new(vec![Secret::new([2; 32])]).unwrap(),
        lifetimes: Lifetimes {
            idle: Duration::from_hours(1),
            absolute: Duration::from_hours(2),
            access: Duration::from_mins(5),
        },
        key_rotation: Duration::from_hours(24),
        password_min_length: 12,
        hashing: HashingParameters {
            memory_kib: 64,
            passes: 1,
        },
        throttle_exempt: Vec::new(),
        reflection: true,
        clock: Arc::new(ManualClock::new()),
        entropy: Arc::new(SystemEntropy),
        readiness: Readiness::default(),
        metrics: Metrics::default(),
    }
}

async fn register(service: &AuthRpc, email: &str) {
    let register = RegisterRequest {
        email: email.to_owned(),
        password: PASSWORD.to_owned(),
        display_name: String::new(),
    };
    service.register(Request::new(register)).await.unwrap();
}

#[tokio::test]
async fn unknown_address_and_wrong_password_do_equal_work() {
    let statements = Statements::default();
    tracing_subscriber::registry().with(statements.clone()).init();
    let workspace = Workspace::new();
    let config = config(&workspace);
    let database = sqlx::Sqlite::open(&config.database, &SCHEMA).await.unwrap();
    let service = assemble(&database, &config).await.unwrap();
    register(&service, "ada@example.com").await;
    register(&service, "ben@example.com").await;
    let disable = "UPDATE accounts SET disabled_time = 1 WHERE email = 'ben@example.com'";
    run_script::<sqlx::Sqlite>(&config.database, disable.to_owned()).await;
    // The statements and the number of hashes of a refused login.
    let work = async |email: &str, password: &str, code| {
        statements.take();
        let before = service.hashes();
        let login = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
        };
        let refused = service.login(Request::new(login)).await.unwrap_err();
        assert_eq!(refused.code(), code);
        (statements.take(), service.hashes() - before)
    };

    let wrong = work("ada@example.com", WRONG, Code::Unauthenticated).await;
    assert_eq!(wrong.1, 1, "one hash");
    for part in [
        "FROM throttles",
        "UPDATE throttles",
        "FROM accounts",
        "INTO audit_records",
    ] {
        assert!(wrong.0.concat().contains(part), "{part}");
    }
    for (email, password) in [
        ("eve@example.com", WRONG),
        ("no address at all", "x"),
        ("ben@example.com", WRONG),
        ("ben@example.com", PASSWORD),
    ] {
        assert_eq!(work(email, password, Code::Unauthenticated).await, wrong, "{email}");
    }

    // Held up, they do equal work again, and no hash.
    let mut held = Vec::new();
    for email in ["ada@example.com", "eve@example.com"] {
        for _ in 0..4 {
            work(email, WRONG, Code::Unauthenticated).await;
        }
        held.push(work(email, PASSWORD, Code::ResourceExhausted).await);
    }
    assert_eq!(held[0], held[1]);
    assert_eq!(held[0].1, 0);
}
