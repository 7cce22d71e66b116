//! The services, as they are deployed: auth-service and task-service on an engine, one core for both.

use std::{error::Error, path::Path, process::Command};

use proto::{
    auth::v1::{RegisterRequest, auth_service_client::AuthServiceClient},
    task::v1::{BatchCreateTasksRequest, CreateTaskRequest, task_service_client::TaskServiceClient},
};
use tempfile::TempDir;
use tonic::transport::{Channel, Endpoint};

use crate::{
    cores,
    figures::{CONNECTIONS, task},
    postgres::Postgres,
    running::Running,
};

/// Of 32 bytes, in base64. Nobody's secret.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Everybody's.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// So many tasks at once.
const BATCH: usize = 100;

/// The services, until this is dropped.
pub(crate) struct Cluster {
    pub(crate) task: Running,
    pub(crate) auth: Running,
    /// Where the tasks are.
    pub(crate) task_database: String,
    /// Where the accounts are.
    pub(crate) auth_database: String,
    pub(crate) auth_address: String,
    pub(crate) task_address: String,
    /// Where task-service tells its metrics: `127.0.0.1:50062`.
    pub(crate) task_admin: String,
    core: usize,
    directory: TempDir,
}

/// A connection to task-service.
pub(crate) type TaskClient = TaskServiceClient<Channel>;

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) bearer: String,
    pub(crate) refresh_token: String,
}

impl Person {
    /// Their request.
    pub(crate) fn request<T>(&self, message: T) -> Result<tonic::Request<T>, Box<dyn Error>> {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer.parse()?);
        Ok(request)
    }
}

/// Where the binaries are: beside this one.
pub(crate) fn binary(name: &str) -> std::io::Result<std::path::PathBuf> {
    Ok(std::env::current_exe()?.with_file_name(name))
}

/// A command without any settings of this shell.
pub(crate) fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("HOLDFAST_")) {
            command.env_remove(name);
        }
    }
    command
}

impl Cluster {
    /// On a core; on embedded SQLite, or in two new databases of a server.
    pub(crate) async fn start(core: usize, postgres: Option<&Postgres>) -> Result<Self, Box<dyn Error>> {
        let directory = TempDir::new()?;
        let (auth, task) = match postgres {
            None => {
                let file = |name: &str| format!("sqlite://{}", directory.path().join(name).display());
                (file("auth.db"), file("task.db"))
            }
            Some(server) => {
                let auth = server.database().await?;
                (auth, server.database().await?)
            }
        };
        let databases = databases(&auth, &task);
        let (auth_service, auth_address, _) = service("auth-service", core, directory.path(), &databases)?;
        let of_auth = [&databases[..], &[("HOLDFAST_AUTH_ADDR", &*auth_address)]].concat();
        let (task_service, task_address, task_admin) = service("task-service", core, directory.path(), &of_auth)?;
        Ok(Self {
            task: task_service,
            auth: auth_service,
            task_database: task,
            auth_database: auth,
            auth_address,
            task_address,
            task_admin,
            core,
            directory,
        })
    }

    /// Until [`Self::start_tasks`], nothing serves the tasks.
    pub(crate) fn stop_tasks(&mut self) {
        self.task.stop();
    }

    /// Serves them again.
    pub(crate) fn start_tasks(&mut self) -> Result<(), Box<dyn Error>> {
        (self.task, self.task_address, self.task_admin) = self.replica()?;
        Ok(())
    }

    /// One more task-service on the same database, its address, and that of its metrics.
    pub(crate) fn replica(&self) -> Result<(Running, String, String), Box<dyn Error>> {
        let databases = databases(&self.auth_database, &self.task_database);
        let settings = [&databases[..], &[("HOLDFAST_AUTH_ADDR", &*self.auth_address)]].concat();
        service("task-service", self.core, self.directory.path(), &settings)
    }

    /// A gateway to the services, on a core, and its address.
    pub(crate) fn gateway(&self, core: usize) -> Result<(Running, String), Box<dyn Error>> {
        let settings = [
            ("HOLDFAST_AUTH_ADDR", &*self.auth_address),
            ("HOLDFAST_TASK_ADDR", &*self.task_address),
        ];
        let mut running = Running::start(&mut command("gateway", core, self.directory.path(), &settings)?)?;
        let address = running.address()?;
        Ok((running, address.to_string()))
    }

    /// Somebody new, with so many tasks.
    pub(crate) async fn person(&self, name: &str, tasks: usize) -> Result<Person, Box<dyn Error>> {
        let mut accounts = AuthServiceClient::new(connect(&self.auth_address).await?);
        let request = RegisterRequest {
            email: format!("{name}@example.com"),
            password: PASSWORD.to_owned(),
            display_name: String::new(),
        };
        let registered = accounts.register(request).await?.into_inner();
        let (user, tokens) = (
            registered.user.unwrap_or_default(),
            registered.tokens.unwrap_or_default(),
        );
        let person = Person {
            id: user.id,
            bearer: format!("Bearer {}", tokens.access_token),
            refresh_token: tokens.refresh_token,
        };
        let mut service = TaskServiceClient::new(connect(&self.task_address).await?);
        for first in (0..tasks).step_by(BATCH) {
            let requests = (first..tasks.min(first + BATCH)).map(|number| CreateTaskRequest {
                task: Some(task(number)),
                ..CreateTaskRequest::default()
            });
            let batch = BatchCreateTasksRequest {
                requests: requests.collect(),
                ..BatchCreateTasksRequest::default()
            };
            service.batch_create_tasks(person.request(batch)?).await?;
        }
        Ok(person)
    }

    /// Connections to task-service.
    pub(crate) async fn connections(&self) -> Result<Vec<TaskClient>, Box<dyn Error>> {
        connections(&self.task_address).await
    }
}

/// Connections to a task-service.
pub(crate) async fn connections(address: &str) -> Result<Vec<TaskClient>, Box<dyn Error>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(TaskServiceClient::new(connect(address).await?));
    }
    Ok(clients)
}

pub(crate) async fn connect(address: &str) -> Result<Channel, Box<dyn Error>> {
    Ok(Endpoint::from_shared(address.to_owned())?
        .tcp_nodelay(true)
        .connect()
        .await?)
}

fn databases<'a>(auth: &'a str, task: &'a str) -> [(&'static str, &'a str); 2] {
    [
        ("HOLDFAST_AUTH_DATABASE_URL", auth),
        ("HOLDFAST_TASK_DATABASE_URL", task),
    ]
}

/// A service, its address, and that of its metrics.
fn service(
    name: &str,
    core: usize,
    directory: &Path,
    settings: &[(&str, &str)],
) -> Result<(Running, String, String), Box<dyn Error>> {
    let migrated = command(name, core, directory, settings)?.arg("migrate").output()?;
    if !migrated.status.success() {
        return Err(format!("{name} migrate: {}", String::from_utf8_lossy(&migrated.stderr)).into());
    }
    let mut running = Running::start(&mut command(name, core, directory, settings)?)?;
    let (address, admin) = (running.address()?, running.address()?);
    Ok((running, format!("http://{address}"), admin.to_string()))
}

fn command(name: &str, core: usize, directory: &Path, settings: &[(&str, &str)]) -> std::io::Result<Command> {
    let mut command = without_settings(cores::on(core, binary(name)?));
    command.envs(settings.iter().copied());
    for listen in ["AUTH", "TASK", "GATEWAY", "ADMIN"] {
        command.env(format!("HOLDFAST_{listen}_LISTEN"), "127.0.0.1:0");
    }
    command
        .env("HOLDFAST_DATA_DIR", directory)
        .env("HOLDFAST_MASTER_KEY", format!("bench:{KEY}"))
        .env("HOLDFAST_SERVICE_KEY", KEY)
        .env("HOLDFAST_ACCESS_TOKEN_TTL", "1h")
        .env("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8")
        .env("HOLDFAST_LOG", "error");
    Ok(command)
}
