//! Many who open one new file at once.

use std::process::{Command, Stdio};

use futures_util::future::join_all;
use platform::{
    database::{Engine as _, statement},
    testing::Workspace,
};
use sqlx::Sqlite;
use task_service::store::SCHEMA;

/// A race is won by the right one now and then; not so often.
const ROUNDS: usize = 10;
const OPENERS: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn eight_handles_open_and_migrate_one_new_file() {
    for _ in 0..ROUNDS {
        let workspace = Workspace::new();
        let url = workspace.sqlite("task.db");
        let opening = (0..OPENERS).map(|_| {
            let url = url.clone();
            tokio::spawn(async move { Sqlite::open(&url, &SCHEMA).await })
        });
        let opened = join_all(opening.collect::<Vec<_>>()).await;
        for (number, database) in opened.into_iter().enumerate() {
            let database = database.expect("it does not panic").expect("it opens");
            let owner = vec![u8::try_from(number).expect("it is small"); 16];
            let written = database.write(move |connection| {
                let owner = owner.clone();
                Box::pin(async move {
                    let insert = "INSERT INTO owner_state (owner_id, next_seq) VALUES ($1, 1)";
                    statement::<Sqlite>(insert).bind(owner).execute(connection).await
                })
            });
            assert_eq!(written.await.expect("it is written"), 1);
            database.close().await;
        }
    }
}

#[test]
fn four_processes_migrate_one_new_file() {
    for _ in 0..ROUNDS / 2 {
        let workspace = Workspace::new();
        let migrate = || {
            Command::new(env!("CARGO_BIN_EXE_task-service"))
                .arg("migrate")
                .env_clear()
                .env("HOLDFAST_DATA_DIR", workspace.path())
                .env("HOLDFAST_SERVICE_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
                .stdout(Stdio::null())
                .stderr(Stdio::piped())
                .spawn()
                .expect("it starts")
        };
        let processes: Vec<_> = (0..4).map(|_| migrate()).collect();
        for process in processes {
            let ended = process.wait_with_output().expect("it ends");
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        assert!(workspace.path().join("task.db").exists());
    }
}
