//! Every setting as it is given: a flag or an environment variable, not yet checked.
//!
//! The values are text here because clap would stop at the first bad one; [`super::Settings`] checks them all.

use clap::{Args, FromArgMatches as _};

/// The settings of all Holdfast binaries; each binary accepts every one of them.
#[derive(Args, Clone, Default)]
#[command(next_help_heading = "Settings")]
pub struct Arguments {
    /// Where `holdfast` keeps its databases and keys; also where relative SQLite paths begin
    #[arg(
        long,
        env = "HOLDFAST_DATA_DIR",
        value_name = "DIRECTORY",
        default_value = "./data",
        global = true
    )]
    pub data_dir: String,

    /// Where auth-service listens for gRPC
    #[arg(
        long,
        env = "HOLDFAST_AUTH_LISTEN",
        value_name = "IP:PORT",
        default_value = "127.0.0.1:50051",
        global = true
    )]
    pub auth_listen: String,

    /// Where task-service listens for gRPC
    #[arg(
        long,
        env = "HOLDFAST_TASK_LISTEN",
        value_name = "IP:PORT",
        default_value = "127.0.0.1:50052",
        global = true
    )]
    pub task_listen: String,

    /// Where the gateway listens for HTTP
    #[arg(
        long,
        env = "HOLDFAST_GATEWAY_LISTEN",
        value_name = "IP:PORT",
        default_value = "127.0.0.1:8080",
        global = true
    )]
    pub gateway_listen: String,

    /// Where `/livez`, `/readyz` and `/metrics` are served; keep it private. Never has TLS, so beyond loopback it needs HOLDFAST_PLAINTEXT=on [default: 127.0.0.1:8081, auth-service 127.0.0.1:50061, task-service 127.0.0.1:50062]
    #[arg(long, env = "HOLDFAST_ADMIN_LISTEN", value_name = "IP:PORT", global = true)]
    pub admin_listen: Option<String>,

    /// The certificates, in PEM, with which the listeners of this process speak TLS; its own first. Not the admin listener. Read again when they change
    #[arg(long, env = "HOLDFAST_TLS_CERTIFICATE_FILE", value_name = "FILE", global = true)]
    pub tls_certificate_file: Option<String>,

    /// The key, in PEM, of HOLDFAST_TLS_CERTIFICATE_FILE
    #[arg(long, env = "HOLDFAST_TLS_KEY_FILE", value_name = "FILE", global = true)]
    pub tls_key_file: Option<String>,

    /// The authorities, in PEM, of which callers of a gRPC listener must show a certificate. The gateway's callers need none
    #[arg(long, env = "HOLDFAST_TLS_CLIENT_AUTHORITY_FILE", value_name = "FILE", global = true)]
    pub tls_client_authority_file: Option<String>,

    /// The authorities, in PEM, that certify the services at `https` addresses [default: the public ones]
    #[arg(long, env = "HOLDFAST_TLS_AUTHORITY_FILE", value_name = "FILE", global = true)]
    pub tls_authority_file: Option<String>,

    /// Whether to speak without TLS beyond loopback, on listeners and to other services: `on` or `off`
    #[arg(
        long,
        env = "HOLDFAST_PLAINTEXT",
        value_name = "ON|OFF",
        default_value = "off",
        global = true
    )]
    pub plaintext: String,

    /// The accounts database: `sqlite://path` or `postgres://user:password@host:port/database` [default: sqlite://auth.db in the data directory]
    #[arg(
        long,
        env = "HOLDFAST_AUTH_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    pub auth_database_url: Option<String>,

    /// A file that holds HOLDFAST_AUTH_DATABASE_URL
    #[arg(long, env = "HOLDFAST_AUTH_DATABASE_URL_FILE", value_name = "FILE", global = true)]
    pub auth_database_url_file: Option<String>,

    /// The tasks database: `sqlite://path` or `postgres://user:password@host:port/database` [default: sqlite://task.db in the data directory]
    #[arg(
        long,
        env = "HOLDFAST_TASK_DATABASE_URL",
        value_name = "URL",
        hide_env_values = true,
        global = true
    )]
    pub task_database_url: Option<String>,

    /// A file that holds HOLDFAST_TASK_DATABASE_URL
    #[arg(long, env = "HOLDFAST_TASK_DATABASE_URL_FILE", value_name = "FILE", global = true)]
    pub task_database_url_file: Option<String>,

    /// Where the others find auth-service: `http://host:port` or `https://host:port`, several by commas; of a name that has
    /// several addresses, all of them
    #[arg(
        long,
        env = "HOLDFAST_AUTH_ADDR",
        value_name = "URLS",
        default_value = "http://127.0.0.1:50051",
        global = true
    )]
    pub auth_addr: String,

    /// Where the others find task-service: `http://host:port` or `https://host:port`, several by commas; of a name that has
    /// several addresses, all of them
    #[arg(
        long,
        env = "HOLDFAST_TASK_ADDR",
        value_name = "URLS",
        default_value = "http://127.0.0.1:50052",
        global = true
    )]
    pub task_addr: String,

    /// The issuer named in access tokens: the address at which people reach Holdfast
    #[arg(
        long,
        env = "HOLDFAST_ISSUER",
        value_name = "URL",
        default_value = "http://localhost:8080",
        global = true
    )]
    pub issuer: String,

    /// Secret. Seals the signing keys: `id:base64` of 32 bytes, several by commas; the first seals, all open. auth-service needs it; `holdfast` makes its own
    #[arg(
        long,
        env = "HOLDFAST_MASTER_KEY",
        value_name = "KEYS",
        hide_env_values = true,
        global = true
    )]
    pub master_key: Option<String>,

    /// A file that holds HOLDFAST_MASTER_KEY
    #[arg(long, env = "HOLDFAST_MASTER_KEY_FILE", value_name = "FILE", global = true)]
    pub master_key_file: Option<String>,

    /// Secret. By it services know each other: base64 of 32 bytes, several by commas, newest first. Every service needs it; `holdfast` makes its own
    #[arg(
        long,
        env = "HOLDFAST_SERVICE_KEY",
        value_name = "KEYS",
        hide_env_values = true,
        global = true
    )]
    pub service_key: Option<String>,

    /// A file that holds HOLDFAST_SERVICE_KEY
    #[arg(long, env = "HOLDFAST_SERVICE_KEY_FILE", value_name = "FILE", global = true)]
    pub service_key_file: Option<String>,

    /// How long an access token is good for: from 1s to 1h
    #[arg(
        long,
        env = "HOLDFAST_ACCESS_TOKEN_TTL",
        value_name = "DURATION",
        default_value = "5m",
        global = true
    )]
    pub access_token_ttl: String,

    /// How long a session lasts without being used: from 1s to 30d
    #[arg(
        long,
        env = "HOLDFAST_REFRESH_IDLE_TTL",
        value_name = "DURATION",
        default_value = "14d",
        global = true
    )]
    pub refresh_idle_ttl: String,

    /// How long a session lasts however much it is used: from 1s to 365d
    #[arg(
        long,
        env = "HOLDFAST_SESSION_MAX_AGE",
        value_name = "DURATION",
        default_value = "30d",
        global = true
    )]
    pub session_max_age: String,

    /// The fewest characters of a password: 8 to 64. NIST SP 800-63B-4 asks for 15 where a password stands alone
    #[arg(
        long,
        env = "HOLDFAST_PASSWORD_MIN_LENGTH",
        value_name = "CHARACTERS",
        default_value = "12",
        global = true
    )]
    pub password_min_length: String,

    /// Origins whose pages may call the API with a Bearer token, by commas
    #[arg(
        long,
        env = "HOLDFAST_ALLOWED_ORIGINS",
        value_name = "ORIGINS",
        default_value = "",
        global = true
    )]
    pub allowed_origins: String,

    /// Networks (CIDR, by commas) of proxies whose X-Forwarded-For tells a client's address
    #[arg(
        long,
        env = "HOLDFAST_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        global = true
    )]
    pub trusted_proxies: String,

    /// Networks (CIDR, by commas) that are never throttled: those of your own servers that sign many people in
    #[arg(
        long,
        env = "HOLDFAST_THROTTLE_EXEMPT",
        value_name = "NETWORKS",
        default_value = "",
        global = true
    )]
    pub throttle_exempt: String,

    /// How many connections each process opens to a PostgreSQL database at most: 2 to 1000
    #[arg(
        long,
        env = "HOLDFAST_DATABASE_CONNECTIONS",
        value_name = "NUMBER",
        default_value = "16",
        global = true
    )]
    pub database_connections: String,

    /// What stands before PostgreSQL: `none` (also a pooler that keeps sessions apart), or `transaction`, a pooler that gives each transaction any session
    #[arg(
        long,
        env = "HOLDFAST_DATABASE_POOLER",
        value_name = "KIND",
        default_value = "none",
        global = true
    )]
    pub database_pooler: String,

    /// How long a service goes on after SIGTERM, not ready, for balancers to notice: up to 5m
    #[arg(
        long,
        env = "HOLDFAST_DRAIN_DELAY",
        value_name = "DURATION",
        default_value = "0s",
        global = true
    )]
    pub drain_delay: String,

    /// Server reflection, `on` or `off`: whether grpcurl and others may ask for the contracts
    #[arg(
        long,
        env = "HOLDFAST_REFLECTION",
        value_name = "ON|OFF",
        default_value = "on",
        global = true
    )]
    pub reflection: String,

    /// What is logged: a level (error, warn, info, debug, trace), or a filter such as `info,platform=debug`
    #[arg(
        long,
        env = "HOLDFAST_LOG",
        value_name = "FILTER",
        default_value = "info",
        global = true
    )]
    pub log: String,

    /// How it is logged: `text` or `json`
    #[arg(
        long,
        env = "HOLDFAST_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true
    )]
    pub log_format: String,
}

impl Arguments {
    /// The defaults, whatever the environment says.
    pub fn defaults() -> Self {
        let command = Self::augment_args(clap::Command::new("settings"));
        let command = command.mut_args(|argument| argument.env(clap::builder::Resettable::Reset));
        let matches = command.get_matches_from(["settings"]);
        Self::from_arg_matches(&matches).unwrap_or_default()
    }
}
