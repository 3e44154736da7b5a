//! Who this server is, and the certificate that says so: renewed or read again while connections go on.
//!
//! A certificate is replaced only by one that clients will take for the same server. Anything else stays on the disk, and
//! the one in use goes on being used. Connections that are there keep what they shook hands with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sotto_certs::{Existing, Names};
use sotto_proto::Pin;
use tracing::{info, warn};

use super::pair::{Pair, Stamp};

/// The server's own certificate is renewed when it has less than this left.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often that is looked at.
const RENEW_CHECK: Duration = Duration::from_secs(3600);

/// Who this server is.
pub(crate) struct Identity {
    current: RwLock<Arc<CertifiedKey>>,
    pin: Pin,
    pair: Pair,
    /// Where the identity's own key is, if this server renews its certificate.
    minted: Option<PathBuf>,
    /// Held while the files are read: of two who do, the later one decides.
    files: Mutex<Watched>,
}

/// The files as they were when last looked at, and when last read.
struct Watched {
    seen: Stamp,
    tried: Stamp,
}

/// What reading certificate and key again has led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reloaded {
    /// The files hold what is in use already.
    Same,
    /// New connections get another certificate, which is valid for so much longer.
    Replaced(Duration),
}

/// Has a running server read its certificate and key again.
#[derive(Clone, Debug)]
pub struct Reload(pub(crate) Arc<Identity>);

impl Reload {
    /// Reads them, and logs what came of it. Connections go on whatever that is.
    ///
    /// # Errors
    /// Why the certificate that is in use stays in use.
    pub async fn certificate(&self) -> anyhow::Result<Reloaded> {
        let identity = Arc::clone(&self.0);
        let reloaded = tokio::task::spawn_blocking(move || identity.reload()).await?;
        if let Ok(Reloaded::Same) = reloaded {
            info!("the TLS certificate is the one that is in use already");
        }
        reloaded
    }
}

impl Identity {
    /// A certificate and key from files.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub(crate) fn from_files(cert: &Path, key: &Path) -> anyhow::Result<Self> {
        Self::of(Pair { cert: cert.to_owned(), key: key.to_owned() })
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
        let mut identity = Self::of(Pair::own(dir)).or_else(|broken| {
            // A crash between the two files of a renewal leaves a pair that does not match.
            warn!(error = %format!("{broken:#}"), "renewing a certificate that cannot be used");
            sotto_certs::renew(dir, &Names::of_this_machine())?;
            Self::of(Pair::own(dir))
        })?;
        identity.minted = Some(dir.to_owned());
        identity.renew_if_due();
        Ok(identity)
    }

    fn of(pair: Pair) -> anyhow::Result<Self> {
        // Before the files are read: a change in between is seen later.
        let stamp = pair.stamp();
        let certified = pair.load()?;
        let pin = sotto_certs::pin_of_chain(&certified.cert)?;
        let current = RwLock::new(Arc::new(certified));
        let files = Mutex::new(Watched { seen: stamp, tried: stamp });
        Ok(Self { current, pin, pair, minted: None, files })
    }

    pub(crate) fn pin(&self) -> Pin {
        self.pin
    }

    /// Renews the server's own certificate in time, and reads the files when they have changed, for ever.
    pub(crate) async fn keep_fresh(self: Arc<Self>, watch: Duration) {
        let mut renewal = tokio::time::interval(RENEW_CHECK);
        let mut watch = tokio::time::interval(watch);
        loop {
            let look = tokio::select! {
                _ = renewal.tick() => Self::renew_if_due,
                _ = watch.tick() => Self::reload_if_changed,
            };
            let identity = Arc::clone(&self);
            // It reads and writes files.
            let _ = tokio::task::spawn_blocking(move || look(&identity)).await;
        }
    }

    fn renew_if_due(&self) {
        let certified = self.current();
        let Some(leaf) = certified.cert.first() else {
            return;
        };
        let left = sotto_certs::remaining(leaf, SystemTime::now()).unwrap_or_default();
        let days = left.as_secs() / 86_400;
        match &self.minted {
            _ if left >= RENEW_BEFORE => {}
            Some(dir) => self.renew(dir),
            None if left.is_zero() => {
                warn!("the TLS certificate has expired and no client connects; replace it");
            }
            None => {
                warn!(days, "the TLS certificate expires soon; replace it, the server need not be restarted");
            }
        }
    }

    fn renew(&self, dir: &Path) {
        match sotto_certs::renew(dir, &Names::of_this_machine()) {
            // What comes of it has been logged.
            Ok(_) => drop(self.reload()),
            Err(error) => {
                warn!(error = %format!("{:#}", anyhow::Error::from(error)), "cannot renew the TLS certificate");
            }
        }
    }

    /// Whoever replaces two files does it one after the other: they are read when they have stayed as they are for one look.
    fn reload_if_changed(&self) {
        let mut files = self.watched();
        let before = std::mem::replace(&mut files.seen, self.pair.stamp());
        if files.seen != before || files.seen == files.tried {
            return;
        }
        drop(files);
        // What comes of it has been logged.
        let _ = self.reload();
    }

    fn reload(&self) -> anyhow::Result<Reloaded> {
        let mut files = self.watched();
        files.tried = self.pair.stamp();
        let reloaded = self.pair.load().and_then(|certified| self.replace(certified));
        match &reloaded {
            Ok(Reloaded::Same) => {}
            Ok(Reloaded::Replaced(left)) => {
                let days = left.as_secs() / 86_400;
                info!(days, "new connections get another TLS certificate; the pin is the same");
            }
            Err(error) => warn!(error = %format!("{error:#}"), "kept the TLS certificate that is in use"),
        }
        reloaded
    }

    fn replace(&self, certified: CertifiedKey) -> anyhow::Result<Reloaded> {
        // Each goes with its key: two that are the same have the same one.
        if certified.cert == self.current().cert {
            return Ok(Reloaded::Same);
        }
        let left = self.refuse_unfit(&certified)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
        Ok(Reloaded::Replaced(left))
    }

    /// How long clients will take this certificate for this server's.
    fn refuse_unfit(&self, certified: &CertifiedKey) -> anyhow::Result<Duration> {
        let (pair, ours, now) = (&self.pair.cert.display(), self.pin, SystemTime::now());
        let pin = sotto_certs::pin_of_chain(&certified.cert)?;
        ensure!(
            pin == ours,
            "{pair} is another identity, {pin} instead of {ours}: every client that has this server pinned would stop. \
             Put back a certificate of this identity; or, if that is meant, restart the server and give everybody its new link"
        );
        let leaf = certified.cert.first().context("a chain begins with a certificate")?;
        let begins = sotto_certs::until_valid(leaf, now)?;
        ensure!(
            begins.is_zero(),
            "{pair} is not valid yet, for another {} hours; is this machine's clock right?",
            begins.as_secs().div_ceil(3600)
        );
        let left = sotto_certs::remaining(leaf, now)?;
        ensure!(!left.is_zero(), "{pair} has expired; is this machine's clock right?");
        Ok(left)
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("pin", &self.pin).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}
