//! TLS of the connections to other services.

use std::{path::PathBuf, sync::Arc};

use tokio_rustls::rustls::sign::CertifiedKey;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::{
    AUTHORITY, CERTIFICATE, IdentityFiles, KEY,
    files::{authorities, certificates, do_not_fit, private_key, provider, text},
    watched::Watched,
};
use crate::configuration::Mistake;

/// How other services are reached by `https`: who certifies them, and which certificate this process shows if they ask
/// for one. The default is the public authorities, and none.
#[derive(Clone, Default)]
pub struct ClientTls(Option<Arc<Watched<Arc<ClientTlsConfig>>>>);

impl ClientTls {
    pub(super) fn new(own: Option<IdentityFiles>, authority: Option<PathBuf>) -> Result<Self, Mistake> {
        let own_files = own.iter().flat_map(|own| [&own.certificate, &own.key]);
        let files: Vec<PathBuf> = own_files.chain(&authority).cloned().collect();
        if files.is_empty() {
            return Ok(Self::default());
        }
        let load = move || Ok(Arc::new(configuration(own.as_ref(), authority.as_ref())?));
        Ok(Self(Some(Arc::new(Watched::new(files, load)?))))
    }

    /// What new connections are made with. The same one, by address, as long as nothing has changed; `None` if nothing
    /// ever will.
    pub(crate) fn latest(&self) -> Option<Arc<ClientTlsConfig>> {
        self.0.as_ref().map(|watched| watched.latest())
    }
}

/// tonic parses the texts by itself for each endpoint and passes over much that is wrong, so they are checked here.
fn configuration(own: Option<&IdentityFiles>, authority: Option<&PathBuf>) -> Result<ClientTlsConfig, Mistake> {
    let configuration = ClientTlsConfig::new();
    let configuration = match authority {
        None => configuration.with_webpki_roots(),
        Some(path) => {
            let text = text(AUTHORITY, path)?;
            authorities(AUTHORITY, &text)?;
            configuration.ca_certificate(Certificate::from_pem(text))
        }
    };
    let Some(own) = own else {
        return Ok(configuration);
    };
    let (chain, key) = (text(CERTIFICATE, &own.certificate)?, text(KEY, &own.key)?);
    CertifiedKey::from_der(certificates(CERTIFICATE, &chain)?, private_key(&key)?, &provider())
        .map_err(|_| do_not_fit())?;
    Ok(configuration.identity(Identity::from_pem(chain, key)))
}
