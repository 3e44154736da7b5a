//! Who this server is, and the certificate that says so: renewed or read again while connections go on.
//!
//! A certificate is replaced only by one that clients will take for the same server: of the same identity, or of the one that has
//! been announced to them. Anything else stays on the disk, and the one in use goes on being used. Connections that are there keep what they shook hands with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sotto_certs::{Existing, Names};
use sotto_proto::{Pin, Succession};
use tokio::sync::Notify;
use tracing::{info, warn};

use super::pair::{Pair, Stamp};

/// The server's own certificate is renewed when it has less than this left.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How often that is looked at.
const RENEW_CHECK: Duration = Duration::from_secs(3600);

/// Who this server is.
pub(crate) struct Identity {
    current: RwLock<Current>,
    pair: Pair,
    /// Where the identity's own key is, if this server renews its certificate.
    minted: Option<PathBuf>,
    /// Held while the files are read: of two who do, the later one decides.
    files: Mutex<Watched>,
    /// Told when the pin has changed, or what follows it.
    news: Notify,
}

/// What is in use.
#[derive(Clone)]
struct Current {
    certified: Arc<CertifiedKey>,
    pin: Pin,
    /// Which identity will follow, as clients are told.
    succession: Option<Succession>,
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
    /// Clients are told that this identity will follow.
    Announced(Pin),
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
        let current = RwLock::new(Current::read(&pair)?);
        let files = Mutex::new(Watched { seen: stamp, tried: stamp });
        Ok(Self { current, pair, minted: None, files, news: Notify::new() })
    }

    pub(crate) fn pin(&self) -> Pin {
        self.current().pin
    }

    /// Which identity will follow this one, and that this one says so.
    pub(crate) fn succession(&self) -> Option<Succession> {
        self.current().succession
    }

    /// Waits until the pin has changed, or what will follow it.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
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
        let certified = self.current().certified;
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
        let reloaded = Current::read(&self.pair).and_then(|fresh| self.replace(fresh));
        match &reloaded {
            Ok(Reloaded::Same) => {}
            Ok(Reloaded::Replaced(left)) => {
                let days = left.as_secs() / 86_400;
                info!(days, pin = %self.pin(), "new connections get another TLS certificate");
            }
            Ok(Reloaded::Announced(next)) => info!(%next, "clients are told which identity follows"),
            Err(error) => warn!(error = %format!("{error:#}"), "kept the TLS certificate that is in use"),
        }
        reloaded
    }

    fn replace(&self, fresh: Current) -> anyhow::Result<Reloaded> {
        let before = self.current();
        // Each goes with its key: two that are the same have the same one.
        let same = fresh.certified.cert == before.certified.cert;
        let follows = fresh.succession.as_ref().map(|announced| announced.next);
        let news = fresh.succession != before.succession || fresh.pin != before.pin;
        let reloaded = match (same, follows) {
            (true, Some(next)) if news => Reloaded::Announced(next),
            (true, _) => Reloaded::Same,
            (false, _) => Reloaded::Replaced(self.refuse_unfit(&fresh, &before)?),
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        if news {
            self.news.notify_one();
        }
        Ok(reloaded)
    }

    /// How long clients will take this certificate for this server's.
    fn refuse_unfit(&self, fresh: &Current, before: &Current) -> anyhow::Result<Duration> {
        let (pair, now) = (self.pair.cert.display(), SystemTime::now());
        let (pin, ours) = (fresh.pin, before.pin);
        let announced = before.succession.as_ref().is_some_and(|announced| announced.next == pin);
        ensure!(
            pin == ours || announced,
            "{pair} is another identity, {pin} instead of {ours}: every client that has this server pinned would stop. Put \
             back a certificate of this identity, and plan the change: sotto-certs announce. Or, if it cannot wait, restart the \
             server and give everybody its new link"
        );
        let leaf = fresh.certified.cert.first().context("a chain begins with a certificate")?;
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

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn read(pair: &Pair) -> anyhow::Result<Self> {
        let certified = pair.load()?;
        let pin = sotto_certs::pin_of_chain(&certified.cert)?;
        // The certificate is fit for use whatever is wrong with an announcement.
        let succession = pair.succession(&certified.cert).unwrap_or_else(|error| {
            warn!(error = %format!("{error:#}"), "no identity is announced");
            None
        });
        Ok(Self { certified: Arc::new(certified), pin, succession })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("pin", &self.pin()).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().certified)
    }
}
