//! The forms that values of settings have. Each parser says what it wanted, never what it got: it may be a secret.

use std::{fmt::Display, net::SocketAddr, ops::RangeInclusive, str::FromStr, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::Uri;
use ipnet::IpNet;
use tokio_rustls::rustls::pki_types::ServerName;

use super::settings::{DatabasePooler, DatabaseUrl, LogFormat, MasterKey, MasterKeys, PostgresUrl};
use crate::{secret::Secret, service_credential::ServiceKeys};

pub(super) type Parsed<T> = Result<T, String>;

pub(super) fn socket_address(text: &str) -> Parsed<SocketAddr> {
    text.parse()
        .map_err(|_| "must be an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

pub(super) fn duration(text: &str, range: RangeInclusive<Duration>) -> Parsed<Duration> {
    let wanted = || {
        let (shortest, longest) = (
            humantime::format_duration(*range.start()),
            humantime::format_duration(*range.end()),
        );
        format!("must be a duration such as 90s, 5m or 14d, from {shortest} to {longest}")
    };
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| range.contains(duration))
        .ok_or_else(wanted)
}

pub(super) fn number<N: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<N>) -> Parsed<N> {
    let wanted = || format!("must be a number from {} to {}", range.start(), range.end());
    text.parse()
        .ok()
        .filter(|number| range.contains(number))
        .ok_or_else(wanted)
}

pub(super) fn switch(text: &str) -> Parsed<bool> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be on or off".to_owned()),
    }
}

pub(super) fn log_filter(text: &str) -> Parsed<String> {
    tracing_subscriber::EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| "must be a level such as info, or a filter such as info,platform=debug".to_owned())
}

pub(super) fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be text or json".to_owned()),
    }
}

pub(super) fn database_pooler(text: &str) -> Parsed<DatabasePooler> {
    match text {
        "none" => Ok(DatabasePooler::None),
        "transaction" => Ok(DatabasePooler::Transaction),
        _ => Err("must be none or transaction".to_owned()),
    }
}

pub(super) fn database_url(text: &str) -> Parsed<DatabaseUrl> {
    match text.split_once("://") {
        Some(("sqlite", path)) if !path.is_empty() => Ok(DatabaseUrl::Sqlite(path.into())),
        Some(("postgres" | "postgresql", _)) => PostgresUrl::parse(text).map(DatabaseUrl::Postgres).ok_or_else(|| {
            "must be postgres://user:password@host:port/database, without unknown parameters, and with \
                 sslmode=verify-ca or verify-full where sslrootcert is given"
                .to_owned()
        }),
        _ => Err("must be sqlite://path or postgres://user:password@host:port/database".to_owned()),
    }
}

/// The issuer goes into every token and is compared byte by byte; it must leave room for the rest.
pub(super) fn issuer(text: &str) -> Parsed<String> {
    let uri: Option<Uri> = text.parse().ok();
    let is_web = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some());
    if is_web && text.len() <= 200 && !text.contains(['?', '#']) {
        Ok(text.to_owned())
    } else {
        Err("must be an http or https address of at most 200 characters without query or fragment".to_owned())
    }
}

pub(super) fn addresses(text: &str) -> Parsed<Vec<Uri>> {
    let parsed: Option<Vec<Uri>> = items(text)
        .map(|item| {
            let uri: Uri = item.parse().ok()?;
            let host = uri.host()?.trim_matches(['[', ']']);
            let reachable = match uri.scheme_str()? {
                "http" => true,
                "https" => ServerName::try_from(host).is_ok(),
                _ => false,
            };
            (reachable && uri.port_u16().is_some() && uri.path() == "/").then_some(uri)
        })
        .collect();
    parsed.filter(|addresses| !addresses.is_empty()).ok_or_else(|| {
        "must be addresses such as http://host:50051 or https://host:50051, separated by commas".to_owned()
    })
}

pub(super) fn origins(text: &str) -> Parsed<Vec<String>> {
    let is_origin = |item: &str| {
        let uri: Option<Uri> = item.parse().ok();
        uri.is_some_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.path() == "/"
                && !item.ends_with('/')
        })
    };
    items(text)
        .map(|item| is_origin(item).then(|| item.to_owned()))
        .collect::<Option<_>>()
        .ok_or_else(|| "must be origins such as https://app.example.com, separated by commas".to_owned())
}

pub(super) fn networks(text: &str) -> Parsed<Vec<IpNet>> {
    items(text)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| "must be networks such as 10.0.0.0/8, separated by commas".to_owned())
}

/// The keys of HOLDFAST_MASTER_KEY, or what it should be.
pub fn master_keys(text: &str) -> Result<MasterKeys, String> {
    let parsed: Option<Vec<MasterKey>> = items(text)
        .map(|item| {
            let (id, key) = item.split_once(':')?;
            let plain = id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            ((1..=32).contains(&id.len()) && plain).then_some(())?;
            Some(MasterKey {
                id: id.to_owned(),
                key: key_of_32_bytes(key)?,
            })
        })
        .collect();
    parsed.and_then(MasterKeys::new).ok_or_else(|| {
        "must be keys such as first:BASE64 separated by commas: an id of its own for each (1 to 32 of a-z, A-Z, 0-9, -, _) \
         and base64 of 32 bytes"
            .to_owned()
    })
}

/// The keys of HOLDFAST_SERVICE_KEY, or what it should be.
pub fn service_keys(text: &str) -> Result<ServiceKeys, String> {
    items(text)
        .map(key_of_32_bytes)
        .collect::<Option<Vec<_>>>()
        .and_then(ServiceKeys::new)
        .ok_or_else(|| "must be base64 of 32 bytes; several are separated by commas".to_owned())
}

fn key_of_32_bytes(text: &str) -> Option<Secret<32>> {
    let bytes = zeroize::Zeroizing::new(BASE64_STANDARD.decode(text).ok()?);
    Secret::try_from(bytes.as_slice()).ok()
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
