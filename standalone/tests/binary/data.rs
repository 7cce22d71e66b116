//! Whole installations: backed up while in use and restored, and moved to PostgreSQL.

use std::{fs, path::Path, process::Stdio, time::Duration};

use platform::testing::{Workspace, address_of, empty_postgres_database};
use proto::{
    auth::v1::{LoginRequest, RefreshRequest, RegisterRequest, Tokens, auth_service_client::AuthServiceClient},
    task::v1::{CreateTaskRequest, ListTasksRequest, Task, task_service_client::TaskServiceClient},
};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, raw_sql, sqlite::SqliteConnectOptions};
use tonic::{Request, transport::Channel};

use crate::process::{Process, command, run};

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

fn channel(address: std::net::SocketAddr) -> Channel {
    platform::channel::connect(
        &[format!("http://{address}").parse().unwrap()],
        &platform::tls::ClientTls::default(),
    )
}

async fn register(process: &Process) -> Tokens {
    let register = RegisterRequest {
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
        display_name: String::new(),
    };
    let registered = AuthServiceClient::new(channel(process.auth)).register(register).await;
    registered.unwrap().into_inner().tokens.unwrap()
}

async fn log_in(process: &Process) -> Tokens {
    let login = LoginRequest {
        email: EMAIL.to_owned(),
        password: PASSWORD.to_owned(),
    };
    let signed_in = AuthServiceClient::new(channel(process.auth)).login(login).await;
    signed_in.unwrap().into_inner().tokens.unwrap()
}

fn bearer<T>(tokens: &Tokens, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value = format!("Bearer {}", tokens.access_token).parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}

async fn create(process: &Process, tokens: &Tokens, title: &str) {
    let request = CreateTaskRequest {
        task: Some(Task {
            title: title.to_owned(),
            ..Task::default()
        }),
        ..CreateTaskRequest::default()
    };
    let mut tasks = TaskServiceClient::new(channel(process.task));
    tasks.create_task(bearer(tokens, request)).await.unwrap();
}

async fn tasks(process: &Process, tokens: &Tokens) -> Vec<Task> {
    let mut tasks = TaskServiceClient::new(channel(process.task));
    let listed = tasks.list_tasks(bearer(tokens, ListTasksRequest::default())).await;
    listed.unwrap().into_inner().tasks
}

#[tokio::test]
async fn a_backup_taken_in_use_is_restored_as_the_readme_says() {
    let (workspace, elsewhere) = (Workspace::new(), Workspace::new());
    let process = Process::start(workspace.path());
    let tokens = register(&process).await;
    create(&process, &tokens, "before").await;
    let backup = elsewhere.path().join("backup");
    let taken = run(command(workspace.path()).arg("backup").arg(&backup));
    assert_eq!(taken.status.code(), Some(0), "{taken:?}");
    create(&process, &tokens, "after").await;
    process.kill();

    // Another machine: the backup, and the keys that were kept elsewhere.
    let restored = elsewhere.path().join("restored");
    fs::create_dir(&restored).unwrap();
    for (from, file) in [
        (&*backup, "auth.db"),
        (&*backup, "task.db"),
        (workspace.path(), "master.key"),
        (workspace.path(), "service.key"),
    ] {
        fs::copy(from.join(file), restored.join(file)).unwrap();
    }
    let process = Process::start(&restored);
    let titles = |tasks: Vec<Task>| tasks.into_iter().map(|task| task.title).collect::<Vec<_>>();
    assert_eq!(titles(tasks(&process, &tokens).await), ["before"]);
    assert_eq!(titles(tasks(&process, &log_in(&process).await).await), ["before"]);
    process.kill();
}

/// Enough that an import of them can be killed in its middle.
fn seed(data: &Path) -> impl Future<Output = ()> {
    let options = SqliteConnectOptions::new().filename(data.join("task.db"));
    async move {
        let mut connection = options.connect().await.unwrap();
        let insert = "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 20000)
            INSERT INTO tasks (owner_id, task_id, version, change_seq, title, description, completed, priority, tags,
                               create_time, update_time)
            SELECT randomblob(16), randomblob(16), 1, 1, 'Task ' || n, hex(randomblob(200)), 0, 2, '', n, n FROM numbers";
        raw_sql(AssertSqlSafe(insert)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }
}

// Of several threads: the client says goodbye while the test waits for the server's end.
#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_to_postgres_however_often_it_is_interrupted() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    let tokens = register(&process).await;
    create(&process, &tokens, "mine").await;
    let before = tasks(&process, &tokens).await;
    process.signal("TERM");
    process.ended();
    seed(workspace.path()).await;

    let auth = address_of(&empty_postgres_database().await);
    let task = address_of(&empty_postgres_database().await);
    let on_postgres = || {
        let mut command = command(workspace.path());
        command.env("HOLDFAST_AUTH_DATABASE_URL", &auth);
        command.env("HOLDFAST_TASK_DATABASE_URL", &task);
        command
    };
    let import = || {
        let mut import = on_postgres();
        import.arg("import-database").arg(workspace.path());
        import
    };
    let unprepared = run(&mut import());
    assert_eq!(unprepared.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&unprepared.stderr).contains("migrate"),
        "{unprepared:?}"
    );
    let migrated = run(on_postgres().arg("migrate"));
    assert_eq!(migrated.status.code(), Some(0), "{migrated:?}");

    for delay in [50, 150, 300] {
        let mut cut_off = import().stdout(Stdio::null()).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(delay)).await;
        cut_off.kill().unwrap();
        cut_off.wait().unwrap();
    }
    let first = run(&mut import());
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let told = String::from_utf8_lossy(&first.stdout);
    assert!(told.contains("task tasks: 20001 rows, checksum "), "{told}");
    let again = run(&mut import());
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let told = String::from_utf8_lossy(&again.stdout);
    assert_eq!(told.matches("there already").count(), told.lines().count(), "{told}");

    let process = Process::start_as(on_postgres().stderr(Stdio::piped()));
    assert_eq!(tasks(&process, &tokens).await, before);
    assert_eq!(tasks(&process, &log_in(&process).await).await, before);
    let refresh = RefreshRequest {
        refresh_token: tokens.refresh_token,
    };
    AuthServiceClient::new(channel(process.auth))
        .refresh(refresh)
        .await
        .unwrap();
    process.kill();
}
