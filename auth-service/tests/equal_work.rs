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
    secret::Secret,
    service_credential::ServiceKeys,
    serving::Readiness,
    testing::{ManualClock, Workspace},
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
        reflection: true,
        clock: Arc::new(ManualClock::new()),
        entropy: Arc::new(SystemEntropy),
        readiness: Readiness::default(),
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
    for (email, password) in [
        ("ada@example.com", "wrong horse battery staple"),
        ("eve@example.com", "wrong horse battery staple"),
        ("no address at all", "x"),
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
    assert_eq!((work[0].0.len(), work[0].1), (1, 1), "one statement and one hash");
    assert_eq!(work[0], work[1]);
    assert_eq!(work[0], work[2]);
}
