//! The database roles of the containers: each may do what its service does, and nothing else.

use std::{fs, path::Path, process::Command};

use platform::{
    configuration::{Arguments, DatabaseUrl, PostgresUrl, Settings},
    testing::Workspace,
};
use proto::{
    auth::v1::{RegisterRequest, auth_service_client::AuthServiceClient},
    task::v1::{CreateTaskRequest, Task, task_service_client::TaskServiceClient},
};
use sqlx::{Connection as _, PgConnection};
use standalone::{Holdfast, Listeners};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::{make_secrets, root},
    process,
};

/// An address out of the secrets, at the server of the tests.
fn at_the_tests_server(secrets: &Path, name: &str) -> String {
    let address = fs::read_to_string(secrets.join(name)).unwrap();
    let directory = std::env::var("TEST_POSTGRES_DIRECTORY").unwrap();
    format!(
        "{}?host={directory}",
        address.trim().replace("@postgres:5432", "@localhost")
    )
}

fn database_url(address: &str) -> DatabaseUrl {
    DatabaseUrl::Postgres(PostgresUrl::parse(address).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_roles_have_the_rights_they_need_and_no_others() {
    let workspace = Workspace::new();
    let secrets = make_secrets(&workspace);
    let made = process::run(
        Command::new(root().join("deploy/compose/init-databases.sh"))
            .env("SECRETS", &secrets)
            .env("POSTGRES_USER", "postgres")
            .env("PGHOST", std::env::var("TEST_POSTGRES_DIRECTORY").unwrap()),
    );
    assert!(made.status.success(), "{made:?}");

    let address = |name: &str| at_the_tests_server(&secrets, name);
    for _ in 0..2 {
        auth_service::migrate(&database_url(&address("auth_owner_database_url")))
            .await
            .unwrap();
        task_service::migrate(&database_url(&address("task_owner_database_url")))
            .await
            .unwrap();
    }

    let any_port = || "127.0.0.1:0".to_owned();
    let settings = Settings::check(&Arguments {
        data_dir: workspace.path().display().to_string(),
        auth_listen: any_port(),
        task_listen: any_port(),
        gateway_listen: any_port(),
        admin_listen: Some(any_port()),
        auth_database_url: Some(address("auth_database_url")),
        task_database_url: Some(address("task_database_url")),
        master_key_file: Some(secrets.join("master_key").display().to_string()),
        service_key_file: Some(secrets.join("service_key").display().to_string()),
        ..Arguments::defaults()
    })
    .unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    let shutdown = CancellationToken::new();
    let listeners = Listeners::bind(&settings).await.unwrap();
    let holdfast = Holdfast::start(listeners, &settings, shutdown.clone()).unwrap();
    assert!(holdfast.ready().await, "{:?}", holdfast.ended().await);
    work(&holdfast).await;

    // LG-03: the audit log is only added to.
    let mut connection = PgConnection::connect(&address("auth_database_url")).await.unwrap();
    for table in ["audit_records", "audit_closings"] {
        for statement in [
            format!("UPDATE {table} SET hash = hash"),
            format!("DELETE FROM {table}"),
            format!("TRUNCATE {table}"),
        ] {
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&mut connection);
            assert_refused(done.await.map(drop), &statement);
        }
    }
    // What is older than 400 days goes by a closing, which the service may add.
    let old = "INSERT INTO audit_records VALUES (0, now() - interval '500 days', 'OLD', NULL, NULL, '', '', '', '', 0, ''),
                                                (-1, now() - interval '501 days', 'OLD', NULL, NULL, '', '', '', '', 0, '');
               INSERT INTO audit_closings VALUES (-1, '', now(), 0, '')";
    sqlx::raw_sql(old).execute(&mut connection).await.unwrap();
    let kept = sqlx::raw_sql("SELECT act FROM audit_records WHERE sequence <= 0").fetch_all(&mut connection);
    assert_eq!(kept.await.unwrap().len(), 1);
    let young = "INSERT INTO audit_closings VALUES (1, '', now(), 0, '')";
    assert!(sqlx::raw_sql(young).execute(&mut connection).await.is_err());
    let recorded = sqlx::raw_sql("SELECT act FROM audit_records WHERE sequence > 0").fetch_all(&mut connection);
    assert_eq!(recorded.await.unwrap().len(), 1);
    connection.close().await.unwrap();

    for (service, table, other) in [("auth", "accounts", "task"), ("task", "tasks", "auth")] {
        let own = address(&format!("{service}_database_url"));
        let mut connection = PgConnection::connect(&own).await.unwrap();
        for statement in [
            format!("TRUNCATE {table} CASCADE"),
            format!("DROP TABLE {table}"),
            format!("ALTER TABLE {table} ADD COLUMN more TEXT"),
            format!(
                "CREATE TRIGGER more AFTER INSERT ON {table} EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
            "CREATE TABLE more (id BIGINT)".to_owned(),
            "CREATE TEMPORARY TABLE more (id BIGINT)".to_owned(),
            "CREATE SCHEMA more".to_owned(),
            "CREATE ROLE more".to_owned(),
            "UPDATE _sqlx_migrations SET version = version + 1".to_owned(),
            format!("SET ROLE holdfast_{service}_owner"),
        ] {
            let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.clone())).execute(&mut connection);
            assert_refused(done.await.map(drop), &statement);
        }
        connection.close().await.unwrap();
        for foreign in [
            format!("holdfast_{other}"),
            "postgres".to_owned(),
            "template1".to_owned(),
        ] {
            let foreign = own.replace(
                &format!("@localhost/holdfast_{service}"),
                &format!("@localhost/{foreign}"),
            );
            let connected = PgConnection::connect(&foreign).await;
            assert_refused(connected.map(drop), "a connection to another database");
        }
    }
    shutdown.cancel();
    holdfast.ended().await.unwrap();
}

/// Somebody registers and has a task.
async fn work(holdfast: &Holdfast) {
    let channel = |address: std::net::SocketAddr| {
        platform::channel::connect(
            &[format!("http://{address}").parse().unwrap()],
            &platform::tls::ClientTls::default(),
        )
    };
    let registration = RegisterRequest {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery staple".to_owned(),
        ..RegisterRequest::default()
    };
    let mut auth = AuthServiceClient::new(channel(holdfast.addresses().auth));
    let registered = auth.register(registration).await.unwrap().into_inner();
    let tokens = registered.tokens.unwrap();
    let task = Task {
        title: "Buy milk".to_owned(),
        ..Task::default()
    };
    let mut create = tonic::Request::new(CreateTaskRequest {
        task: Some(task),
        ..CreateTaskRequest::default()
    });
    let authorization = format!("Bearer {}", tokens.access_token).parse().unwrap();
    create.metadata_mut().insert("authorization", authorization);
    let mut tasks = TaskServiceClient::new(channel(holdfast.addresses().task));
    let created = tasks.create_task(create).await.unwrap().into_inner();
    assert_eq!(created.title, "Buy milk");
}

/// PostgreSQL's code for a right that is missing.
fn assert_refused(done: Result<(), sqlx::Error>, what: &str) {
    let error = done.err().unwrap_or_else(|| panic!("the service may do this: {what}"));
    let code = error
        .as_database_error()
        .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    assert_eq!(code.as_deref(), Some("42501"), "{what}: {error}");
}
