//! A backup is one moment of a database that goes on being used.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use platform::{
    configuration::DatabaseUrl,
    database::{DataError, Database, Engine as _, Migration, Schema, ServiceDatabase, back_up, statement},
    testing::{Workspace, empty_postgres_database},
};
use sqlx::Sqlite;

const SCHEMA: Schema = Schema {
    migrate_command: "backup-test migrate",
    sqlite: &[Migration {
        version: 1,
        description: "pairs",
        sql: "CREATE TABLE pairs (number INTEGER NOT NULL, half INTEGER NOT NULL) STRICT",
    }],
    postgres: &[],
    filled_by_migration: &[],
};

fn declared(url: DatabaseUrl) -> ServiceDatabase {
    ServiceDatabase {
        name: "pairs",
        schema: &SCHEMA,
        url,
    }
}

/// Two rows, or none.
async fn write_pair(database: &Database<Sqlite>, number: i64) {
    let write = database.write(move |connection| {
        Box::pin(async move {
            for half in [1_i64, 2] {
                let insert = statement::<Sqlite>("INSERT INTO pairs (number, half) VALUES ($1, $2)");
                insert.bind(number).bind(half).execute(connection).await?;
            }
            Ok(())
        })
    });
    write.await.unwrap();
}

async fn counts(url: &DatabaseUrl) -> (i64, i64) {
    let database = Sqlite::open(url, &SCHEMA).await.unwrap();
    let read = database.read(|connection| {
        Box::pin(async move {
            let count = "SELECT count(*) AS halves, count(DISTINCT number) AS numbers FROM pairs";
            let row = statement::<Sqlite>(count).one(connection).await?;
            Ok((row.get("halves")?, row.get("numbers")?))
        })
    });
    let counts = read.await.unwrap();
    database.close().await;
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_has_everything_acknowledged_and_nothing_by_half() {
    let (workspace, backups) = (Workspace::new(), Workspace::new());
    let url = workspace.sqlite("pairs.db");
    let database = Sqlite::open(&url, &SCHEMA).await.unwrap();
    let (acknowledged, ended) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn({
        let (database, acknowledged, ended) = (database.clone(), acknowledged.clone(), ended.clone());
        async move {
            for number in 1.. {
                write_pair(&database, number).await;
                acknowledged.store(number, Ordering::SeqCst);
                if ended.load(Ordering::SeqCst) {
                    break;
                }
            }
        }
    });
    for round in 0..5 {
        let before = acknowledged.load(Ordering::SeqCst);
        let directory = backups.path().join(round.to_string());
        let copy = back_up(&declared(url.clone()), &directory).await.unwrap();
        assert_eq!(copy, directory.join("pairs.db"));
        let mode = fs::metadata(&copy).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let left: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        assert_eq!(left, ["pairs.db"]);
        let (halves, numbers) = counts(&DatabaseUrl::Sqlite(copy)).await;
        assert!(numbers >= before, "{numbers} of {before}");
        assert_eq!(halves, numbers * 2);
    }
    ended.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    database.close().await;
}

#[tokio::test]
async fn a_backup_overwrites_nothing() {
    let (workspace, backups) = (Workspace::new(), Workspace::new());
    let url = workspace.sqlite("pairs.db");
    let database = Sqlite::open(&url, &SCHEMA).await.unwrap();
    write_pair(&database, 1).await;
    let copy = back_up(&declared(url.clone()), backups.path()).await.unwrap();
    write_pair(&database, 2).await;
    let refused = back_up(&declared(url), backups.path()).await.unwrap_err();
    assert!(matches!(refused, DataError::File(..)), "{refused}");
    assert_eq!(counts(&DatabaseUrl::Sqlite(copy)).await, (2, 1));
    database.close().await;
}

#[tokio::test]
async fn what_cannot_be_backed_up_is_told() {
    let (workspace, backups) = (Workspace::new(), Workspace::new());
    let missing = declared(workspace.sqlite("pairs.db"));
    let told = back_up(&missing, backups.path()).await.unwrap_err().to_string();
    assert!(told.contains("unable to open"), "{told}");
    assert!(!workspace.path().join("pairs.db").exists());
    assert_eq!(
        fs::read_dir(backups.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
}

/// However they meet, there is one copy, and it is whole.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_backups_at_once_one_is_kept() {
    let (workspace, backups) = (Workspace::new(), Workspace::new());
    let url = workspace.sqlite("pairs.db");
    let database = Sqlite::open(&url, &SCHEMA).await.unwrap();
    for number in 0..200 {
        write_pair(&database, number).await;
    }
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (declared, directory) = (declared(url.clone()), backups.path().to_owned());
        running.spawn(async move { back_up(&declared, &directory).await.is_ok() });
    }
    let kept = running.join_all().await.into_iter().filter(|kept| *kept).count();
    assert_eq!((kept, fs::read_dir(backups.path()).unwrap().count()), (1, 1));
    assert_eq!(
        counts(&DatabaseUrl::Sqlite(backups.path().join("pairs.db"))).await,
        (400, 200)
    );
    database.close().await;
}

#[tokio::test]
async fn postgres_is_left_to_its_own_tools() {
    let backups = Workspace::new();
    let database = declared(empty_postgres_database().await);
    let told = back_up(&database, backups.path()).await.unwrap_err().to_string();
    assert!(told.contains("pg_dump"), "{told}");
}
