//! Minting an identity, and renewing the TLS certificate that it signs.
//!
//! Each file is replaced whole, and a key before its certificate. Two files cannot change in one step, so
//! whoever loads `server.pem` and `server.key` must check that they match, and load again when they do
//! not: that is a renewal under way, or one that a crash cut short and that renewing again repairs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sotto_proto::Pin;

use crate::authority::Authority;
use crate::error::CertError;
use crate::files::{self, Access};
use crate::inspect::{self, summary_of_chain};
use crate::names::Names;
use crate::{IDENTITY_CERTIFICATE, IDENTITY_KEY, SERVER_CERTIFICATE, SERVER_KEY};

/// What to do about an identity that is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Existing {
    /// Refuse to mint while any of the four files exists.
    Keep,
    /// Overwrite them. The old identity is gone, and every client that pinned it stops.
    Replace,
}

/// What was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Minted {
    /// Where the four files are.
    pub dir: PathBuf,
    /// The server's identity.
    pub pin: Pin,
    /// The names in the TLS certificate, in its order.
    pub names: Vec<String>,
    /// When the TLS certificate expires.
    pub not_after: SystemTime,
}

impl Minted {
    /// The day the TLS certificate expires, in UTC: `2027-02-21`.
    #[must_use]
    pub fn not_after_date(&self) -> String {
        inspect::date(self.not_after)
    }
}

/// Mints an identity for one server, and its first TLS certificate, into `dir`, which is created (mode
/// 0700) if it is missing.
///
/// # Errors
/// [`CertError::Exists`] when a file is there and `existing` says to keep it; when a file cannot be written.
pub fn mint(dir: &Path, names: &Names, existing: Existing) -> Result<Minted, CertError> {
    files::create_private(dir)?;
    let _lock = files::lock(dir)?;
    if existing == Existing::Keep {
        refuse_existing(dir)?;
    }
    let authority = Authority::generate()?;
    // The key first: `renew` makes everything else again from it, should a crash come now.
    files::replace(&dir.join(IDENTITY_KEY), &authority.key_pem(), Access::Private)?;
    write_certificates(dir, &authority, names)
}

/// Replaces the TLS certificate and its key in `dir`; the pin stays the same. Names of the previous
/// certificate stay beside `names`, as far as they fit: to be rid of one, delete `server.pem` first.
///
/// # Errors
/// [`CertError::NoIdentity`] without an `identity.key`, [`CertError::Mismatch`] when `identity.pem` belongs
/// to another key; when a file cannot be read or written.
pub fn renew(dir: &Path, names: &Names) -> Result<Minted, CertError> {
    if files::first_existing(dir, &[IDENTITY_KEY]).is_none() {
        return Err(CertError::NoIdentity { path: dir.join(IDENTITY_KEY) });
    }
    let _lock = files::lock(dir)?;
    let authority = Authority::load(dir)?;
    // A previous certificate that cannot be read is a reason to renew, not to fail.
    let previous = inspect::show(dir).map(|summary| summary.names).unwrap_or_default();
    write_certificates(dir, &authority, &names.clone().keeping(&previous))
}

fn refuse_existing(dir: &Path) -> Result<(), CertError> {
    let ours = [IDENTITY_KEY, IDENTITY_CERTIFICATE, SERVER_KEY, SERVER_CERTIFICATE];
    files::first_existing(dir, &ours).map_or(Ok(()), |path| Err(CertError::Exists { path }))
}

fn write_certificates(dir: &Path, authority: &Authority, names: &Names) -> Result<Minted, CertError> {
    let leaf = authority.issue(names)?;
    let chain_pem = format!("{}{}", leaf.pem, authority.pem());
    files::replace(&dir.join(IDENTITY_CERTIFICATE), authority.pem(), Access::Public)?;
    files::replace(&dir.join(SERVER_KEY), &leaf.key_pem, Access::Private)?;
    files::replace(&dir.join(SERVER_CERTIFICATE), &chain_pem, Access::Public)?;
    let summary = summary_of_chain(&[leaf.certificate, authority.certificate().clone()])?;
    Ok(Minted { dir: dir.to_owned(), pin: summary.pin, names: summary.names, not_after: summary.not_after })
}
