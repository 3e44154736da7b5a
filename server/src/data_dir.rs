//! What lies in a data directory, by name, and that one server at a time uses it.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};

/// Accounts and messages.
pub(crate) const DATABASE: &str = "sotto.db";
/// Who the server is, where it has minted that itself.
pub(crate) const IDENTITY: &str = "identity";
/// What lets people register.
pub(crate) const INVITE: &str = "invite-code";
/// The last link, without an invite, for `sotto-server invite`: only the server that runs knows its port.
pub(crate) const LINK: &str = "link";
/// What the tokens of known devices are made with.
pub(crate) const DEVICE_KEY: &str = "device-key";
/// Settings that are read without being named.
pub(crate) const SETTINGS: &str = "server.toml";
/// The content of files.
pub(crate) const SPOOL: &str = "spool";

/// Makes the directory if there is none, and keeps others out for as long as the answer lives.
///
/// # Errors
/// When another server, or a restore, is at it, or it cannot be written.
pub(crate) fn lock(dir: &Path) -> anyhow::Result<File> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let named = || dir.display().to_string();
    builder.create(dir).with_context(|| format!("cannot make the data directory {}", named()))?;
    let path = dir.join("lock");
    let lock =
        fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path).with_context(|| {
            format!("cannot write to the data directory {}; choose another with --data-dir", named())
        })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => bail!(
            "another sotto-server is using the data directory {}; stop it, or choose another with --data-dir",
            named()
        ),
        Err(TryLockError::Error(fault)) => {
            Err(fault).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Writes a line into a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, line: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    writeln!(file, "{line}")?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
