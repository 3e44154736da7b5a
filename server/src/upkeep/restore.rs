//! Putting a backup back: copied, brought up to date, looked through, and only then exchanged for what is there.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::contents::{self, cannot_read, cannot_write};
use super::{Contents, Progress, Tell, disk, install, verify};
use crate::Config;
use crate::data_dir::{self, DATABASE};
use crate::store::sqlite;

/// What becomes of data that is there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Occupied {
    /// Nothing: the restore is refused.
    Refuse,
    /// It is moved aside.
    MoveAside,
}

/// What a restore has done.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What is there now.
    pub contents: Contents,
    /// Where that is which was there before.
    pub replaced: Option<PathBuf>,
}

/// Makes the data directory what it was when the backup was made; the history is another one from now on, and clients start over.
///
/// # Errors
/// When a server runs there, or something is there already, or the backup is not sound. Then nothing has been changed.
pub fn restore(
    config: &Config,
    backup: &Path,
    occupied: Occupied,
    tell: Tell<'_>,
) -> anyhow::Result<Restored> {
    contents::ensure_data(backup)?;
    let dir = &config.data_dir;
    let _lock = data_dir::lock(dir)?;
    let same = |path: &Path| fs::canonicalize(path).with_context(|| cannot_read(path));
    ensure!(same(backup)? != same(dir)?, "{} is the data directory itself; name a backup", backup.display());
    install::finish(dir)?;
    ensure!(
        occupied == Occupied::MoveAside || !dir.join(DATABASE).exists(),
        "{} holds the data of a server already; with --replace that is moved aside, and kept",
        dir.display()
    );
    let contents = make_ready(dir, backup, tell).inspect_err(|_| {
        let _ = fs::remove_dir_all(dir.join(install::UNFINISHED));
    })?;
    install::decide(dir).with_context(|| cannot_write(dir))?;
    let replaced = install::finish(dir)?;
    Ok(Restored { contents, replaced })
}

/// Makes, in the data directory and beside what is there, what is to be there.
fn make_ready(dir: &Path, backup: &Path, tell: Tell<'_>) -> anyhow::Result<Contents> {
    let unfinished = dir.join(install::UNFINISHED);
    disk::make_dir(&unfinished).with_context(|| cannot_write(&unfinished))?;
    contents::copy(backup, &unfinished, tell)?;
    let database = unfinished.join(DATABASE);
    let told = |done, all| tell(Progress { doing: "bringing messages up to date", done, all });
    sqlite::begin_history(&database, &told).context("cannot bring the backup's database up to date")?;
    File::open(&database).and_then(|file| disk::settle(&file)).with_context(|| cannot_write(&database))?;
    verify::ensure_sound(&unfinished, tell)
}
