//! Changing what is in a data directory for what a restore has made ready, so that at any moment one or the other is there. What
//! has begun is finished by whoever locks the directory next.
//!
//! The directory itself cannot be exchanged: it may be a mount, and what is above it somebody else's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::disk;
use crate::data_dir::{DATABASE, IDENTITY, INVITE, SETTINGS, SPOOL};

/// Where a restore writes.
pub(super) const UNFINISHED: &str = "restore.unfinished";
/// What it is called when it is whole: from then on it is what counts.
const READY: &str = "restore.ready";
/// Where what was there before goes.
const ASIDE: &str = "restore.aside";
/// What may be beside a database and belongs to nothing else.
const BESIDE: [&str; 3] = ["sotto.db-wal", "sotto.db-shm", "sotto.db-journal"];

/// Whether something has begun and not ended.
pub(super) fn is_pending(dir: &Path) -> bool {
    dir.join(READY).exists()
}

/// The one step that decides: from now on the data is what was made ready. Nothing has been moved yet.
pub(super) fn decide(dir: &Path) -> io::Result<()> {
    fs::rename(dir.join(UNFINISHED), dir.join(READY))?;
    disk::sync_dir(dir)
}

/// Finishes what was decided, if anything was, and throws away what was not. Returns where the data is that was there before. The
/// caller has locked the directory.
///
/// # Errors
/// When something cannot be moved. It can be tried again.
pub(crate) fn finish(dir: &Path) -> anyhow::Result<Option<PathBuf>> {
    let finish = || {
        remove(&dir.join(UNFINISHED))?;
        if is_pending(dir) {
            exchange(dir)?;
        }
        keep_aside(dir)
    };
    finish().with_context(|| {
        format!("cannot finish a restore into {}; nothing is lost, try again", dir.display())
    })
}

fn exchange(dir: &Path) -> io::Result<()> {
    let (ready, aside) = (dir.join(READY), dir.join(ASIDE));
    if !aside.exists() {
        disk::make_dir(&aside)?;
    }
    // What is still in `ready` has not been moved in: what has its name in the directory is what was there before. A log is read
    // into whatever database it lies beside, so it goes with its own.
    let waiting: Vec<_> = [DATABASE, SPOOL, IDENTITY, INVITE, SETTINGS]
        .into_iter()
        .filter(|name| ready.join(name).exists())
        .collect();
    if waiting.contains(&DATABASE) {
        move_all(dir, &aside, &BESIDE)?;
    }
    move_all(dir, &aside, &waiting)?;
    disk::sync_dir(&aside)?;
    disk::sync_dir(dir)?;
    move_all(&ready, dir, &waiting)?;
    disk::sync_dir(dir)?;
    fs::remove_dir(&ready)?;
    disk::sync_dir(dir)
}

fn move_all(from: &Path, to: &Path, names: &[&str]) -> io::Result<()> {
    for name in names {
        match fs::rename(from.join(name), to.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            moved => moved?,
        }
    }
    Ok(())
}

/// Gives what was moved aside a name of its own.
fn keep_aside(dir: &Path) -> io::Result<Option<PathBuf>> {
    let aside = dir.join(ASIDE);
    if !aside.exists() {
        return Ok(None);
    }
    if disk::is_empty_dir(&aside) {
        fs::remove_dir(&aside)?;
        return Ok(None);
    }
    let free = (1_u32..).map(|number| dir.join(format!("replaced-{number}"))).find(|path| !path.exists());
    let kept = free.ok_or(io::ErrorKind::AlreadyExists)?;
    fs::rename(&aside, &kept)?;
    disk::sync_dir(dir)?;
    Ok(Some(kept))
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was there, and what is to be there.
    fn before() -> (tempfile::TempDir, [&'static str; 6]) {
        let dir = tempfile::tempdir().unwrap();
        let old = ["sotto.db-wal", "sotto.db-shm", DATABASE, SPOOL, INVITE, SETTINGS];
        for name in old {
            fs::write(dir.path().join(name), "old").unwrap();
        }
        fs::create_dir(dir.path().join(UNFINISHED)).unwrap();
        for name in [DATABASE, SPOOL, INVITE] {
            fs::write(dir.path().join(UNFINISHED).join(name), "new").unwrap();
        }
        (dir, old)
    }

    fn there(dir: &Path, name: &str) -> String {
        fs::read_to_string(dir.join(name)).unwrap_or_else(|_| "none".to_owned())
    }

    #[test]
    fn what_was_not_decided_is_thrown_away() {
        let (dir, old) = before();
        assert_eq!(finish(dir.path()).unwrap(), None);
        assert!(old.iter().all(|name| there(dir.path(), name) == "old"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), old.len());
    }

    #[test]
    fn what_was_decided_is_finished_wherever_it_was_cut_short() {
        let aside = ["sotto.db-wal", "sotto.db-shm", DATABASE, SPOOL, INVITE].map(|name| ("", ASIDE, name));
        let inside = [DATABASE, SPOOL, INVITE].map(|name| (READY, "", name));
        let steps: Vec<_> = aside.into_iter().chain(inside).collect();
        for done in 0..=steps.len() {
            let (dir, _) = before();
            let dir = dir.path();
            decide(dir).unwrap();
            fs::create_dir(dir.join(ASIDE)).unwrap();
            for (from, to, name) in &steps[..done] {
                fs::rename(dir.join(from).join(name), dir.join(to).join(name)).unwrap();
            }
            let kept = finish(dir).unwrap().unwrap();
            assert_eq!(kept, dir.join("replaced-1"));
            for (name, now, then) in [
                (DATABASE, "new", "old"),
                (SPOOL, "new", "old"),
                (INVITE, "new", "old"),
                (SETTINGS, "old", "none"),
                ("sotto.db-wal", "none", "old"),
                ("sotto.db-shm", "none", "old"),
            ] {
                assert_eq!(
                    (there(dir, name), there(&kept, name)),
                    (now.into(), then.into()),
                    "{done}: {name}"
                );
            }
            assert_eq!(fs::read_dir(dir).unwrap().count(), 5, "{done}");
        }
    }
}
