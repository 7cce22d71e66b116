//! The PEM files that the settings name. What is wrong with one is told by its setting, never by its content.

use std::{fs, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    RootCertStore,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::ParsedCertificate,
};
use zeroize::Zeroizing;

use super::{CERTIFICATE, KEY};
use crate::configuration::Mistake;

/// The cryptography of all connections.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// The text of a file that a setting names.
pub(super) fn text(setting: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    fs::read(path).map(Zeroizing::new).map_err(|error| Mistake {
        setting,
        problem: format!("cannot be read: {error}"),
    })
}

/// Certificates, at least one.
pub(super) fn certificates(setting: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Mistake> {
    let parsed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let valid = |certificate: &CertificateDer<'_>| ParsedCertificate::try_from(certificate).is_ok();
    parsed
        .ok()
        .filter(|certificates| !certificates.is_empty() && certificates.iter().all(valid))
        .ok_or_else(|| Mistake {
            setting,
            problem: "must be a file of certificates in PEM".to_owned(),
        })
}

/// A key that can be used.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Mistake> {
    PrivateKeyDer::from_pem_slice(text)
        .ok()
        .filter(|key| provider().key_provider.load_private_key(key.clone_key()).is_ok())
        .ok_or_else(|| Mistake {
            setting: KEY,
            problem: "must be a file with a private key in PEM, without a passphrase".to_owned(),
        })
}

/// Certificates of authorities, at least one.
pub(super) fn authorities(setting: &'static str, text: &[u8]) -> Result<RootCertStore, Mistake> {
    let mut authorities = RootCertStore::empty();
    for certificate in certificates(setting, text)? {
        authorities.add(certificate).map_err(|_| Mistake {
            setting,
            problem: "must be a file of certificates of authorities in PEM".to_owned(),
        })?;
    }
    Ok(authorities)
}

/// Each of them can be read, and still they do not fit each other.
pub(super) fn do_not_fit() -> Mistake {
    Mistake {
        setting: KEY,
        problem: format!("must be the key of the first certificate in {CERTIFICATE}"),
    }
}
