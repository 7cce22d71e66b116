//! The SQLite engine: what a write promises, what a group of writes shares and what it does not, and who may
//! read the files.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{join_all, try_join_all},
};
use platform::{
    clock::Timestamp,
    configuration::DatabaseUrl,
    database::{Database, Engine as _, Migration, Schema, Statement, StoreError, statement},
    testing::Workspace,
    wire_error::WireError,
};
use sqlx::Sqlite;
use tokio::{
    sync::{Notify, oneshot},
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tonic::Code;

const SCHEMA: Schema = Schema {
    migrate_command: "platform-test migrate",
    sqlite: MIGRATIONS,
    postgres: &[],
    filled_by_migration: &[],
};
const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    description: "notes",
    sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, at INTEGER NOT NULL DEFAULT 0) STRICT;
          CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT;
          CREATE TABLE children (parent_id INTEGER NOT NULL REFERENCES parents (id)) STRICT;",
}];

/// A database in a directory of its own.
struct World {
    workspace: Workspace,
    database: Database<Sqlite>,
}

impl World {
    async fn new() -> Self {
        let workspace = Workspace::new();
        let database = open(&workspace).await;
        Self { workspace, database }
    }

    /// Occupies the writer until it is let go; meanwhile what is submitted waits, and then becomes one group.
    async fn occupy_the_writer(&self) -> Occupied {
        let (began, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let task = tokio::spawn({
            let (database, began, go) = (self.database.clone(), began.clone(), go.clone());
            async move {
                let write = database.write(move |_| {
                    let (began, go) = (began.clone(), go.clone());
                    Box::pin(async move {
                        began.notify_one();
                        go.notified().await;
                        Ok(())
                    })
                });
                write.await
            }
        });
        began.notified().await;
        Occupied { go, task }
    }
}

struct Occupied {
    go: Arc<Notify>,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Occupied {
    async fn let_go(self) {
        self.go.notify_one();
        self.task.await.unwrap().unwrap();
    }
}

async fn open(workspace: &Workspace) -> Database<Sqlite> {
    Sqlite::open(&workspace.sqlite("test.db"), &SCHEMA).await.unwrap()
}

async fn insert(database: &Database<Sqlite>, id: i64) -> Result<(), StoreError> {
    database
        .write(move |connection| {
            Box::pin(async move {
                let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES ($1)").bind(id);
                insert.execute(connection).await.map(drop)
            })
        })
        .await
}

/// Inserts, then fails as SQL fails: by a second row of the same id.
async fn insert_and_fail(database: &Database<Sqlite>, id: i64) -> Result<(), StoreError> {
    database
        .write(move |connection| {
            Box::pin(async move {
                for _ in 0..2 {
                    let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES ($1)").bind(id);
                    insert.execute(connection).await?;
                }
                Ok(())
            })
        })
        .await
}

/// Inserts, then changes its mind.
async fn insert_and_refuse(database: &Database<Sqlite>, id: i64) -> Result<(), StoreError> {
    database
        .write(move |connection| {
            Box::pin(async move {
                let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES ($1)").bind(id);
                insert.execute(connection).await?;
                Err(sqlx::Error::RowNotFound)
            })
        })
        .await
}

/// Inserts, then panics.
async fn insert_and_panic(database: &Database<Sqlite>, id: i64) -> Result<(), StoreError> {
    database
        .write(move |connection| {
            Box::pin(async move {
                let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES ($1)").bind(id);
                insert.execute(connection).await?;
                panic!("a mistake in a store");
            })
        })
        .await
}

async fn ids(database: &Database<Sqlite>) -> Vec<i64> {
    database
        .read(|connection| {
            Box::pin(async {
                let rows = statement::<Sqlite>("SELECT id FROM notes ORDER BY id")
                    .all(connection)
                    .await?;
                rows.iter().map(|row| row.get("id")).collect()
            })
        })
        .await
        .unwrap()
}

async fn pragma_of_the_writer(database: &Database<Sqlite>, sql: &'static str, column: &'static str) -> i64 {
    database
        .write(move |connection| Box::pin(async move { statement::<Sqlite>(sql).one(connection).await?.get(column) }))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_write_is_visible_once_it_returned() {
    let world = World::new().await;
    for id in 0..20 {
        insert(&world.database, id).await.unwrap();
        assert_eq!(ids(&world.database).await.last(), Some(&id));
    }
    world.database.ping().await.unwrap();
}

/// What is acknowledged is on disk: FULL (2) waits for the disk at each commit, NORMAL (1) lost acknowledged
/// rows when the power went.
#[tokio::test]
async fn the_writer_waits_for_the_disk() {
    let world = World::new().await;
    let synchronous = pragma_of_the_writer(&world.database, "PRAGMA synchronous", "synchronous").await;
    assert_eq!(synchronous, 2);
    let foreign_keys = pragma_of_the_writer(&world.database, "PRAGMA foreign_keys", "foreign_keys").await;
    assert_eq!(foreign_keys, 1);
    let mode: String = world
        .database
        .read(|connection| {
            Box::pin(async {
                statement::<Sqlite>("PRAGMA journal_mode")
                    .one(connection)
                    .await?
                    .get("journal_mode")
            })
        })
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn an_error_undoes_only_its_own_operation() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    let database = &world.database;
    let group = async {
        tokio::join!(
            insert(database, 1),
            insert_and_fail(database, 2),
            insert(database, 3),
            insert_and_refuse(database, 4),
            insert(database, 5),
        )
    };
    let ((one, two, three, four, five), ()) = tokio::join!(group, occupied.let_go());
    assert!(one.is_ok() && three.is_ok() && five.is_ok());
    assert!(matches!(two, Err(StoreError::Failed(sqlx::Error::Database(error))) if error.is_unique_violation()));
    assert!(matches!(four, Err(StoreError::Failed(sqlx::Error::RowNotFound))));
    assert_eq!(ids(database).await, [1, 3, 5]);
}

const BOTH: &str = "
    INSERT INTO notes (id) VALUES ($1);
    INSERT INTO children (parent_id) VALUES ($2) RETURNING parent_id";

/// Inserts a note, then a child of that parent: without the parent it fails.
async fn insert_both(database: &Database<Sqlite>, id: i64, parent: i64, told: &AtomicU32) -> Result<bool, StoreError> {
    let (tell, told_now) = oneshot::channel();
    let row = database.write_alone(
        BOTH,
        move |statement| statement.bind(id).bind(parent),
        // Nobody hears it if the write fails.
        move || tell.send(()).unwrap_or(()),
    );
    let row = row.await?;
    told.fetch_add(u32::from(told_now.await.is_ok()), Ordering::SeqCst);
    Ok(row.is_some())
}

async fn world_with_a_parent() -> World {
    let world = World::new().await;
    let parent = "INSERT INTO parents (id) VALUES (1) RETURNING id";
    let parent = world.database.write_alone(parent, |statement| statement, || ());
    assert!(parent.await.unwrap().is_some());
    world
}

#[tokio::test]
async fn statements_that_stand_alone_are_done_together_or_not_at_all() {
    let world = world_with_a_parent().await;
    let told = AtomicU32::new(0);
    let database = &world.database;
    assert!(insert_both(database, 1, 1, &told).await.unwrap());
    assert!(matches!(
        insert_both(database, 2, 2, &told).await,
        Err(StoreError::Failed(_))
    ));
    assert_eq!(ids(database).await, [1]);
    // The same within a group.
    let occupied = world.occupy_the_writer().await;
    let writes = async {
        tokio::join!(
            insert(database, 10),
            insert_both(database, 2, 2, &told),
            insert_both(database, 3, 1, &told),
            insert(database, 11),
        )
    };
    let ((), (before, failed, done, after)) = tokio::join!(occupied.let_go(), writes);
    before.and(after).unwrap();
    assert!(matches!(failed, Err(StoreError::Failed(_))), "there is no parent 2");
    assert!(done.unwrap());
    assert_eq!(ids(database).await, [1, 3, 10, 11]);
    assert_eq!(told.load(Ordering::SeqCst), 2);
}

/// Of many that share a commit, one that fails, or changes nothing, is told so, and the others are done.
#[tokio::test]
async fn one_of_many_statements_that_stand_alone_fails_by_itself() {
    let world = world_with_a_parent().await;
    let told = AtomicU32::new(0);
    let occupied = world.occupy_the_writer().await;
    let writes = (1..=40).map(|id| {
        let parent = if id == 12 { 2 } else { 1 };
        insert_both(&world.database, id, parent, &told)
    });
    let ((), written) = tokio::join!(occupied.let_go(), join_all(writes));
    for (id, written) in (1..=40).zip(written) {
        assert_eq!(written.is_ok(), id != 12, "{id}");
    }
    let expected: Vec<i64> = (1..=40).filter(|id| *id != 12).collect();
    assert_eq!(ids(&world.database).await, expected);
    assert_eq!(told.load(Ordering::SeqCst), 39);

    let occupied = world.occupy_the_writer().await;
    let touch = "UPDATE notes SET at = $2 WHERE id = $1 RETURNING id";
    let touched = (1..=40).map(|id: i64| {
        let values = move |statement: Statement<Sqlite>| statement.bind(id).bind(id * 100);
        world.database.write_alone(touch, values, || ())
    });
    let ((), touched) = tokio::join!(occupied.let_go(), join_all(touched));
    for (id, row) in (1..=40).zip(touched) {
        // Each has its own row.
        let row = row.unwrap().map(|row| row.get::<i64>("id").unwrap());
        assert_eq!(row, (id != 12).then_some(id));
    }
    let wrong = world.database.read(|connection| {
        Box::pin(async {
            let count = statement::<Sqlite>("SELECT count(*) AS wrong FROM notes WHERE at <> id * 100");
            count.one(connection).await?.get::<i64>("wrong")
        })
    });
    assert_eq!(wrong.await.unwrap(), 0);
}

#[tokio::test]
async fn a_panic_answers_an_error_and_the_others_go_on() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    let database = &world.database;
    let group = async { tokio::join!(insert(database, 1), insert_and_panic(database, 2), insert(database, 3)) };
    let ((one, two, three), ()) = tokio::join!(group, occupied.let_go());
    assert!(one.is_ok() && three.is_ok());
    assert!(matches!(two, Err(StoreError::Unavailable(_))), "{two:?}");
    assert_eq!(ids(database).await, [1, 3]);
    insert(database, 4).await.unwrap();
}

#[tokio::test]
async fn five_hundred_parallel_writes_all_land() {
    let world = World::new().await;
    try_join_all((0..500).map(|id| insert(&world.database, id)))
        .await
        .unwrap();
    assert_eq!(ids(&world.database).await, (0..500).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_operation_sees_those_before_it_in_its_group() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    let count = |number: i64| {
        world.database.write(move |connection| {
            Box::pin(async move {
                let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES ($1)").bind(number);
                insert.execute(&mut *connection).await?;
                let count = statement::<Sqlite>("SELECT count(*) AS count FROM notes");
                count.one(connection).await?.get::<i64>("count")
            })
        })
    };
    let (counts, ()) = tokio::join!(join_all((0..10).map(count)), occupied.let_go());
    let counts: Vec<i64> = counts.into_iter().map(Result::unwrap).collect();
    assert_eq!(counts, (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_write_that_nobody_waits_for_is_left_out() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    assert!(
        insert(&world.database, 1).now_or_never().is_none(),
        "it waits, then is given up"
    );
    let (kept, ()) = tokio::join!(insert(&world.database, 2), occupied.let_go());
    kept.unwrap();
    assert_eq!(ids(&world.database).await, [2]);
}

#[tokio::test]
async fn a_write_that_began_goes_on_without_its_caller() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    let began = Arc::new(Notify::new());
    let write = tokio::spawn({
        let (database, began) = (world.database.clone(), began.clone());
        async move {
            let write = database.write(move |connection| {
                let began = began.clone();
                Box::pin(async move {
                    began.notify_one();
                    let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES (1)");
                    insert.execute(connection).await.map(drop)
                })
            });
            write.await
        }
    });
    yield_now().await;
    tokio::join!(occupied.let_go(), began.notified());
    write.abort();
    insert(&world.database, 2).await.unwrap();
    assert_eq!(ids(&world.database).await, [1, 2]);
}

#[tokio::test]
async fn too_many_waiting_writes_are_refused_at_once() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    let mut waiting: Vec<_> = (0..4096).map(|id| Box::pin(insert(&world.database, id))).collect();
    for write in &mut waiting {
        assert!(write.now_or_never().is_none());
    }
    let refused = insert(&world.database, 4096).now_or_never();
    assert!(matches!(refused, Some(Err(StoreError::Unavailable(_)))), "{refused:?}");
    let (written, ()) = tokio::join!(try_join_all(waiting), occupied.let_go());
    written.unwrap();
    assert_eq!(ids(&world.database).await.len(), 4096);
}

/// The files hold password hashes and sealed keys: only their owner may read them.
/// Counts for hours.
async fn count_for_long(database: &Database<Sqlite>) -> Result<(), StoreError> {
    let sql = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000000000)
               SELECT count(*) AS n FROM numbers";
    database
        .read_long(move |connection| Box::pin(async move { statement::<Sqlite>(sql).one(connection).await.map(drop) }))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn long_reads_end_and_leave_room_for_others() {
    let world = World::new().await;
    insert(&world.database, 1).await.unwrap();
    let long: Vec<_> = (0..4)
        .map(|_| {
            let database = world.database.clone();
            tokio::spawn(async move { count_for_long(&database).await })
        })
        .collect();
    // Each of these finds a connection though more long reads wait than there are connections.
    for _ in 0..50 {
        assert_eq!(ids(&world.database).await, [1]);
    }
    assert!(
        long.iter().all(|long| !long.is_finished()),
        "the others waited for them"
    );
    for long in long {
        assert!(matches!(long.await.unwrap(), Err(StoreError::Unavailable(_))));
    }
    assert_eq!(ids(&world.database).await, [1]);
}

/// Otherwise the last would have no place before the time of the first ones is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_that_nobody_waits_for_ends_at_once() {
    let world = World::new().await;
    for _ in 0..20 {
        let cut_off = timeout(Duration::from_millis(20), count_for_long(&world.database)).await;
        assert!(cut_off.is_err(), "it counts for hours");
    }
    let small = "SELECT 1 AS n";
    let found = world.database.read_long(move |connection| {
        Box::pin(async move { statement::<Sqlite>(small).one(connection).await?.get::<i64>("n") })
    });
    assert_eq!(found.await.unwrap(), 1);
    for _ in 0..50 {
        ids(&world.database).await;
    }
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let workspace = Workspace::new();
    let directory = workspace.path().join("made").join("for it");
    let url = DatabaseUrl::Sqlite(directory.join("test.db"));
    let database = Sqlite::open(&url, &SCHEMA).await.unwrap();
    insert(&database, 1).await.unwrap();
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(directory.parent().unwrap()), 0o700);
    let mut files = Vec::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
        files.push(entry.file_name().into_string().unwrap());
    }
    files.sort();
    assert_eq!(files, ["test.db", "test.db-shm", "test.db-wal"]);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let world = World::new().await;
    try_join_all((0..10).map(|id| insert(&world.database, id)))
        .await
        .unwrap();
    world.database.close().await;
    let reopened = open(&world.workspace).await;
    assert_eq!(ids(&reopened).await, (0..10).collect::<Vec<_>>());
    insert(&reopened, 10).await.unwrap();
}

/// Nobody said goodbye, as after kill -9: the log has what the file has not.
#[tokio::test]
async fn what_was_acknowledged_is_there_without_a_goodbye() {
    let world = World::new().await;
    try_join_all((0..10).map(|id| insert(&world.database, id)))
        .await
        .unwrap();
    let copy = Workspace::new();
    for file in ["test.db", "test.db-wal"] {
        fs::copy(world.workspace.path().join(file), copy.path().join(file)).unwrap();
    }
    assert_eq!(ids(&open(&copy).await).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_changed_migration_is_refused() {
    const CHANGED: &[Migration] = &[Migration {
        sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, at INTEGER) STRICT",
        ..MIGRATIONS[0]
    }];
    let world = World::new().await;
    world.database.close().await;
    let refused = Sqlite::open(
        &world.workspace.sqlite("test.db"),
        &Schema {
            sqlite: CHANGED,
            ..SCHEMA
        },
    )
    .await;
    assert!(matches!(refused, Err(StoreError::Schema(_))));
}

#[tokio::test]
async fn a_read_cannot_write() {
    let world = World::new().await;
    let written = world
        .database
        .read(|connection| {
            Box::pin(async {
                let insert = statement::<Sqlite>("INSERT INTO notes (id) VALUES (1)");
                insert.execute(connection).await
            })
        })
        .await;
    assert!(written.is_err());
    assert!(ids(&world.database).await.is_empty());
}

#[tokio::test]
async fn close_finishes_what_was_taken() {
    let world = World::new().await;
    let occupied = world.occupy_the_writer().await;
    let mut taken: Vec<_> = (0..100).map(|id| Box::pin(insert(&world.database, id))).collect();
    for write in &mut taken {
        assert!(write.now_or_never().is_none());
    }
    let mut closing = Box::pin(world.database.close());
    assert!((&mut closing).now_or_never().is_none());
    let late = insert(&world.database, 100).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))), "{late:?}");

    occupied.let_go().await;
    closing.await;
    for write in taken {
        write.now_or_never().expect("it was finished by then").unwrap();
    }
    let read = world.database.ping().await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    assert_eq!(ids(&open(&world.workspace).await).await, (0..100).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_moment_is_kept_to_the_microsecond() {
    let world = World::new().await;
    let moments = [0, 1, -1, 1_767_225_600_123_456, i64::MAX, i64::MIN].map(Timestamp::from_micros);
    for (id, moment) in (0_i64..).zip(moments) {
        let write = world.database.write(move |connection| {
            Box::pin(async move {
                let insert = statement::<Sqlite>("INSERT INTO notes (id, at) VALUES ($1, $2) RETURNING at");
                insert
                    .bind(id)
                    .bind(moment)
                    .one(connection)
                    .await?
                    .get::<Timestamp>("at")
            })
        });
        assert_eq!(write.await.unwrap(), moment);
    }
    let read = world.database.read(|connection| {
        Box::pin(async {
            let rows = statement::<Sqlite>("SELECT at FROM notes ORDER BY id")
                .all(connection)
                .await?;
            rows.iter()
                .map(|row| row.get::<Timestamp>("at"))
                .collect::<Result<Vec<_>, _>>()
        })
    });
    assert_eq!(read.await.unwrap(), moments);
}

#[tokio::test]
async fn foreign_keys_are_enforced() {
    let world = World::new().await;
    let orphan = world.database.write(|connection| {
        Box::pin(async {
            let insert = statement::<Sqlite>("INSERT INTO children (parent_id) VALUES (1)");
            insert.execute(connection).await
        })
    });
    let refused = orphan.await;
    let is_foreign_key = |error: &dyn sqlx::error::DatabaseError| error.is_foreign_key_violation();
    assert!(matches!(refused, Err(StoreError::Failed(sqlx::Error::Database(error))) if is_foreign_key(&*error)));
}

/// AP-04: an outage is UNAVAILABLE, a mistake of ours INTERNAL; the cause of neither is told.
#[tokio::test]
async fn ap_04_a_database_that_cannot_be_used_is_unavailable() {
    let workspace = Workspace::new();
    let missing = workspace.path().join("file").join("test.db");
    fs::write(workspace.path().join("file"), "in the way").unwrap();
    let Err(error) = Sqlite::open(&DatabaseUrl::Sqlite(missing), &SCHEMA).await else {
        panic!("a file is no directory")
    };
    assert_eq!(WireError::from(error).code, Code::Unavailable);

    let failed = WireError::from(StoreError::Failed(sqlx::Error::RowNotFound));
    assert_eq!(failed, WireError::internal(), "the cause is for the log");
    let busy = WireError::from(StoreError::Unavailable("the cause".to_owned()));
    assert_eq!((busy.code, busy.reason), (Code::Unavailable, "UNAVAILABLE"));
    assert!(busy.retry_after.is_some() && !busy.message.contains("the cause"));
}

/// One wait for the disk serves many: 63 commits would leave a page each in the log.
#[tokio::test]
async fn waiting_writes_share_a_commit() {
    let world = World::new().await;
    let log = || fs::metadata(world.workspace.path().join("test.db-wal")).unwrap().len();
    let before = log();
    let occupied = world.occupy_the_writer().await;
    let writes = try_join_all((0..63).map(|id| insert(&world.database, id)));
    let (written, ()) = tokio::join!(writes, occupied.let_go());
    written.unwrap();
    let pages = (log() - before) / 4096;
    assert!((1..=10).contains(&pages), "{pages}");
}
