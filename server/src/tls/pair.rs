//! A certificate chain and its key in two files: read together, used only if they go together. Below them there may be the
//! announcement of another identity.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, bail, ensure};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sotto_proto::Succession;

use super::provider;

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// What tells one content of the files from the next without reading them; files that are not there have one, too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp([Option<(u64, u64, Option<SystemTime>)>; 3]);

impl Pair {
    /// The server's own, in its identity's directory.
    pub(crate) fn own(dir: &Path) -> Self {
        Self { cert: dir.join(sotto_certs::SERVER_CERTIFICATE), key: dir.join(sotto_certs::SERVER_KEY) }
    }

    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub(crate) fn load(&self) -> anyhow::Result<CertifiedKey> {
        let (cert, key) = (self.cert.display(), self.key.display());
        let chain: Vec<_> = CertificateDer::pem_file_iter(&self.cert)
            .and_then(Iterator::collect)
            .with_context(|| format!("cannot read the certificate {cert}"))?;
        if chain.is_empty() {
            bail!("{cert} holds no certificate; it needs PEM with BEGIN CERTIFICATE");
        }
        let private = PrivateKeyDer::from_pem_file(&self.key)
            .with_context(|| format!("cannot read the private key {key}"))?;
        CertifiedKey::from_der(chain, private, &provider())
            .with_context(|| format!("the key {key} does not belong to the certificate {cert}"))
    }

    /// The identity that will follow, if it is announced by the one that `chain` shows.
    ///
    /// # Errors
    /// A sentence that names the file and what is wrong with it.
    pub(crate) fn succession(&self, chain: &[CertificateDer<'_>]) -> anyhow::Result<Option<Succession>> {
        let file = self.announcement();
        let line = match fs::read_to_string(&file) {
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.with_context(|| format!("cannot read the announcement {}", file.display()))?,
        };
        let announced: Succession =
            line.parse().with_context(|| format!("{} is not an announcement", file.display()))?;
        // What is left of a change that has happened.
        if announced.next == sotto_certs::pin_of_chain(chain)? {
            return Ok(None);
        }
        ensure!(
            sotto_certs::vouches(chain, &announced),
            "{} is not signed by the identity in force; make it again: sotto-certs announce",
            file.display()
        );
        Ok(Some(announced))
    }

    fn announcement(&self) -> PathBuf {
        self.cert.with_file_name(sotto_certs::NEXT).join(sotto_certs::ANNOUNCEMENT)
    }

    pub(crate) fn stamp(&self) -> Stamp {
        Stamp([&self.cert, &self.key, &self.announcement()].map(|file| {
            let metadata = fs::metadata(file).ok()?;
            Some((inode(&metadata), metadata.len(), metadata.modified().ok()))
        }))
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

/// Elsewhere the time of the change has to do.
#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> u64 {
    0
}
