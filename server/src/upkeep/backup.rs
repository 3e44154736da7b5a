//! A copy of everything a server needs, made while it runs or while it does not, under its name only once it is whole and has been
//! looked through.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use super::contents::{self, cannot_write};
use super::{Contents, Tell, disk, verify};
use crate::Config;
use crate::data_dir::DATABASE;

/// Copies what is in the data directory to `dir`, which is not there yet or empty, and says what that is.
///
/// # Errors
/// When anything cannot be read or written, or is not sound. Then there is no backup.
pub fn backup(config: &Config, dir: &Path, tell: Tell<'_>) -> anyhow::Result<Contents> {
    contents::ensure_data(&config.data_dir)?;
    ensure!(
        !dir.exists() || disk::is_empty_dir(dir),
        "{} is there already, and not an empty directory; each backup needs a new one",
        dir.display()
    );
    let unfinished = Unfinished::beside(dir)?;
    contents::copy(&config.data_dir, &unfinished.path, tell)?;
    let contents = verify::ensure_sound(&unfinished.path, tell)?;
    unfinished.becomes(dir)?;
    Ok(contents)
}

/// What is not a backup yet. It is removed unless it becomes one.
struct Unfinished {
    path: PathBuf,
    /// Keeps another backup to the same place away; released by the system when the process ends, however it does.
    _lock: File,
}

impl Unfinished {
    fn beside(dir: &Path) -> anyhow::Result<Self> {
        let mut name = OsString::from(dir.file_name().context("a backup needs the name of a new directory")?);
        name.push(".unfinished");
        let path = dir.with_file_name(name);
        if path.is_dir() {
            // What was interrupted left it; what still goes on holds it.
            drop(lock(&path)?);
            ensure!(
                disk::is_empty_dir(&path) || path.join(DATABASE).exists(),
                "{} is not what a backup has left behind; move it away, or choose another name",
                path.display()
            );
            fs::remove_dir_all(&path).with_context(|| cannot_write(&path))?;
        }
        disk::make_dir(&path)
            .with_context(|| format!("cannot make {}; is the directory above it there?", path.display()))?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    fn becomes(self, dir: &Path) -> anyhow::Result<()> {
        fs::rename(&self.path, dir).with_context(|| cannot_write(dir))?;
        let above = dir.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        disk::sync_dir(above).with_context(|| cannot_write(above))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // It is not there any more if it has become a backup.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn lock(dir: &Path) -> anyhow::Result<File> {
    let opened = File::open(dir).with_context(|| contents::cannot_read(dir))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => bail!("{} is being written by another backup", dir.display()),
        Err(TryLockError::Error(fault)) => {
            Err(fault).with_context(|| format!("cannot lock {}", dir.display()))
        }
    }
}
