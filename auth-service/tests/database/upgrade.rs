//! A database made at any schema that was ever released comes to the present one with everything that is in it.

use std::time::Duration;

use auth_service::{
    accounts::Email,
    refresh_tokens::Presented,
    sessions::{Lifetimes, RefreshOutcome},
    store::{AccountStore as _, KeyStore as _, SCHEMA, SessionStore as _, SqlStore},
};
use platform::{
    clock::Timestamp,
    database::{Database, Engine},
    testing::{Explaining, Workspace, empty_postgres_database, run_script},
};
use sqlx::{Postgres, Sqlite};
use uuid::Uuid;

use crate::record;

const ACCOUNT: Uuid = Uuid::from_u128(0x7b69_9e2c_5e31_4c43_a2f5_9d2b_5c8a_0001);
const SESSION: Uuid = Uuid::from_u128(0x7b69_9e2c_5e31_4c43_a2f5_9d2b_5c8a_0002);

/// For each version of the schema, what a database made at it holds: on SQLite, on PostgreSQL. A new step of the schema
/// needs a line here.
const ROWS: &[(&str, &str)] = &[
    (
        "INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
     VALUES (x'7b699e2c5e314c43a2f59d2b5c8a0001', 'Ada@example.com', 'ada@example.com', 'Ada', '$argon2id$kept',
             1760000000123456, 1760000000123456);
     INSERT INTO sessions (session_id, account_id, generation, accepted, moved_time, create_time, last_used_time,
                           idle_expire_time, expire_time, user_agent, ip_address)
     VALUES (x'7b699e2c5e314c43a2f59d2b5c8a0002', x'7b699e2c5e314c43a2f59d2b5c8a0001', 7, 6, 1760000001000000,
             1760000000123456, 1760000001000000, 1760003600000000, 1760007200000000, 'curl', '192.0.2.1');
     INSERT INTO signing_keys (key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time)
     VALUES ('kept', 'ACTIVE', x'01', x'02', x'03', 'first', 1760000000000000, 1760000000000000);
     INSERT INTO refresh_keys (key_id, sealed_key, master_key_id, create_time)
     VALUES (1, x'04', 'first', 1760000000000000)",
        "INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
     VALUES ('7b699e2c-5e31-4c43-a2f5-9d2b5c8a0001', 'Ada@example.com', 'ada@example.com', 'Ada', '$argon2id$kept',
             '2025-10-09T08:53:20.123456Z', '2025-10-09T08:53:20.123456Z');
     INSERT INTO sessions (session_id, account_id, generation, accepted, moved_time, create_time, last_used_time,
                           idle_expire_time, expire_time, user_agent, ip_address)
     VALUES ('7b699e2c-5e31-4c43-a2f5-9d2b5c8a0002', '7b699e2c-5e31-4c43-a2f5-9d2b5c8a0001', 7, 6,
             '2025-10-09T08:53:21Z', '2025-10-09T08:53:20.123456Z', '2025-10-09T08:53:21Z', '2025-10-09T09:53:20Z',
             '2025-10-09T10:53:20Z', 'curl', '192.0.2.1');
     INSERT INTO signing_keys (key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time)
     VALUES ('kept', 'ACTIVE', '\\x01', '\\x02', '\\x03', 'first', '2025-10-09T08:53:20Z', '2025-10-09T08:53:20Z');
     INSERT INTO refresh_keys (key_id, sealed_key, master_key_id, create_time)
     VALUES (1, '\\x04', 'first', '2025-10-09T08:53:20Z')",
    ),
    (SQLITE_2, POSTGRES_2),
    (SQLITE_2, POSTGRES_2),
];

const SQLITE_2: &str = "INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
     VALUES (x'7b699e2c5e314c43a2f59d2b5c8a0001', 'Ada@example.com', 'ada@example.com', 'Ada', '$argon2id$kept',
             1760000000123456, 1760000000123456);
     INSERT INTO sessions (session_id, account_id, generation, accepted, moved_time, create_time, last_used_time,
                           idle_expire_time, expire_time, token_expire_time, user_agent, ip_address)
     VALUES (x'7b699e2c5e314c43a2f59d2b5c8a0002', x'7b699e2c5e314c43a2f59d2b5c8a0001', 7, 6, 1760000001000000,
             1760000000123456, 1760000001000000, 1760003600000000, 1760007200000000, 1760000331000000, 'curl', '192.0.2.1');
     INSERT INTO signing_keys (key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time)
     VALUES ('kept', 'ACTIVE', x'01', x'02', x'03', 'first', 1760000000000000, 1760000000000000);
     INSERT INTO refresh_keys (key_id, sealed_key, master_key_id, create_time)
     VALUES (1, x'04', 'first', 1760000000000000)";

const POSTGRES_2: &str =
    "INSERT INTO accounts (account_id, email, email_key, display_name, password_hash, create_time, update_time)
     VALUES ('7b699e2c-5e31-4c43-a2f5-9d2b5c8a0001', 'Ada@example.com', 'ada@example.com', 'Ada', '$argon2id$kept',
             '2025-10-09T08:53:20.123456Z', '2025-10-09T08:53:20.123456Z');
     INSERT INTO sessions (session_id, account_id, generation, accepted, moved_time, create_time, last_used_time,
                           idle_expire_time, expire_time, token_expire_time, user_agent, ip_address)
     VALUES ('7b699e2c-5e31-4c43-a2f5-9d2b5c8a0002', '7b699e2c-5e31-4c43-a2f5-9d2b5c8a0001', 7, 6,
             '2025-10-09T08:53:21Z', '2025-10-09T08:53:20.123456Z', '2025-10-09T08:53:21Z', '2025-10-09T09:53:20Z',
             '2025-10-09T10:53:20Z', '2025-10-09T08:58:51Z', 'curl', '192.0.2.1');
     INSERT INTO signing_keys (key_id, state, public_x, public_y, sealed_key, master_key_id, create_time, state_time)
     VALUES ('kept', 'ACTIVE', '\\x01', '\\x02', '\\x03', 'first', '2025-10-09T08:53:20Z', '2025-10-09T08:53:20Z');
     INSERT INTO refresh_keys (key_id, sealed_key, master_key_id, create_time)
     VALUES (1, '\\x04', 'first', '2025-10-09T08:53:20Z')";

#[tokio::test]
async fn every_earlier_schema_is_upgraded_on_sqlite() {
    assert_eq!(ROWS.len(), SCHEMA.sqlite.len());
    for (rows, version) in ROWS.iter().zip(1..) {
        let workspace = Workspace::new();
        let url = workspace.sqlite("auth.db");
        let old = Sqlite::open(&url, &SCHEMA.at(version)).await.unwrap();
        run_script::<Sqlite>(&url, rows.0.to_owned()).await;
        old.close().await;
        check(Sqlite::open(&url, &SCHEMA).await.unwrap()).await;
    }
}

#[tokio::test]
async fn every_earlier_schema_is_upgraded_on_postgres() {
    assert_eq!(ROWS.len(), SCHEMA.postgres.len());
    for (rows, version) in ROWS.iter().zip(1..) {
        let url = empty_postgres_database().await;
        Postgres::migrate(&url, &SCHEMA.at(version)).await.unwrap();
        let old = Postgres::open(&url, &SCHEMA.at(version)).await.unwrap();
        run_script::<Postgres>(&url, rows.1.to_owned()).await;
        old.close().await;
        Postgres::migrate(&url, &SCHEMA).await.unwrap();
        check(Postgres::open(&url, &SCHEMA).await.unwrap()).await;
    }
}

/// The account, the session and the keys are as they were, and the session goes on.
async fn check<E: Explaining>(database: Database<E>) {
    let store = SqlStore::new(database.clone());
    let email = Email::parse("ada@EXAMPLE.com").unwrap_or_else(|problem| panic!("{problem}"));
    let found = store.credentials(&email).await.unwrap().unwrap();
    assert_eq!(
        (found.account.id, found.account.email.as_typed()),
        (ACCOUNT, "Ada@example.com")
    );
    assert_eq!(
        (&*found.account.display_name, &*found.password_hash),
        ("Ada", "$argon2id$kept")
    );
    assert_eq!(found.account.create_time.as_micros(), 1_760_000_000_123_456);
    let (_, session) = store.session(ACCOUNT, SESSION).await.unwrap().unwrap();
    assert_eq!(
        (&*session.user_agent, &*session.ip_address, session.ended),
        ("curl", "192.0.2.1", false)
    );
    assert_eq!(session.last_used_time.as_micros(), 1_760_000_001_000_000);
    let keys = store.keys().await.unwrap().unwrap();
    assert_eq!(
        (&*keys.signing[0].id, &*keys.signing[0].sealed.bytes),
        ("kept", &[3][..])
    );
    assert_eq!((keys.refresh[0].id, &*keys.refresh[0].sealed.bytes), (1, &[4][..]));
    let presented = Presented {
        session: SESSION,
        generation: 7,
    };
    let lifetimes = Lifetimes {
        idle: Duration::from_hours(1),
        absolute: Duration::from_hours(2),
        access: Duration::from_mins(5),
    };
    let refreshed = store
        .refresh(
            presented,
            lifetimes,
            record(Timestamp::from_micros(1_760_000_060_000_000)),
        )
        .await
        .unwrap();
    assert!(matches!(refreshed, RefreshOutcome::Rotated(refreshed) if refreshed.generation == 8));
    database.close().await;
}
