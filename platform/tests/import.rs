//! A whole database moves from SQLite to PostgreSQL, or nothing of it does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use platform::{
    configuration::DatabaseUrl,
    database::{DataError, Database, Engine, Import, Imported, Migration, Schema, ServiceDatabase, statement},
    testing::{Workspace, empty_postgres_database, through_pooler},
};
use sqlx::{Postgres, Sqlite};

/// Every type that a schema may use; a table that refers to one which comes later in the alphabet.
const SCHEMA: Schema = Schema {
    migrate_command: "import-test migrate",
    sqlite: &[Migration {
        version: 1,
        description: "all kinds",
        sql: "
            CREATE TABLE people (person_id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL) STRICT;
            CREATE TABLE entries (
                person_id BLOB NOT NULL REFERENCES people (person_id), number INTEGER NOT NULL, text TEXT, bytes BLOB,
                done INTEGER, small INTEGER, time INTEGER, PRIMARY KEY (person_id, number)) STRICT;
            CREATE TABLE made (made_id INTEGER NOT NULL PRIMARY KEY, secret BLOB NOT NULL) STRICT",
    }],
    postgres: &[Migration {
        version: 1,
        description: "all kinds",
        sql: "
            CREATE TABLE people (person_id UUID NOT NULL PRIMARY KEY, name TEXT NOT NULL);
            CREATE TABLE entries (
                person_id UUID NOT NULL REFERENCES people (person_id), number BIGINT NOT NULL, text TEXT, bytes BYTEA,
                done BOOLEAN, small SMALLINT, time TIMESTAMPTZ, PRIMARY KEY (person_id, number));
            CREATE TABLE made (made_id BIGINT NOT NULL PRIMARY KEY, secret BYTEA NOT NULL)",
    }],
    filled_by_migration: &["made"],
};

/// Another one, with a step of the same number.
const OTHER: Schema = Schema {
    sqlite: &[Migration {
        version: 1,
        description: "other",
        sql: "CREATE TABLE other (number INTEGER) STRICT",
    }],
    ..SCHEMA
};

const ROWS: &[&str] = &[
    "INSERT INTO people (person_id, name) VALUES (x'000102030405060708090a0b0c0d0e0f', 'Ada')",
    "INSERT INTO people (person_id, name) VALUES (x'ffffffffffffffffffffffffffffffff', 'Æsa 𝒳 \\N \\. \t \"quoted\"')",
    "INSERT INTO entries VALUES (x'ffffffffffffffffffffffffffffffff', -9223372036854775808, '', x'', 0, -32768, 0)",
    "INSERT INTO entries VALUES (x'ffffffffffffffffffffffffffffffff', 9223372036854775807, char(10, 92), x'00ff', 1, 32767,
                                 253402300799999999)",
    "INSERT INTO entries VALUES (x'000102030405060708090a0b0c0d0e0f', 1, NULL, NULL, NULL, NULL, NULL)",
    "INSERT INTO entries VALUES (x'000102030405060708090a0b0c0d0e0f', 2, 'x', x'50', 1, 1, -62135596800000000)",
    "INSERT INTO made VALUES (1, x'01')",
];

async fn import(target: &ServiceDatabase, from: &Path) -> Result<Imported, DataError> {
    Import::prepare(target, from).await?.run().await
}

struct World {
    workspace: Workspace,
    target: ServiceDatabase,
}

impl World {
    async fn new(rows: &'static [&'static str]) -> Self {
        let workspace = Workspace::new();
        let source = Sqlite::open(&workspace.sqlite("kinds.db"), &SCHEMA).await.unwrap();
        for row in rows {
            execute(&source, row).await;
        }
        source.close().await;
        let url = empty_postgres_database().await;
        Postgres::migrate(&url, &SCHEMA).await.unwrap();
        let target = ServiceDatabase {
            name: "kinds",
            schema: &SCHEMA,
            url,
        };
        Self { workspace, target }
    }

    async fn import(&self) -> Result<Imported, DataError> {
        import(&self.target, &self.workspace.path().join("kinds.db")).await
    }

    async fn target(&self) -> Database<Postgres> {
        Postgres::open(&self.target.url, &SCHEMA).await.unwrap()
    }
}

async fn execute<E: Engine>(database: &Database<E>, sql: &'static str) {
    let write = database.write(move |connection| Box::pin(statement::<E>(sql).execute(connection)));
    assert_eq!(write.await.unwrap(), 1);
}

async fn texts(database: &Database<Postgres>, sql: &'static str) -> Vec<String> {
    let read = database.read(move |connection| {
        Box::pin(async move {
            let rows = statement::<Postgres>(sql).all(connection).await?;
            rows.iter().map(|row| row.get("text")).collect()
        })
    });
    read.await.unwrap()
}

fn refusal(outcome: Result<Imported, DataError>) -> String {
    match outcome {
        Err(error) => error.to_string(),
        Ok(imported) => panic!("it was not refused: {imported:?}"),
    }
}

#[tokio::test]
async fn every_row_of_every_type_comes_to_postgres() {
    let world = World::new(ROWS).await;
    let Imported::Now(tables) = world.import().await.unwrap() else {
        panic!("it was there before")
    };
    let counts: Vec<_> = tables.iter().map(|table| (table.table.as_str(), table.rows)).collect();
    assert_eq!(counts, [("made", 1), ("people", 2), ("entries", 4)]);

    // As PostgreSQL itself tells it.
    let target = world.target().await;
    let people = "SELECT person_id::text || ' ' || name AS text FROM people ORDER BY person_id";
    assert_eq!(
        texts(&target, people).await,
        [
            "00010203-0405-0607-0809-0a0b0c0d0e0f Ada",
            "ffffffff-ffff-ffff-ffff-ffffffffffff Æsa 𝒳 \\N \\. \t \"quoted\"",
        ]
    );
    let entries =
        "SELECT concat_ws('|', number, coalesce(text, 'NULL'), coalesce(encode(bytes, 'hex'), 'NULL'), done, small,
                                    time AT TIME ZONE 'UTC') AS text
                   FROM entries ORDER BY person_id, number";
    assert_eq!(
        texts(&target, entries).await,
        [
            "1|NULL|NULL",
            "2|x|50|t|1|0001-01-01 00:00:00",
            "-9223372036854775808|||f|-32768|1970-01-01 00:00:00",
            "9223372036854775807|\n\\|00ff|t|32767|9999-12-31 23:59:59.999999",
        ]
    );
    target.close().await;
    assert_eq!(world.import().await.unwrap(), Imported::Before(tables));
}

#[tokio::test]
async fn what_postgres_holds_already_is_not_touched() {
    let world = World::new(ROWS).await;
    let target = world.target().await;
    execute(
        &target,
        "INSERT INTO people VALUES ('ffffffff-ffff-ffff-ffff-ffffffffffff', 'Somebody')",
    )
    .await;
    let told = refusal(world.import().await);
    assert!(told.contains("is not empty: people has 1 rows"), "{told}");
    assert_eq!(texts(&target, "SELECT name AS text FROM people").await, ["Somebody"]);
    assert!(texts(&target, "SELECT 'x' AS text FROM entries").await.is_empty());
    target.close().await;
}

#[tokio::test]
async fn what_the_migration_left_on_postgres_gives_way() {
    let world = World::new(ROWS).await;
    let target = world.target().await;
    execute(&target, "INSERT INTO made VALUES (1, '\\x02')").await;
    assert!(matches!(world.import().await.unwrap(), Imported::Now(_)));
    assert_eq!(
        texts(&target, "SELECT encode(secret, 'hex') AS text FROM made").await,
        ["01"]
    );
    target.close().await;
}

/// Whoever has the file open would go on writing to what was left behind.
#[tokio::test]
async fn a_file_that_is_in_use_does_not_come_to_postgres() {
    let world = World::new(ROWS).await;
    let source = Sqlite::open(&world.workspace.sqlite("kinds.db"), &SCHEMA)
        .await
        .unwrap();
    let told = refusal(world.import().await);
    assert!(told.contains("kinds.db: is in use: stop Holdfast first"), "{told}");
    execute(&source, "INSERT INTO made VALUES (2, x'02')").await;
    source.close().await;
    assert!(matches!(world.import().await.unwrap(), Imported::Now(_)));
}

/// A backup may lie where nobody can write.
#[tokio::test]
async fn a_file_that_cannot_be_written_comes_to_postgres() {
    let world = World::new(ROWS).await;
    let file = world.workspace.path().join("kinds.db");
    fs::set_permissions(&file, Permissions::from_mode(0o400)).unwrap();
    assert!(matches!(world.import().await.unwrap(), Imported::Now(_)));
}

#[tokio::test]
async fn what_is_no_whole_database_does_not_come_to_postgres() {
    let world = World::new(ROWS).await;
    let file = world.workspace.path().join("kinds.db");
    let whole = fs::read(&file).unwrap();
    let mut damaged = whole.clone();
    // The number of cells of some pages of tables.
    for page in damaged.chunks_mut(4096).skip(1).filter(|page| page[0] == 13) {
        page[4] = page[4].saturating_sub(1);
    }
    Sqlite::migrate(&world.workspace.sqlite("other.db"), &OTHER)
        .await
        .unwrap();
    let foreign = fs::read(world.workspace.path().join("other.db")).unwrap();
    for (bytes, expected) in [
        (&b""[..], "is no kinds database"),
        (b"not a database, but long enough to be looked at", "not a database"),
        (&*damaged, "is damaged"),
        (&whole[..whole.len() - 4096], "malformed"),
        (&foreign, "was not made by a released version"),
    ] {
        fs::write(&file, bytes).unwrap();
        let told = refusal(world.import().await);
        assert!(told.contains("kinds.db: ") && told.contains(expected), "{told}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "the source was changed");
    }
    fs::write(&file, whole).unwrap();
    assert!(matches!(world.import().await.unwrap(), Imported::Now(_)));
}

#[tokio::test]
async fn mistakes_on_the_way_to_postgres_are_told() {
    let world = World::new(&[]).await;
    let missing = import(&world.target, &world.workspace.path().join("other.db")).await;
    assert!(refusal(missing).contains("other.db: No such file"));
    let file = ServiceDatabase {
        url: DatabaseUrl::Sqlite(world.workspace.path().join("target.db")),
        ..world.target.clone()
    };
    let told = refusal(import(&file, &world.workspace.path().join("kinds.db")).await);
    assert!(told.contains("HOLDFAST_KINDS_DATABASE_URL"), "{told}");
    let behind = ServiceDatabase {
        url: empty_postgres_database().await,
        ..world.target.clone()
    };
    let told = refusal(import(&behind, &world.workspace.path().join("kinds.db")).await);
    assert!(told.contains("run `import-test migrate`"), "{told}");
    let pooled = ServiceDatabase {
        url: through_pooler(&world.target.url),
        ..world.target.clone()
    };
    let told = refusal(import(&pooled, &world.workspace.path().join("kinds.db")).await);
    assert!(told.contains("HOLDFAST_DATABASE_POOLER"), "{told}");
}
