//! TLS of listeners.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        server::WebPkiClientVerifier,
        version::{TLS12, TLS13},
    },
};

use super::{
    CERTIFICATE, CLIENT_AUTHORITY, IdentityFiles, KEY,
    files::{authorities, certificates, do_not_fit, private_key, provider, text},
    watched::Watched,
};
use crate::configuration::Mistake;

const HTTP_2: &[u8] = b"h2";
const HTTP_1: &[u8] = b"http/1.1";

/// How a listener speaks TLS: with which certificate, and with whom. Its files are read again when they change.
#[derive(Clone)]
pub struct ServerTls(Arc<Watched<Arc<ServerConfig>>>);

impl ServerTls {
    /// For gRPC. Whoever connects must show a certificate of the authorities in the file, if there is one.
    pub(super) fn for_grpc(own: IdentityFiles, client_authority: Option<PathBuf>) -> Result<Self, Mistake> {
        Self::new(own, client_authority, &[HTTP_2])
    }

    /// For browsers and other clients of HTTP, which have no certificate.
    pub(super) fn for_http(own: IdentityFiles) -> Result<Self, Mistake> {
        Self::new(own, None, &[HTTP_2, HTTP_1])
    }

    fn new(
        own: IdentityFiles,
        client_authority: Option<PathBuf>,
        protocols: &'static [&'static [u8]],
    ) -> Result<Self, Mistake> {
        let mut files = vec![own.certificate.clone(), own.key.clone()];
        files.extend(client_authority.clone());
        let load = move || Ok(Arc::new(configuration(&own, client_authority.as_ref(), protocols)?));
        Ok(Self(Arc::new(Watched::new(files, load)?)))
    }

    /// For one connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.latest().into()
    }
}

fn configuration(
    own: &IdentityFiles,
    client_authority: Option<&PathBuf>,
    protocols: &[&[u8]],
) -> Result<ServerConfig, Mistake> {
    let certificates = certificates(CERTIFICATE, &text(CERTIFICATE, &own.certificate)?)?;
    let key = private_key(&text(KEY, &own.key)?)?;
    #[expect(clippy::expect_used, reason = "a test makes one")]
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has suites for both versions");
    let builder = match client_authority {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let authorities = authorities(CLIENT_AUTHORITY, &text(CLIENT_AUTHORITY, path)?)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(authorities.into(), provider()).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| Mistake {
                setting: CLIENT_AUTHORITY,
                problem: format!("cannot be used: {error}"),
            })?)
        }
    };
    let mut configuration = builder.with_single_cert(certificates, key).map_err(|_| do_not_fit())?;
    configuration.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok(configuration)
}
