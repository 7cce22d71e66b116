//! The three services in one process on embedded SQLite.
//!
//! [`Listeners`] are bound first, so that a second process on the same addresses changes nothing; [`secrets`]
//! makes the keys on the first start; [`Holdfast`] runs auth-service, task-service and the gateway, each over its
//! own socket as if it were alone, and ends them in the order in which requests pass through them.

pub mod secrets;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use auth_service::OperatorCommand;
use http::Uri;
use platform::{
    configuration::{Mistake, Settings},
    database::{DataError, ServiceDatabase},
    metrics::Metrics,
    serving::{Readiness, Sockets, serve_admin, shutdown_after},
    tls::Tls,
};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use secrets::{Secrets, SecretsError};

/// Where the admin listener is unless `HOLDFAST_ADMIN_LISTEN` says otherwise.
pub const ADMIN_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);

const ANY_PORT_INSIDE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const READY_WITHIN: Duration = Duration::from_secs(10);
const READY_POLL: Duration = Duration::from_millis(5);

/// The sockets of one Holdfast.
pub struct Listeners {
    /// auth-service, gRPC.
    pub auth: TcpListener,
    /// task-service, gRPC.
    pub task: TcpListener,
    /// The gateway, HTTP.
    pub gateway: TcpListener,
    /// `/livez` and `/readyz`.
    pub admin: TcpListener,
    /// Only with TLS.
    inside: Option<Inside>,
}

/// Where the parts of this process reach the services when these speak TLS, which is for names that only the outside
/// knows: in plaintext, on loopback. Whoever is on this machine reaches them too, as without TLS.
struct Inside {
    auth: TcpListener,
    task: TcpListener,
}

/// The addresses of one Holdfast, as clients on this machine reach them.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// auth-service, gRPC.
    pub auth: SocketAddr,
    /// task-service, gRPC.
    pub task: SocketAddr,
    /// The gateway, HTTP.
    pub gateway: SocketAddr,
    /// `/livez` and `/readyz`.
    pub admin: SocketAddr,
}

/// Why Holdfast cannot start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    /// An address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// A setting is missing.
    #[error(transparent)]
    Setting(#[from] Mistake),
    /// The keys cannot be read or made.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// auth-service.
    #[error("auth-service: {0}")]
    Auth(#[from] auth_service::StartError),
    /// task-service.
    #[error("task-service: {0}")]
    Task(#[from] task_service::StartError),
    /// The gateway.
    #[error("gateway: {0}")]
    Gateway(#[from] gateway::StartError),
    /// A whole database cannot be copied.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A part of it panicked.
    #[error("a service ended unexpectedly: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

impl Listeners {
    /// Listens where the settings say.
    pub async fn bind(settings: &Settings) -> Result<Self, StandaloneError> {
        let bind = async |address| {
            TcpListener::bind(address)
                .await
                .map_err(|error| StandaloneError::Listen(address, error))
        };
        Ok(Self {
            auth: bind(settings.auth_listen).await?,
            task: bind(settings.task_listen).await?,
            gateway: bind(settings.gateway_listen).await?,
            admin: bind(settings.admin_listen.unwrap_or(ADMIN_LISTEN)).await?,
            inside: match settings.tls.grpc {
                None => None,
                Some(_) => Some(Inside {
                    auth: bind(ANY_PORT_INSIDE).await?,
                    task: bind(ANY_PORT_INSIDE).await?,
                }),
            },
        })
    }

    /// Where the parts of this process reach auth-service and task-service.
    fn inside(&self) -> io::Result<[SocketAddr; 2]> {
        let (auth, task) = match &self.inside {
            Some(inside) => (&inside.auth, &inside.task),
            None => (&self.auth, &self.task),
        };
        Ok([reachable(auth.local_addr()?), reachable(task.local_addr()?)])
    }

    /// Where they are.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            auth: reachable(self.auth.local_addr()?),
            task: reachable(self.task.local_addr()?),
            gateway: reachable(self.gateway.local_addr()?),
            admin: reachable(self.admin.local_addr()?),
        })
    }
}

/// A socket that listens on every address is reached on the loopback one.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// A running Holdfast.
pub struct Holdfast {
    addresses: Addresses,
    readiness: Readiness,
    ended: JoinHandle<Result<(), StandaloneError>>,
}

impl Holdfast {
    /// Starts the services. They run until the shutdown, and for the drain delay of the settings after it.
    pub fn start(
        listeners: Listeners,
        settings: &Settings,
        shutdown: CancellationToken,
    ) -> Result<Self, StandaloneError> {
        let failed = |error| StandaloneError::Listen(ADMIN_LISTEN, error);
        let addresses = listeners.addresses().map_err(failed)?;
        let settings = settings_of_the_parts(settings, listeners.inside().map_err(failed)?)?;
        // The gateway's checks ask both services, so they stand for the whole process.
        let (readiness, metrics) = (Readiness::default(), Metrics::default());
        let (of_auth, of_task) = (Readiness::default(), Readiness::default());
        let all = [readiness.clone(), of_auth.clone(), of_task.clone()];
        let parts = Parts {
            auth: auth_service::Config::from_settings(&settings, of_auth, metrics.clone())?,
            task: task_service::Config::from_settings(&settings, of_task, metrics.clone())?,
            gateway: gateway::Config::from_settings(&settings, readiness.clone())?,
            readiness: readiness.clone(),
            metrics,
            tls: settings.tls,
        };
        let shutdown = shutdown_after(shutdown, all, settings.drain_delay);
        let ended = tokio::spawn(parts.serve(listeners, shutdown));
        Ok(Self {
            addresses,
            readiness,
            ended,
        })
    }

    /// Where it is.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Waits until it can serve; `false` if it ended or took too long.
    pub async fn ready(&self) -> bool {
        let deadline = Instant::now() + READY_WITHIN;
        while self.readiness.check().await.is_err() {
            if self.ended.is_finished() || Instant::now() > deadline {
                return false;
            }
            sleep(READY_POLL).await;
        }
        true
    }

    /// Waits for its end, and says why it came if it was not the shutdown.
    pub async fn ended(self) -> Result<(), StandaloneError> {
        self.ended.await?
    }
}

/// The settings with what only this process knows: its own addresses and its own keys.
fn settings_of_the_parts(settings: &Settings, [auth, task]: [SocketAddr; 2]) -> Result<Settings, StandaloneError> {
    // The text of a socket address is an authority, always.
    let found_at = |address: SocketAddr| {
        Uri::builder()
            .scheme("http")
            .authority(address.to_string())
            .path_and_query("/")
            .build()
            .into_iter()
            .collect()
    };
    let secrets = Secrets::load_or_make(settings)?;
    Ok(Settings {
        auth_addr: found_at(auth),
        task_addr: found_at(task),
        master_keys: Some(secrets.master_keys),
        service_keys: Some(secrets.service_keys),
        ..settings.clone()
    })
}

/// Both databases. A backup takes them in this order: of what one tells the other, the copies then never know the
/// answer without the question.
pub fn databases(settings: &Settings) -> [ServiceDatabase; 2] {
    [task_service::database(settings), auth_service::database(settings)]
}

/// Does what an operator asks of auth-service, with the keys of this process.
pub async fn operate(command: OperatorCommand, settings: &Settings) -> Result<(), StandaloneError> {
    OperatorCommand::require_database(settings)?;
    let secrets = Secrets::load_or_make(settings)?;
    let settings = Settings {
        master_keys: Some(secrets.master_keys),
        service_keys: Some(secrets.service_keys),
        ..settings.clone()
    };
    Ok(command.run(&settings).await?)
}

/// Brings the schemas of both databases up to date.
pub async fn migrate(settings: &Settings) -> Result<(), StandaloneError> {
    auth_service::migrate(&settings.auth_database_url).await?;
    Ok(task_service::migrate(&settings.task_database_url).await?)
}

struct Parts {
    auth: auth_service::Config,
    task: task_service::Config,
    gateway: gateway::Config,
    readiness: Readiness,
    metrics: Metrics,
    tls: Tls,
}

impl Parts {
    /// Runs until the shutdown, or until a part fails. The gateway ends first and auth-service last, so that a
    /// request in flight finds everything it still needs.
    async fn serve(self, listeners: Listeners, shutdown: CancellationToken) -> Result<(), StandaloneError> {
        let (auth, task) = (
            Sockets::new(listeners.auth, self.tls.grpc.clone()),
            Sockets::new(listeners.task, self.tls.grpc),
        );
        let (auth, task) = match listeners.inside {
            None => (auth, task),
            Some(inside) => (auth.and_inside(inside.auth), task.and_inside(inside.task)),
        };
        let gateway = Sockets::new(listeners.gateway, self.tls.http);
        let (task_end, auth_end) = (CancellationToken::new(), CancellationToken::new());
        let failed = shutdown.clone();
        let auth = tokio::spawn({
            let (end, failed) = (auth_end.clone(), failed.clone());
            async move {
                auth_service::serve(auth, self.auth, end)
                    .await
                    .inspect_err(|_| failed.cancel())
            }
        });
        let task = tokio::spawn({
            let (end, failed) = (task_end.clone(), failed.clone());
            async move {
                task_service::serve(task, self.task, end)
                    .await
                    .inspect_err(|_| failed.cancel())
            }
        });
        let admin = tokio::spawn(serve_admin(
            listeners.admin,
            self.readiness,
            self.metrics,
            auth_end.clone(),
        ));

        let gateway_ended = gateway::serve(gateway, self.gateway, shutdown).await;
        task_end.cancel();
        let task_ended = task.await?;
        auth_end.cancel();
        auth.await??;
        task_ended?;
        gateway_ended?;
        Ok(admin.await?)
    }
}
