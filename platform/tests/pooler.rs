//! A pooler of transactions before PostgreSQL: PgBouncer 1.18, which knows nothing of prepared statements, gives each
//! transaction any of four sessions.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use platform::{
    configuration::{DatabasePooler, DatabaseUrl},
    database::{Database, Engine as _, Migration, Schema, StoreError, statement},
    testing::{postgres_database, through_pooler, through_session_pooler},
};
use sqlx::Postgres;
use tokio::task::JoinSet;

const SCHEMA: Schema = Schema {
    migrate_command: "pooler-test migrate",
    sqlite: &[],
    postgres: &[Migration {
        version: 1,
        description: "entries",
        sql: "CREATE TABLE entries (client BIGINT NOT NULL, number BIGINT NOT NULL, answer BIGINT NOT NULL)",
    }],
    filled_by_migration: &[],
};

const CLIENTS: i64 = 16;
const ROUNDS: i64 = 30;

/// Statements of which no two give the same answer, nor take and return the same columns.
macro_rules! questions {
    ($($number:literal)*) => {
        [$((
            $number,
            concat!("SELECT $1::bigint * 100 + ", $number, " AS answer_", $number),
            concat!("answer_", $number),
            concat!("INSERT INTO entries (client, number, answer) VALUES ($1, ", $number, ", $2::bigint * 100 + ", $number, ")"),
        )),*]
    };
}
const QUESTIONS: [(i64, &str, &str, &str); 12] = questions!(11 22 33 44 55 66 77 88 99 12 23 34);

/// Each client runs every statement again and again, in an order of its own; no answer may be another statement's.
#[tokio::test]
async fn sixteen_clients_on_four_sessions_of_postgres_get_their_own_answers() {
    let straight = postgres_database(&SCHEMA).await;
    let url = through_pooler(&straight);
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let url = url.clone();
        clients.spawn(async move {
            let database = Postgres::open(&url, &SCHEMA).await.unwrap();
            for round in 0..ROUNDS {
                let (number, select, column, insert) =
                    QUESTIONS[usize::try_from(client + round).unwrap() % QUESTIONS.len()];
                let read = database.read(move |connection| {
                    Box::pin(async move {
                        let row = statement::<Postgres>(select).bind(round).one(connection).await?;
                        row.get::<i64>(column)
                    })
                });
                assert_eq!(read.await.unwrap(), round * 100 + number);
                let write = database.write(move |connection| {
                    Box::pin(async move {
                        let insert = statement::<Postgres>(insert).bind(client).bind(round);
                        insert.execute(connection).await
                    })
                });
                assert_eq!(write.await.unwrap(), 1);
            }
            database.close().await;
        });
    }
    clients.join_all().await;

    let database = Postgres::open(&straight, &SCHEMA).await.unwrap();
    let count = "SELECT count(*) AS stored, count(*) FILTER (WHERE answer % 100 = number) AS right FROM entries";
    let counted = database.read(move |connection| {
        Box::pin(async move {
            let row = statement::<Postgres>(count).one(connection).await?;
            Ok((row.get::<i64>("stored")?, row.get::<i64>("right")?))
        })
    });
    assert_eq!(counted.await.unwrap(), (CLIENTS * ROUNDS, CLIENTS * ROUNDS));
    database.close().await;
}

/// A client that takes the sessions for its own would get other statements' answers.
#[tokio::test]
async fn a_client_of_postgres_that_does_not_know_of_the_pooler_is_refused() {
    let DatabaseUrl::Postgres(mut url) = through_pooler(&postgres_database(&SCHEMA).await) else {
        unreachable!("it is of PostgreSQL")
    };
    url.pooler = DatabasePooler::None;
    let refused = Postgres::open(&DatabaseUrl::Postgres(url), &SCHEMA)
        .await
        .err()
        .unwrap();
    assert!(matches!(refused, StoreError::SessionsShared), "{refused}");
    assert!(
        refused.to_string().contains("HOLDFAST_DATABASE_POOLER=transaction"),
        "{refused}"
    );
}

/// A pooler that keeps sessions apart needs no setting.
#[tokio::test]
async fn a_pooler_of_sessions_is_as_good_as_postgres_itself() {
    let url = through_session_pooler(&postgres_database(&SCHEMA).await);
    let database = Postgres::open(&url, &SCHEMA).await.unwrap();
    assert_eq!(read_timeout(&database).await, "5s");
    for answer in 0..20_i64 {
        let read = database.read(move |connection| {
            Box::pin(async move {
                let row = statement::<Postgres>("SELECT $1::bigint AS answer")
                    .bind(answer)
                    .one(connection)
                    .await?;
                row.get::<i64>("answer")
            })
        });
        assert_eq!(read.await.unwrap(), answer);
    }
    database.close().await;
}

/// Callers that give up leave no transaction open on a session that is somebody else's next.
#[tokio::test]
async fn reads_of_postgres_that_are_given_up_harm_nobody() {
    let url = through_pooler(&postgres_database(&SCHEMA).await);
    let impatient = Postgres::open(&url, &SCHEMA).await.unwrap();
    let other = Postgres::open(&url, &SCHEMA).await.unwrap();
    for round in 0..300 {
        let read = tokio::time::timeout(Duration::from_micros(round * 10), read_timeout(&impatient));
        read.await.ok();
        if round % 10 == 0 {
            let write = other.write(|connection| {
                let insert = statement::<Postgres>("INSERT INTO entries (client, number, answer) VALUES (0, 0, 0)");
                Box::pin(insert.execute(connection))
            });
            assert_eq!(write.await.unwrap(), 1);
        }
    }
    impatient.close().await;
    other.close().await;
}

#[tokio::test]
async fn the_timeouts_of_postgres_hold_behind_a_pooler_too() {
    let url = through_pooler(&postgres_database(&SCHEMA).await);
    let database = Postgres::open(&url, &SCHEMA).await.unwrap();
    assert_eq!(read_timeout(&database).await, "5s");
    let written = database.write(|connection| Box::pin(timeout(connection)));
    assert_eq!(written.await.unwrap(), "5s");
    database.close().await;
}

async fn read_timeout(database: &Database<Postgres>) -> String {
    database.read(|connection| Box::pin(timeout(connection))).await.unwrap()
}

async fn timeout(connection: &mut platform::database::Connection<'_, Postgres>) -> Result<String, sqlx::Error> {
    let show = statement::<Postgres>("SELECT current_setting('statement_timeout') AS timeout");
    show.one(connection).await?.get("timeout")
}

/// The lock that keeps two migrations apart belongs to a session.
#[tokio::test]
async fn postgres_is_not_migrated_through_a_pooler() {
    let url = through_pooler(&postgres_database(&SCHEMA).await);
    let refused = Postgres::migrate(&url, &SCHEMA).await.unwrap_err();
    assert!(matches!(refused, StoreError::MigrationNeedsSession), "{refused}");
    assert!(refused.to_string().contains("HOLDFAST_DATABASE_POOLER"), "{refused}");
}
