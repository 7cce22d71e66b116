//! A login says nothing by the work it does: the same statements and the same hashes whether the address is
//! unknown or the password wrong (AR-03). The timing itself is measured by `scripts/soak`.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_service::{Config, assemble, passwords::HashingParameters, sessions::Lifetimes, store::SCHEMA};
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
use tonic::Request;
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

#[tokio::test]
async fn unknown_address_and_wrong_password_do_equal_work() {
    let statements = Statements::default();
    tracing_subscriber::registry().with(statements.clone()).init();
    let workspace = Workspace::new();
    let config = Config {
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
    };
    let database = sqlx::Sqlite::open(&config.database, &SCHEMA).await.unwrap();
    let service = assemble(&database, &config).await.unwrap();
    let email = "ada@example.com".to_owned();
    let password = "correct horse battery staple".to_owned();
    let register = RegisterRequest {
        email,
        password,
        display_name: String::new(),
    };
    service.register(Request::new(register)).await.unwrap();

    let mut work = Vec::new();
    let disabled = RegisterRequest {
        email: "ben@example.com".to_owned(),
        password: "correct horse battery staple".to_owned(),
        display_name: String::new(),
    };
    service.register(Request::new(disabled)).await.unwrap();
    run_script::<sqlx::Sqlite>(
        &config.database,
        "UPDATE accounts SET disabled_time = 1 WHERE email = 'ben@example.com'".to_owned(),
    )
    .await;
    for (email, password) in [
        ("ada@example.com", "wrong horse battery staple"),
        ("eve@example.com", "wrong horse battery staple"),
        ("no address at all", "x"),
        ("ben@example.com", "wrong horse battery staple"),
        ("ben@example.com", "correct horse battery staple"),
    ] {
        statements.take();
        let before = service.hashes();
        let login = LoginRequest {
            email: email.to_owned(),
            password: password.to_owned(),
        };
        service.login(Request::new(login)).await.unwrap_err();
        work.push((statements.take(), service.hashes() - before));
    }
    assert_eq!(work[0].1, 1, "one hash");
    for other in &work[1..] {
        assert_eq!(work[0], *other);
    }
    let first = work[0].0.concat();
    for part in [
        "FROM throttles",
        "UPDATE throttles",
        "FROM accounts",
        "INTO audit_records",
    ] {
        assert!(first.contains(part), "{part}");
    }

    // Held up, they do equal work again, and no hash.
    for _ in 0..5 {
        for email in ["ada@example.com", "eve@example.com"] {
            let login = LoginRequest {
                email: email.to_owned(),
                password: "wrong horse battery staple".to_owned(),
            };
            service.login(Request::new(login)).await.unwrap_err();
        }
    }
    work.clear();
    for email in ["ada@example.com", "eve@example.com"] {
        statements.take();
        let before = service.hashes();
        let login = LoginRequest {
            email: email.to_owned(),
            password: "wrong horse battery staple".to_owned(),
        };
        let refused = service.login(Request::new(login)).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        work.push((statements.take(), service.hashes() - before));
    }
    assert_eq!(work[0], work[1]);
    assert_eq!(work[0].1, 0);
}
