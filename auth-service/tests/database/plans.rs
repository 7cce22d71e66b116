//! The hot statements find their rows by an index, whatever else is in the tables.

use std::{sync::Arc, time::Duration};

use auth_service::{
    accounts::Email,
    refresh_tokens::Presented,
    resets::NewReset,
    sessions::{Client, EndReason, Lifetimes, NewSession, RefreshOutcome},
    store::{
        AccountStore as _, AdministrationStore as _, AuditStore as _, EventStore as _, ExportStore as _, Opening,
        ResetStore as _, SCHEMA, SessionStore as _, SignIn, SqlStore, ThrottleStore as _,
    },
};
use aws_lc_rs::hmac;
use platform::{
    clock::Timestamp,
    database::{Database, Engine},
    entropy::SystemEntropy,
    testing::{Explaining, ManualClock, StatementRecorder, Workspace, plans, run_script},
};
use sqlx::{Postgres, Sqlite};
use uuid::Uuid;

use crate::record;

/// One of the people, and the id of their session: the seed numbers both from zero.
const SEVENTH: Uuid = Uuid::from_u128(7);
const EMAIL: &str = "person7@example.com";
/// Soon after every session of the seed was opened.
const NOW: Timestamp = Timestamp::from_micros(1_700_000_100_000_000);
const LIFETIMES: Lifetimes = Lifetimes {
    idle: Duration::from_hours(1),
    absolute: Duration::from_hours(4),
    access: Duration::from_mins(5),
};

#[tokio::test]
async fn hot_statements_use_an_index_on_sqlite() {
    hot_statements_use_an_index::<Sqlite>(20_000).await;
}

#[tokio::test]
async fn hot_statements_use_an_index_on_postgres() {
    hot_statements_use_an_index::<Postgres>(20_000).await;
}

#[tokio::test]
#[ignore = "a million accounts take a minute: scripts/soak"]
async fn hot_statements_use_an_index_at_a_million_on_sqlite() {
    hot_statements_use_an_index::<Sqlite>(1_000_000).await;
}

#[tokio::test]
#[ignore = "a million accounts take a minute: scripts/soak"]
async fn hot_statements_use_an_index_at_a_million_on_postgres() {
    hot_statements_use_an_index::<Postgres>(1_000_000).await;
}

async fn hot_statements_use_an_index<E: Seeded>(accounts: u32) {
    let workspace = Workspace::new();
    let url = E::database(&workspace, &SCHEMA).await;
    let database = E::open(&url, &SCHEMA).await.unwrap();
    run_script::<E>(&url, E::seed(accounts)).await;

    let recorder = StatementRecorder::start();
    use_the_store(&database).await;
    let statements = recorder.statements();
    for expected in [
        "WHERE email_key",
        "UPDATE accounts",
        "FROM sessions JOIN accounts",
        "SET generation",
        "FROM sessions WHERE",
        "SET end_time",
        "INSERT INTO sessions",
    ] {
        assert!(
            statements.iter().any(|sql| sql.contains(expected)),
            "{expected} was not run"
        );
    }
    for sql in statements {
        for plan in plans(&database, &sql, value_of).await {
            assert_eq!(plan.fault(), None, "{sql}\n{plan:#?}");
            assert!(plan.says(E::SEARCH) || sql.contains("INSERT"), "{sql}\n{plan:#?}");
        }
    }
    database.close().await;
}

/// Every operation on accounts and sessions, so that its statements are run.
async fn use_the_store<E: Engine>(database: &Database<E>) {
    let store = SqlStore::new(database.clone());
    let email = Email::parse(EMAIL).unwrap_or_else(|problem| panic!("{problem}"));
    let found = store.credentials(&email).await.unwrap().unwrap();
    assert_eq!(found.account.id, SEVENTH);
    store
        .replace_password_hash(SEVENTH, "hash", "other", NOW)
        .await
        .unwrap();
    assert!(store.session(SEVENTH, SEVENTH).await.unwrap().is_some());
    let presented = Presented {
        session: SEVENTH,
        generation: 0,
    };
    let rotated = store.refresh(presented, LIFETIMES, record(NOW)).await.unwrap();
    assert!(matches!(rotated, RefreshOutcome::Rotated(_)));
    let repeated = store.refresh(presented, LIFETIMES, record(NOW)).await.unwrap();
    assert!(matches!(repeated, RefreshOutcome::Repeated(_)));
    assert_eq!(store.list_sessions(SEVENTH, NOW).await.unwrap().len(), 1);
    let end = store.end_session_of(SEVENTH, Uuid::max(), EndReason::Revoked, record(NOW));
    assert!(!end.await.unwrap());
    let end = store.end_other_sessions(SEVENTH, SEVENTH, EndReason::Revoked, record(NOW));
    end.await.unwrap();
    store
        .end_session(SEVENTH, EndReason::Logout, record(NOW))
        .await
        .unwrap();
    assert!(store.events_after(5, 10).await.unwrap().len() == 10);
    store.acknowledge_erasure(SEVENTH).await.unwrap();
    let opened = NewSession {
        id: Uuid::max(),
        account: SEVENTH,
        client: Client::default(),
        create_time: NOW,
        idle_expire_time: NOW.plus(LIFETIMES.idle),
        expire_time: NOW.plus(LIFETIMES.absolute),
        token_expire_time: LIFETIMES.last_token_expires(NOW),
    };
    let hashes = auth_service::throttle::Throttle::new(
        Arc::new(SqlStore::new(database.clone())),
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]),
        Vec::new(),
        Arc::new(ManualClock::new()),
    );
    let attempt = hashes.sign_in(EMAIL, &Client::default());
    store.look(attempt.clone(), NOW).await.unwrap();
    let charged = hashes.charge(&attempt).await.unwrap();
    hashes.unlock(&email).await.unwrap();
    let sign_in = SignIn {
        settlement: charged.succeeded(),
        record: record(NOW),
    };
    let opening = store.open_session(opened, found.password_version, sign_in);
    assert_eq!(opening.await.unwrap(), Opening::Opened { evicted: 0 });

    assert_eq!(store.audit_after(5, None, 10).await.unwrap().len(), 10);
    assert_eq!(store.audit_after(0, Some(SEVENTH), 10).await.unwrap().len(), 2);
    store.last_audit_closing().await.unwrap();
    store.close_audit_day(NOW, NOW, crate::keys()).await.unwrap();
    assert!(store.exported_account(SEVENTH, Uuid::max()).await.unwrap().is_some());
    assert_eq!(
        store.exported_sessions(SEVENTH, Uuid::nil(), 10).await.unwrap().len(),
        2
    );
    assert_eq!(store.accounts_after("person5", 10).await.unwrap().len(), 10);
    assert!(store.account(SEVENTH).await.unwrap().is_some());
    assert_eq!(store.disable_account(SEVENTH, record(NOW)).await.unwrap(), Some(1));
    assert!(store.enable_account(SEVENTH, record(NOW)).await.unwrap());
    let (reset, _) = NewReset::make(SEVENTH, true, NOW, &SystemEntropy);
    assert!(store.issue_reset(reset, record(NOW)).await.unwrap().is_some());
    assert!(store.reset_target(reset.token, NOW).await.unwrap().is_some());
    assert!(
        store
            .use_reset(reset.token, "hash", record(NOW))
            .await
            .unwrap()
            .is_some()
    );
    assert!(store.delete_account(SEVENTH, record(NOW)).await.unwrap().is_some());
}

/// So many accounts, each with a session.
trait Seeded: Explaining {
    fn seed(accounts: u32) -> String;
}

impl Seeded for Sqlite {
    fn seed(accounts: u32) -> String {
        format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
             SELECT unhex(printf('%032x', n)), 'person' || n || '@example.com', 'person' || n || '@example.com', '', 'hash',
                    1700000000000000, 1700000000000000
             FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO sessions (session_id, account_id, generation, moved_time, create_time, last_used_time,
                                   idle_expire_time, expire_time, token_expire_time, user_agent, ip_address)
             SELECT unhex(printf('%032x', n)), unhex(printf('%032x', n)), 0, 1700000000000000, 1700000000000000,
                    1700000000000000, 1700003600000000, 1700014400000000, 1700000330000000, '', ''
             FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO account_events (event_id, kind, session_id, event_time, forget_time, pending)
             SELECT n + 1, 'SESSION_ENDED', randomblob(16), 1700000000000000, 1700000390000000, 0 FROM numbers;
             INSERT INTO counters VALUES ('account_events', {accounts}), ('audit_records', {accounts});
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO audit_records SELECT n + 1, 1700000000000000 + n, 'SIGNED_IN', unhex(printf('%032x', n)), NULL, '', '', '',
                    '', 0, randomblob(32) FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO throttles SELECT randomblob(32), randomblob(32), 1, 1700000000000000, 1700000000000000,
                    1700003600000000 FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO known_clients SELECT randomblob(32), unhex(printf('%032x', n)), 1700000000000000 FROM numbers;
             WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < {accounts} - 1)
             INSERT INTO password_resets SELECT unhex(printf('%032x', n)), randomblob(32), 1700000000000000,
                    1700003600000000 FROM numbers"
        )
    }
}

impl Seeded for Postgres {
    fn seed(accounts: u32) -> String {
        format!(
            "INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
             SELECT lpad(to_hex(n), 32, '0')::uuid, 'person' || n || '@example.com', 'person' || n || '@example.com', '',
                    'hash', to_timestamp(1700000000), to_timestamp(1700000000)
             FROM generate_series(0, {accounts} - 1) AS n;
             INSERT INTO sessions (session_id, account_id, generation, moved_time, create_time, last_used_time,
                                   idle_expire_time, expire_time, token_expire_time, user_agent, ip_address)
             SELECT lpad(to_hex(n), 32, '0')::uuid, lpad(to_hex(n), 32, '0')::uuid, 0, to_timestamp(1700000000),
                    to_timestamp(1700000000), to_timestamp(1700000000), to_timestamp(1700003600),
                    to_timestamp(1700014400), to_timestamp(1700000330), '', ''
             FROM generate_series(0, {accounts} - 1) AS n;
             INSERT INTO account_events (event_id, kind, session_id, event_time, forget_time, pending)
             SELECT n + 1, 'SESSION_ENDED', gen_random_uuid(), to_timestamp(1700000000), to_timestamp(1700000390), false
             FROM generate_series(0, {accounts} - 1) AS n;
             INSERT INTO counters VALUES ('account_events', {accounts}), ('audit_records', {accounts});
             INSERT INTO audit_records
             SELECT n + 1, to_timestamp(1700000000) + n * interval '1 microsecond', 'SIGNED_IN',
                    lpad(to_hex(n), 32, '0')::uuid, NULL, '', '', '', '', 0, sha256(n::text::bytea)
             FROM generate_series(0, {accounts} - 1) AS n;
             INSERT INTO throttles
             SELECT sha256(n::text::bytea), sha256((-n)::text::bytea), 1, to_timestamp(1700000000), to_timestamp(1700000000),
                    to_timestamp(1700003600)
             FROM generate_series(0, {accounts} - 1) AS n;
             INSERT INTO known_clients
             SELECT sha256(n::text::bytea), lpad(to_hex(n), 32, '0')::uuid, to_timestamp(1700000000)
             FROM generate_series(0, {accounts} - 1) AS n;
             INSERT INTO password_resets
             SELECT lpad(to_hex(n), 32, '0')::uuid, sha256(n::text::bytea), to_timestamp(1700000000), to_timestamp(1700003600)
             FROM generate_series(0, {accounts} - 1) AS n;
             ANALYZE accounts, sessions, account_events, audit_records, throttles, known_clients, password_resets"
        )
    }
}

/// A value of a type, as the seed has it.
fn value_of(parameter: &str) -> String {
    match parameter {
        "uuid" => format!("'{SEVENTH}'"),
        "timestamp with time zone" => "to_timestamp(1700000100)".to_owned(),
        "text" => format!("'{EMAIL}'"),
        "bigint" => "0".to_owned(),
        "boolean" => "false".to_owned(),
        "bytea" => "sha256('7'::bytea)".to_owned(),
        other => panic!("no value for {other}"),
    }
}
