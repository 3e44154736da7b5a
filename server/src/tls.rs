//! TLS: certificate and key from PEM to a rustls configuration, and the server's own identity.
//!
//! TLS 1.3 only, X25519MLKEM768 first, no tickets and no early data: every connection proves the identity.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sotto_certs::{Existing, Names};
use sotto_proto::Pin;
use tracing::{info, warn};

/// The protocol's name in the handshake. A client that offers none is served, too.
pub const ALPN: &[u8] = b"sotto/1";

/// The original's bytes, carried inside TLS by a tunnel.
pub(crate) const ORIGINAL_ALPN: &[u8] = b"chatroom/0";

/// The server's own certificate is renewed when it has less than this left.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often that is looked at.
const RENEW_CHECK: Duration = Duration::from_secs(3600);

/// Who this server is.
pub(crate) struct Identity {
    current: RwLock<Arc<CertifiedKey>>,
    pin: Pin,
    /// Where the identity's own key is, if this server renews its certificate.
    minted: Option<PathBuf>,
}

impl Identity {
    /// A certificate and key from files.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub(crate) fn from_files(cert: &Path, key: &Path) -> anyhow::Result<Self> {
        let certified = load(cert, key)?;
        let pin = sotto_certs::pin_of_chain(&certified.cert)?;
        let current = RwLock::new(Arc::new(certified));
        Ok(Self { current, pin, minted: None })
    }

    /// The server's own identity in `dir`, minted if there is none.
    ///
    /// # Errors
    /// When files cannot be read or written.
    pub(crate) fn own(dir: &Path) -> anyhow::Result<Self> {
        let key_file = dir.join(sotto_certs::IDENTITY_KEY);
        if !key_file.exists() {
            sotto_certs::mint(dir, &Names::of_this_machine(), Existing::Keep)
                .context("this server has no identity yet, and cannot mint one")?;
            info!(dir = %dir.display(), "minted this server's identity; keep a copy of identity.key");
        }
        let mut identity = Self::from_files(&certificate(dir), &key(dir)).or_else(|broken| {
            // A crash between the two files of a renewal leaves a pair that does not match.
            warn!(error = %format!("{broken:#}"), "renewing a certificate that cannot be used");
            sotto_certs::renew(dir, &Names::of_this_machine())?;
            Self::from_files(&certificate(dir), &key(dir))
        })?;
        identity.minted = Some(dir.to_owned());
        identity.renew_if_due();
        Ok(identity)
    }

    pub(crate) fn pin(&self) -> Pin {
        self.pin
    }

    /// Renews the server's own certificate in time, for ever.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut check = tokio::time::interval(RENEW_CHECK);
        loop {
            check.tick().await;
            let identity = Arc::clone(&self);
            // It reads and writes files.
            let _ = tokio::task::spawn_blocking(move || identity.renew_if_due()).await;
        }
    }

    fn renew_if_due(&self) {
        let certified = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let Some(leaf) = certified.cert.first() else {
            return;
        };
        let left = sotto_certs::remaining(leaf, SystemTime::now()).unwrap_or_default();
        match &self.minted {
            Some(dir) if left < RENEW_BEFORE => self.renew(dir),
            None if left < RENEW_BEFORE => {
                warn!(
                    days = left.as_secs() / 86_400,
                    "the TLS certificate expires soon; replace it and start again"
                );
            }
            _ => {}
        }
    }

    fn renew(&self, dir: &Path) {
        let renewed = sotto_certs::renew(dir, &Names::of_this_machine())
            .map_err(anyhow::Error::from)
            .and_then(|_| load(&certificate(dir), &key(dir)));
        match renewed {
            Ok(certified) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
                info!("renewed the TLS certificate; the pin is the same");
            }
            Err(error) => warn!(error = %format!("{error:#}"), "cannot renew the TLS certificate"),
        }
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("pin", &self.pin).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// How the server shakes hands.
///
/// # Errors
/// When rustls was built without what this asks for.
pub(crate) fn server_config(identity: Arc<Identity>) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![ALPN.to_vec(), ORIGINAL_ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn certificate(dir: &Path) -> PathBuf {
    dir.join(sotto_certs::SERVER_CERTIFICATE)
}

fn key(dir: &Path) -> PathBuf {
    dir.join(sotto_certs::SERVER_KEY)
}

fn load(cert: &Path, key: &Path) -> anyhow::Result<CertifiedKey> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read the certificate {}", cert.display()))?;
    if chain.is_empty() {
        bail!("{} holds no certificate; it needs PEM with BEGIN CERTIFICATE", cert.display());
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("cannot read the private key {}", key.display()))?;
    CertifiedKey::from_der(chain, private, &provider()).with_context(|| {
        format!("the key {} does not belong to the certificate {}", key.display(), cert.display())
    })
}
