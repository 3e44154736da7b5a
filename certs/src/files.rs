//! The identity's directory on disk: locked while it is written, each file whole or not there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::CertError;

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Its owner: mode 0600.
    Private,
    /// Everybody: mode 0644, less what the umask takes away.
    Public,
}

/// Creates `dir`, and what is missing above it, with mode 0700. One that exists stays as it is.
pub(crate) fn create_private(dir: &Path) -> Result<(), CertError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir).map_err(|source| cannot_write(dir, source))
}

/// Locks `dir` until the returned file is dropped.
///
/// Two writers at once could leave the key of one beside the certificate of the other. A file system
/// without locks is used without.
pub(crate) fn lock(dir: &Path) -> Result<File, CertError> {
    let path = dir.join(".lock");
    let opened = options(Access::Private).create(true).append(true).open(&path);
    opened.and_then(locked).map_err(|source| cannot_write(&path, source))
}

/// Puts `contents` at `path` in one step: a reader finds the old file or the new one, also after a crash.
/// The caller holds the directory's [`lock`].
pub(crate) fn replace(path: &Path, contents: &str, access: Access) -> Result<(), CertError> {
    let temporary = path.with_added_extension("new");
    write_new(&temporary, contents, access)
        .and_then(|()| fs::rename(&temporary, path))
        .and_then(|()| path.parent().map_or(Ok(()), sync_directory))
        .map_err(|source| {
            // The first error is the one to tell.
            let _ = fs::remove_file(&temporary);
            cannot_write(path, source)
        })
}

/// The first of `names` that is in `dir`, whatever it is.
pub(crate) fn first_existing(dir: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| dir.join(name)).find(|path| path.symlink_metadata().is_ok())
}

/// The text of a file, `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, CertError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CertError::Read { path: path.to_owned(), source }),
    }
}

/// The certificates in a PEM file, at least one.
pub(crate) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertError> {
    let text =
        fs::read_to_string(path).map_err(|source| CertError::Read { path: path.to_owned(), source })?;
    parse_chain(&text).ok_or_else(|| CertError::Pem { path: path.to_owned() })
}

/// The certificates in a PEM text, at least one.
pub(crate) fn parse_chain(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().ok()?;
    (!chain.is_empty()).then_some(chain)
}

fn cannot_write(path: &Path, source: io::Error) -> CertError {
    CertError::Write { path: path.to_owned(), source }
}

fn locked(file: File) -> io::Result<File> {
    match file.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
        _ => Ok(file),
    }
}

fn write_new(path: &Path, contents: &str, access: Access) -> io::Result<()> {
    // A crash may have left one behind.
    let _ = fs::remove_file(path);
    let mut file = options(access).write(true).create_new(true).open(path)?;
    file.write_all(contents.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn options(access: Access) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    let mode = match access {
        Access::Private => 0o600,
        Access::Public => 0o644,
    };
    OpenOptions::new().mode(mode).clone()
}

/// Elsewhere a file has the permissions of its directory.
#[cfg(not(unix))]
fn options(_access: Access) -> OpenOptions {
    OpenOptions::new()
}

/// Makes a rename last through a power cut. Some shared folders cannot, and say that they got bad input.
#[cfg(unix)]
fn sync_directory(dir: &Path) -> io::Result<()> {
    // The parent of a bare file name is the empty path.
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    match File::open(dir)?.sync_all() {
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(error),
        _ => Ok(()),
    }
}

/// Elsewhere directories cannot be opened to be synced.
#[cfg(not(unix))]
fn sync_directory(_dir: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_file_left_by_a_crash_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("x.key.new"), "half a ke").unwrap();
        let path = dir.path().join("x.key");
        replace(&path, "whole", Access::Private).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.key");
        fs::create_dir(&path).unwrap();
        let error = replace(&path, "whole", Access::Private).unwrap_err();
        assert!(error.to_string().contains("x.key:"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_directory_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        create_private(&inner).unwrap();
        assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
