//! TLS of the listeners and of the connections to other services: TLS 1.2 and 1.3, by rustls over aws-lc.
//!
//! `files` reads what the settings name and tells what is wrong with it; `watched` looks at the files again while the
//! process runs; [`ServerTls`] is for listeners, [`ClientTls`] for [`crate::channel`].

mod client;
mod files;
mod server;
mod watched;

use std::path::PathBuf;

pub use client::ClientTls;
pub use server::ServerTls;

use crate::configuration::Mistake;
use files::{authorities, certificates, private_key, text};

/// The setting that names the certificates of this process.
const CERTIFICATE: &str = "HOLDFAST_TLS_CERTIFICATE_FILE";
/// The setting that names their key.
const KEY: &str = "HOLDFAST_TLS_KEY_FILE";
/// The setting that names who certifies callers.
const CLIENT_AUTHORITY: &str = "HOLDFAST_TLS_CLIENT_AUTHORITY_FILE";
/// The setting that names who certifies the services that are called.
const AUTHORITY: &str = "HOLDFAST_TLS_AUTHORITY_FILE";

/// The certificate that this process shows, and its key.
#[derive(Clone)]
struct IdentityFiles {
    certificate: PathBuf,
    key: PathBuf,
}

/// The PEM files that the settings name.
#[derive(Clone, Default)]
pub(crate) struct TlsFiles {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    pub(crate) client_authority: Option<PathBuf>,
    pub(crate) authority: Option<PathBuf>,
}

/// What a process does with TLS. The default is none for its listeners, and the public authorities for the services
/// that it calls.
#[derive(Clone, Default)]
pub struct Tls {
    /// For listeners of gRPC. Asks callers for a certificate if `HOLDFAST_TLS_CLIENT_AUTHORITY_FILE` is set.
    pub grpc: Option<ServerTls>,
    /// For the gateway's listener, which people call: it asks for no certificate.
    pub http: Option<ServerTls>,
    /// For calls to other services.
    pub client: ClientTls,
}

impl Tls {
    /// Reads the files: all that is wrong with them, by setting.
    pub(crate) fn read(files: TlsFiles) -> Result<Self, Vec<Mistake>> {
        let mut mistakes = files.mistakes();
        let identity = match (files.certificate, files.key) {
            (Some(certificate), Some(key)) => Some(IdentityFiles { certificate, key }),
            _ => None,
        };
        if mistakes.is_empty() {
            match Self::of(identity, files.client_authority, files.authority) {
                Ok(tls) => return Ok(tls),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        Err(mistakes)
    }

    fn of(
        identity: Option<IdentityFiles>,
        client_authority: Option<PathBuf>,
        authority: Option<PathBuf>,
    ) -> Result<Self, Mistake> {
        let grpc = identity.clone().map(|own| ServerTls::for_grpc(own, client_authority));
        let http = identity.clone().map(ServerTls::for_http);
        Ok(Self {
            grpc: grpc.transpose()?,
            http: http.transpose()?,
            client: ClientTls::new(identity, authority)?,
        })
    }
}

impl TlsFiles {
    /// What is wrong with each by itself, or lacks the other.
    fn mistakes(&self) -> Vec<Mistake> {
        let lonely = |setting, other| {
            let problem = format!("cannot be used without {other}, which is not set");
            Some(Mistake { setting, problem })
        };
        let pair = match (&self.certificate, &self.key) {
            (Some(_), None) => lonely(CERTIFICATE, KEY),
            (None, Some(_)) => lonely(KEY, CERTIFICATE),
            (None, None) if self.client_authority.is_some() => lonely(CLIENT_AUTHORITY, CERTIFICATE),
            _ => None,
        };
        let unusable = [
            self.certificate.as_ref().and_then(|path| {
                let text = text(CERTIFICATE, path);
                text.and_then(|text| certificates(CERTIFICATE, &text)).err()
            }),
            self.key
                .as_ref()
                .and_then(|path| text(KEY, path).and_then(|text| private_key(&text)).err()),
            self.client_authority.as_ref().and_then(|path| {
                let text = text(CLIENT_AUTHORITY, path);
                text.and_then(|text| authorities(CLIENT_AUTHORITY, &text)).err()
            }),
            self.authority.as_ref().and_then(|path| {
                let text = text(AUTHORITY, path);
                text.and_then(|text| authorities(AUTHORITY, &text)).err()
            }),
        ];
        let mut mistakes: Vec<Mistake> = unusable.into_iter().flatten().collect();
        // A setting is told once.
        mistakes.extend(pair.filter(|pair| mistakes.iter().all(|mistake| mistake.setting != pair.setting)));
        mistakes
    }
}
