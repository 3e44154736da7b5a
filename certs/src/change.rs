//! A planned change of identity, in two steps with weeks between them: the next identity is made and announced, signed by the one
//! in force; when the clients have heard of it, it takes over.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sotto_proto::{Signature, Succession};

use crate::authority::Authority;
use crate::error::CertError;
use crate::files::{self, Access};
use crate::mint::{self, Existing, Minted};
use crate::names::Names;
use crate::{ANNOUNCEMENT, IDENTITY_CERTIFICATE, IDENTITY_KEY, NEXT, inspect};

/// Makes the identity that will follow the one in `dir`, in `next` below it, and signs its announcement with the one in force. A
/// server that presents a certificate in `dir` announces it to its clients from then on.
///
/// # Errors
/// [`CertError::NoIdentity`] without an `identity.key`; [`CertError::Announced`]; when a file cannot be read or written.
pub fn announce(dir: &Path, names: &Names) -> Result<Minted, CertError> {
    let _lock = files::lock(dir)?;
    let authority = Authority::load(dir)?;
    let next = dir.join(NEXT);
    if next.join(ANNOUNCEMENT).exists() {
        return Err(CertError::Announced { path: next });
    }
    // One that was never announced is nobody's.
    let minted = mint::mint(&next, names, Existing::Replace)?;
    let current = inspect::spki_pin(authority.certificate())?;
    let signature = authority.sign(&Succession::statement(current, minted.pin))?;
    let signature = Signature::new(&signature).map_err(|_| CertError::Certificate)?;
    let announcement = Succession { next: minted.pin, signature };
    files::replace(&next.join(ANNOUNCEMENT), &format!("{announcement}\n"), Access::Public)?;
    Ok(minted)
}

/// Puts the announced identity in the place of the one in `dir`, which is kept in `former-…` beside it, with a first TLS certificate.
///
/// Cut short, it leaves one identity or the other; [`crate::renew`] makes the rest of the new one again from its key.
///
/// # Errors
/// [`CertError::NotAnnounced`]; when a file cannot be read or written.
pub fn change_over(dir: &Path, names: &Names) -> Result<Minted, CertError> {
    let next = dir.join(NEXT);
    if !next.join(ANNOUNCEMENT).exists() {
        return Err(CertError::NotAnnounced { path: next });
    }
    {
        let _lock = files::lock(dir)?;
        let former = Authority::load(dir)?;
        keep(&former, &former_dir(dir, &former)?)?;
        let successor = Authority::load(&next)?;
        // Without its certificate a key is an identity; with another's it would be a mistake.
        let certificate = dir.join(IDENTITY_CERTIFICATE);
        match fs::remove_file(&certificate) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                return Err(CertError::Write { path: certificate, source });
            }
            _ => {}
        }
        files::replace(&dir.join(IDENTITY_KEY), &successor.key_pem(), Access::Private)?;
    }
    let minted = mint::renew(dir, names)?;
    fs::remove_dir_all(&next).map_err(|source| CertError::Write { path: next, source })?;
    Ok(minted)
}

/// Whether the first certificate of a chain, or the Sotto identity that issued it, has signed this announcement.
#[must_use]
pub fn vouches(chain: &[rustls_pki_types::CertificateDer<'_>], announced: &Succession) -> bool {
    let Ok(current) = inspect::pin_of_chain(chain) else {
        return false;
    };
    let statement = Succession::statement(current, announced.next);
    chain.iter().any(|one| inspect::has_signed(one, (current, &statement), announced.signature.as_bytes()))
}

fn former_dir(dir: &Path, former: &Authority) -> Result<PathBuf, CertError> {
    let pin = inspect::spki_pin(former.certificate())?;
    let hex: String = pin.as_bytes().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    Ok(dir.join(format!("former-{hex}")))
}

fn keep(former: &Authority, dir: &Path) -> Result<(), CertError> {
    files::create_private(dir)?;
    files::replace(&dir.join(IDENTITY_KEY), &former.key_pem(), Access::Private)?;
    files::replace(&dir.join(IDENTITY_CERTIFICATE), former.pem(), Access::Public)
}
