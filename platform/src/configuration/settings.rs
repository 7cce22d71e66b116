//! The settings, checked.

use std::{
    collections::HashSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr as _,
    sync::Arc,
    time::Duration,
};

use http::Uri;
use ipnet::IpNet;
use sqlx::postgres::PgConnectOptions;

use super::{
    arguments::Arguments,
    parse::{self, Parsed},
};
use crate::{
    secret::Secret,
    service_credential::ServiceKeys,
    tls::{Tls, TlsFiles},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What stands between a service and PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabasePooler {
    /// Nothing, or a pooler that keeps sessions apart.
    None,
    /// A pooler that gives each transaction any connection.
    Transaction,
}

/// Where a database is. The scheme picks the engine.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server.
    Postgres(PostgresUrl),
}

/// Where a `PostgreSQL` database is, as whom to go there, and by how many connections. Holds a password, most often:
/// it has no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl {
    text: zeroize::Zeroizing<String>,
    /// What stands before the server.
    pub pooler: DatabasePooler,
    /// How many connections one process opens to it at most.
    pub max_connections: u32,
}

/// `HOLDFAST_DATABASE_CONNECTIONS`, unless it says otherwise.
const MAX_CONNECTIONS: u32 = 16;

/// What may stand behind the address of a database.
const PARAMETERS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

impl PostgresUrl {
    /// The server itself, with the usual number of connections. `None` if the text is no such address, has a parameter
    /// that is not known, or names an authority that would not be asked (the driver would pass over either).
    pub fn parse(text: &str) -> Option<Self> {
        PgConnectOptions::from_str(text).ok()?;
        let parameters = text.split_once('?').map_or("", |(_, parameters)| parameters);
        let parameters = parameters.split('&').filter(|parameter| !parameter.is_empty());
        let parameters: Vec<_> = parameters
            .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
            .collect();
        let known = parameters.iter().all(|(name, _)| PARAMETERS.contains(name));
        let value = |wanted| {
            parameters
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, value)| *value)
        };
        let verified = matches!(value("sslmode"), Some("verify-ca" | "verify-full"));
        (known && (verified || value("sslrootcert").is_none())).then_some(())?;
        Some(Self {
            text: zeroize::Zeroizing::new(text.to_owned()),
            pooler: DatabasePooler::None,
            max_connections: MAX_CONNECTIONS,
        })
    }

    /// What to connect with.
    pub(crate) fn options(&self) -> PgConnectOptions {
        // It was parsed before.
        PgConnectOptions::from_str(&self.text).unwrap_or_default()
    }
}

/// A key that seals other keys, and its name in what it sealed.
#[derive(Clone)]
pub struct MasterKey {
    /// The name, stored beside everything that the key sealed.
    pub id: String,
    /// The key.
    pub key: Secret<32>,
}

/// The keys of `HOLDFAST_MASTER_KEY`: the first seals, all open.
#[derive(Clone)]
pub struct MasterKeys(Arc<[MasterKey]>);

impl MasterKeys {
    /// `None` if there is no key, or two have the same id.
    pub fn new(keys: Vec<MasterKey>) -> Option<Self> {
        let ids: HashSet<&str> = keys.iter().map(|key| key.id.as_str()).collect();
        (!keys.is_empty() && ids.len() == keys.len()).then(|| Self(keys.into()))
    }

    /// The key that seals.
    pub fn sealing(&self) -> &MasterKey {
        &self.0[0]
    }

    /// The key of that id, to open with.
    pub fn opening(&self, id: &str) -> Option<&MasterKey> {
        self.0.iter().find(|key| key.id == id)
    }
}

/// Everything a binary may be told, checked.
#[derive(Clone)]
#[expect(missing_docs, reason = "each field is documented where it is declared, in Arguments")]
pub struct Settings {
    pub data_dir: PathBuf,
    pub auth_listen: SocketAddr,
    pub task_listen: SocketAddr,
    pub gateway_listen: SocketAddr,
    pub admin_listen: Option<SocketAddr>,
    pub tls: Tls,
    pub plaintext: bool,
    pub auth_database_url: DatabaseUrl,
    pub task_database_url: DatabaseUrl,
    pub auth_addr: Vec<Uri>,
    pub task_addr: Vec<Uri>,
    pub issuer: String,
    pub master_keys: Option<MasterKeys>,
    pub service_keys: Option<ServiceKeys>,
    pub access_token_ttl: Duration,
    pub refresh_idle_ttl: Duration,
    pub session_max_age: Duration,
    pub password_min_length: usize,
    pub allowed_origins: Vec<String>,
    pub trusted_proxies: Vec<IpNet>,
    pub throttle_exempt: Vec<IpNet>,
    pub drain_delay: Duration,
    pub reflection: bool,
    pub log: String,
    pub log_format: LogFormat,
}

/// A setting that cannot be used, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {problem}")]
pub struct Mistake {
    /// The name of the setting.
    pub setting: &'static str,
    /// What is wrong. Never repeats the value, which may be a secret.
    pub problem: String,
}

impl Mistake {
    fn missing(setting: &'static str) -> Self {
        Self {
            setting,
            problem: "is missing, and nothing starts without it".to_owned(),
        }
    }
}

/// Collects mistakes; a mistaken value is replaced by anything, because the settings are thrown away then.
struct Checker(Vec<Mistake>);

impl Checker {
    fn take<T>(&mut self, setting: &'static str, parsed: Parsed<T>) -> Option<T> {
        parsed.map_err(|problem| self.0.push(Mistake { setting, problem })).ok()
    }

    fn tls(&mut self, arguments: &Arguments) -> Option<Tls> {
        let path = |file: &Option<String>| file.as_deref().filter(|file| !file.is_empty()).map(PathBuf::from);
        let tls = Tls::read(TlsFiles {
            certificate: path(&arguments.tls_certificate_file),
            key: path(&arguments.tls_key_file),
            client_authority: path(&arguments.tls_client_authority_file),
            authority: path(&arguments.tls_authority_file),
        });
        tls.map_err(|mistakes| self.0.extend(mistakes)).ok()
    }

    /// The value of a setting that may stand in a file instead. An empty value is none.
    fn secret(&mut self, setting: &'static str, value: Option<&str>, file: Option<&str>) -> Option<String> {
        let value = value.filter(|value| !value.trim().is_empty());
        let file = file.filter(|file| !file.is_empty());
        let read = match (value, file) {
            (Some(_), Some(_)) => Err("is given twice, as a value and as a file".to_owned()),
            (Some(value), None) => return Some(value.trim().to_owned()),
            (None, None) => return None,
            (None, Some(file)) => fs::read_to_string(file)
                .map(|text| text.trim().to_owned())
                .map_err(|error| format!("cannot be read from its file: {error}")),
        };
        self.take(setting, read)
    }
}

impl Settings {
    /// Checks the arguments: the settings, or every mistake in them.
    pub fn check(arguments: &Arguments) -> Result<Self, Vec<Mistake>> {
        let mut checker = Checker(Vec::new());
        let settings = Self::read(arguments, &mut checker);
        match (settings, checker.0) {
            (Some(settings), mistakes) if mistakes.is_empty() => Ok(settings),
            (_, mistakes) => Err(mistakes),
        }
    }

    /// The keys of `HOLDFAST_MASTER_KEY`, without which a service does not start.
    pub fn require_master_keys(&self) -> Result<MasterKeys, Mistake> {
        self.master_keys
            .clone()
            .ok_or_else(|| Mistake::missing("HOLDFAST_MASTER_KEY"))
    }

    /// The keys of `HOLDFAST_SERVICE_KEY`, without which a service does not start.
    pub fn require_service_keys(&self) -> Result<ServiceKeys, Mistake> {
        self.service_keys
            .clone()
            .ok_or_else(|| Mistake::missing("HOLDFAST_SERVICE_KEY"))
    }

    /// `None` after a mistake. Every value is read before the first `?`, so that all mistakes are found.
    fn read(arguments: &Arguments, check: &mut Checker) -> Option<Self> {
        let data_dir = PathBuf::from(&arguments.data_dir);
        let auth_listen = check.take("HOLDFAST_AUTH_LISTEN", parse::socket_address(&arguments.auth_listen));
        let task_listen = check.take("HOLDFAST_TASK_LISTEN", parse::socket_address(&arguments.task_listen));
        let gateway_listen = check.take(
            "HOLDFAST_GATEWAY_LISTEN",
            parse::socket_address(&arguments.gateway_listen),
        );
        let admin_listen = arguments
            .admin_listen
            .as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| check.take("HOLDFAST_ADMIN_LISTEN", parse::socket_address(text)));
        let tls = check.tls(arguments);
        let plaintext = check.take("HOLDFAST_PLAINTEXT", parse::switch(&arguments.plaintext));

        let database_urls = Self::database_urls(arguments, check);

        let auth_addr = check.take("HOLDFAST_AUTH_ADDR", parse::addresses(&arguments.auth_addr));
        let task_addr = check.take("HOLDFAST_TASK_ADDR", parse::addresses(&arguments.task_addr));
        let issuer = check.take("HOLDFAST_ISSUER", parse::issuer(&arguments.issuer));

        let master_keys = check
            .secret(
                "HOLDFAST_MASTER_KEY",
                arguments.master_key.as_deref(),
                arguments.master_key_file.as_deref(),
            )
            .map(|text| check.take("HOLDFAST_MASTER_KEY", parse::master_keys(&text)));
        let service_keys = check
            .secret(
                "HOLDFAST_SERVICE_KEY",
                arguments.service_key.as_deref(),
                arguments.service_key_file.as_deref(),
            )
            .map(|text| check.take("HOLDFAST_SERVICE_KEY", parse::service_keys(&text)));

        let access_token_ttl = check.take(
            "HOLDFAST_ACCESS_TOKEN_TTL",
            parse::duration(&arguments.access_token_ttl, SECOND..=HOUR),
        );
        let refresh_idle_ttl = check.take(
            "HOLDFAST_REFRESH_IDLE_TTL",
            parse::duration(&arguments.refresh_idle_ttl, SECOND..=30 * DAY),
        );
        let session_max_age = check.take(
            "HOLDFAST_SESSION_MAX_AGE",
            parse::duration(&arguments.session_max_age, SECOND..=365 * DAY),
        );
        let password_min_length = check.take(
            "HOLDFAST_PASSWORD_MIN_LENGTH",
            parse::number(&arguments.password_min_length, 8..=64),
        );

        let allowed_origins = check.take("HOLDFAST_ALLOWED_ORIGINS", parse::origins(&arguments.allowed_origins));
        let trusted_proxies = check.take("HOLDFAST_TRUSTED_PROXIES", parse::networks(&arguments.trusted_proxies));
        let throttle_exempt = check.take("HOLDFAST_THROTTLE_EXEMPT", parse::networks(&arguments.throttle_exempt));
        let drain_delay = check.take(
            "HOLDFAST_DRAIN_DELAY",
            parse::duration(&arguments.drain_delay, Duration::ZERO..=5 * MINUTE),
        );
        let reflection = check.take("HOLDFAST_REFLECTION", parse::switch(&arguments.reflection));
        let log = check.take("HOLDFAST_LOG", parse::log_filter(&arguments.log));
        let log_format = check.take("HOLDFAST_LOG_FORMAT", parse::log_format(&arguments.log_format));

        let (auth_database_url, task_database_url) = database_urls?;
        Some(Self {
            auth_listen: auth_listen?,
            task_listen: task_listen?,
            gateway_listen: gateway_listen?,
            admin_listen: admin_listen.flatten(),
            tls: tls?,
            plaintext: plaintext?,
            auth_database_url,
            task_database_url,
            data_dir,
            auth_addr: auth_addr?,
            task_addr: task_addr?,
            issuer: issuer?,
            master_keys: master_keys.flatten(),
            service_keys: service_keys.flatten(),
            access_token_ttl: access_token_ttl?,
            refresh_idle_ttl: refresh_idle_ttl?,
            session_max_age: session_max_age?,
            password_min_length: password_min_length?,
            allowed_origins: allowed_origins?,
            trusted_proxies: trusted_proxies?,
            throttle_exempt: throttle_exempt?,
            drain_delay: drain_delay?,
            reflection: reflection?,
            log: log?,
            log_format: log_format?,
        })
    }

    /// Of auth-service and of task-service. Relative paths are taken from the data directory.
    fn database_urls(arguments: &Arguments, check: &mut Checker) -> Option<(DatabaseUrl, DatabaseUrl)> {
        let auth = check.secret(
            "HOLDFAST_AUTH_DATABASE_URL",
            arguments.auth_database_url.as_deref(),
            arguments.auth_database_url_file.as_deref(),
        );
        let auth = parse::database_url(auth.as_deref().unwrap_or("sqlite://auth.db"));
        let auth = check.take("HOLDFAST_AUTH_DATABASE_URL", auth);
        let task = check.secret(
            "HOLDFAST_TASK_DATABASE_URL",
            arguments.task_database_url.as_deref(),
            arguments.task_database_url_file.as_deref(),
        );
        let task = parse::database_url(task.as_deref().unwrap_or("sqlite://task.db"));
        let task = check.take("HOLDFAST_TASK_DATABASE_URL", task);
        let connections = parse::number(&arguments.database_connections, 2..=1000);
        let connections = check.take("HOLDFAST_DATABASE_CONNECTIONS", connections);
        let pooler = parse::database_pooler(&arguments.database_pooler);
        let pooler = check.take("HOLDFAST_DATABASE_POOLER", pooler);

        let (max_connections, pooler) = (connections?, pooler?);
        let complete = |url| match url {
            DatabaseUrl::Sqlite(path) => DatabaseUrl::Sqlite(Path::new(&arguments.data_dir).join(path)),
            DatabaseUrl::Postgres(url) => DatabaseUrl::Postgres(PostgresUrl {
                pooler,
                max_connections,
                ..url
            }),
        };
        Some((complete(auth?), complete(task?)))
    }
}
