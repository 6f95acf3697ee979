//! TLS: a certificate and a key in PEM files, read again when the process is asked to.

use crate::model::{Error, ErrorKind, Result};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;

/// Reads a certificate chain and its key.
///
/// # Errors
/// One of the files cannot be read, or they do not belong together.
pub(super) fn configuration(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>> {
    let bad = |path: &Path, e: rustls::pki_types::pem::Error| {
        Error::new(ErrorKind::Usage, format!("Cannot read `{}`", path.display())).with_source(e).with_hint(
            "give PEM files: `--tls-cert` the certificate with its chain, `--tls-key` its private key",
        )
    };
    let chain = CertificateDer::pem_file_iter(certificate).map_err(|e| bad(certificate, e))?;
    let chain = chain.collect::<std::result::Result<Vec<_>, _>>().map_err(|e| bad(certificate, e))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| bad(key, e))?;
    // Another part of the process may have chosen a provider already; that one is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut configuration =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private).map_err(|e| {
            let message = format!("Cannot serve with the certificate `{}`", certificate.display());
            Error::new(ErrorKind::Usage, message).with_source(e)
        })?;
    configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(configuration))
}
