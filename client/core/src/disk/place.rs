//! A file that is taken: kept apart until it is whole and proven, then given a name that nobody has. Nothing is overwritten, and
//! no link is followed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use directories::UserDirs;
use sotto_proto::FileHasher;

use super::Place;
use crate::safe_name::{numbered, safe_name};
use crate::transfers::Snag;

/// Where what is not whole yet is kept, beside what is.
const APART: &str = ".sotto-partial";
/// What nobody has gone on with for this long is removed.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// The system is told to write what has come to the disk whenever there is this much more of it, in bytes.
const WRITTEN_OUT: u64 = 8 * 1024 * 1024;
/// How many names are tried for one file.
const NAMES: u32 = 10_000;
/// How often a directory is made that others remove.
const OPEN_TRIES: u32 = 8;

/// Where files go when nobody says otherwise: a folder of ours in the user's downloads.
#[must_use]
pub fn downloads() -> PathBuf {
    let dirs = UserDirs::new();
    let dir = dirs.as_ref().and_then(|dirs| {
        dirs.download_dir().map(Path::to_owned).or_else(|| Some(dirs.home_dir().join("Downloads")))
    });
    dir.map_or_else(|| PathBuf::from("."), |dir| dir.join("Sotto"))
}

/// What is here of a file.
pub(super) struct Partial {
    path: PathBuf,
    file: File,
    hasher: FileHasher,
    off: u64,
}

impl Partial {
    /// Opens what is here, or makes it. What is here is hashed again.
    pub(super) fn open(place: &Place) -> io::Result<Self> {
        for _ in 0..OPEN_TRIES {
            match Self::try_open(place) {
                // Another transfer is done and has just removed the directory.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        Self::try_open(place)
    }

    fn try_open(place: &Place) -> io::Result<Self> {
        let dir = place.dir.join(APART);
        make_dir(&dir)?;
        clean(&dir);
        let path = partial(place);
        let mut file = match open_existing(&path)? {
            Some(file) if file.metadata()?.len() <= place.size => file,
            Some(_) => {
                fs::remove_file(&path)?;
                make(&path)?
            }
            None => make(&path)?,
        };
        let mut hasher = FileHasher::default();
        let off = rehash(&mut file, &mut hasher)?;
        Ok(Self { path, file, hasher, off })
    }

    pub(super) fn off(&self) -> u64 {
        self.off
    }

    pub(super) fn write(&mut self, chunks: &[Bytes]) -> io::Result<()> {
        let from = self.off;
        for chunk in chunks {
            if let Err(error) = self.file.write_all(chunk) {
                // What was half written is not there.
                let _ = self.file.set_len(self.off);
                return Err(error);
            }
            self.hasher.update(chunk);
            self.off += u64::try_from(chunk.len()).unwrap_or(0);
        }
        begin_to_write_out(&self.file, (from, self.off));
        Ok(())
    }

    /// Proves it, syncs it, and gives it its name.
    pub(super) fn save(self, place: &Place) -> Result<PathBuf, Snag> {
        let Self { path, file, hasher, off } = self;
        if off != place.size || hasher.finish() != place.hash {
            let _ = fs::remove_file(&path);
            return Err(Snag::Mismatch);
        }
        file.sync_all()?;
        drop(file);
        let name = safe_name(&place.name);
        for number in 1..NAMES {
            let target = place.dir.join(numbered(&name, number));
            match move_to(&path, &target) {
                Ok(()) => {
                    sync_dir(&place.dir);
                    let _ = fs::remove_dir(place.dir.join(APART));
                    return Ok(target);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Snag::Io(format!("there are too many files called {name}")))
    }
}

/// Has the system begin to write what has come to the disk, a part at a time: the sync at the end finds little left to wait for.
fn begin_to_write_out(file: &File, (from, to): (u64, u64)) {
    let (from, to) = (from / WRITTEN_OUT * WRITTEN_OUT, to / WRITTEN_OUT * WRITTEN_OUT);
    // Where that is not to be had, the sync takes longer.
    #[cfg(target_os = "linux")]
    if let Some(part) = std::num::NonZeroU64::new(to - from) {
        let _ = rustix::fs::fadvise(file, from, Some(part), rustix::fs::Advice::DontNeed);
    }
}

/// Removes what is here of a file.
pub(super) fn discard(place: &Place) {
    let _ = fs::remove_file(partial(place));
    let _ = fs::remove_dir(place.dir.join(APART));
}

fn partial(place: &Place) -> PathBuf {
    place.dir.join(APART).join(format!("{}.part", place.file))
}

/// Gives a file another name, if nobody has that. A link, where the file system has them, is one step; elsewhere the name is
/// taken first, and then given.
fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => {
            // It is saved, whatever becomes of its other name.
            let _ = fs::remove_file(from);
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => rename_to(from, to),
    }
}

pub(super) fn rename_to(from: &Path, to: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(to)?;
    fs::rename(from, to).inspect_err(|_| {
        let _ = fs::remove_file(to);
    })
}

fn rehash(file: &mut File, hasher: &mut FileHasher) -> io::Result<u64> {
    let mut buffer = vec![0; 256 * 1024];
    let mut off = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(off);
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        off += u64::try_from(read).unwrap_or(0);
    }
}

/// A file of ours that is there already; anything else at its place is removed.
fn open_existing(path: &Path) -> io::Result<Option<File>> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if !found.is_file() || links(&found) != 1 {
        fs::remove_file(path)?;
        return Ok(None);
    }
    let file = private().read(true).write(true).open(path)?;
    let opened = file.metadata()?;
    if !opened.is_file() || links(&opened) != 1 {
        return Err(io::Error::other(format!("{} is not what it was", path.display())));
    }
    Ok(Some(file))
}

fn make(path: &Path) -> io::Result<File> {
    private().read(true).write(true).create_new(true).open(path)
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits();
    options.mode(0o600).custom_flags(i32::try_from(no_follow).unwrap_or_default());
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn links(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(found)
}

#[cfg(not(unix))]
fn links(_found: &fs::Metadata) -> u64 {
    1
}

/// A directory of our own; not a link to somebody else's.
fn make_dir(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    if fs::symlink_metadata(dir)?.is_dir() {
        return Ok(());
    }
    Err(io::Error::other(format!("{} is in the way; remove it", dir.display())))
}

/// As far as the file system has that.
fn sync_dir(dir: &Path) {
    #[cfg(unix)]
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
    #[cfg(not(unix))]
    let _ = dir;
}

/// Removes what nobody has gone on with for days.
fn clean(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    let old = |path: &Path| {
        let changed = fs::symlink_metadata(path).and_then(|found| found.modified()).ok();
        let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok());
        age.is_some_and(|age| age > KEPT)
    };
    for path in entries.flatten().map(|entry| entry.path()).filter(|path| old(path)) {
        let _ = fs::remove_file(path);
    }
}
