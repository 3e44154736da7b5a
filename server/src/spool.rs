//! Where the content of files is kept while somebody may want it: one file each, named by its id and never by what its
//! sender called it. What is in the store decides what may be here; anything else is swept away.

mod hands;
mod upload;

use std::collections::{HashMap, HashSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sotto_proto::FileId;

use crate::data_dir::SPOOL;
use crate::outbox::OutboxId;
use crate::store::StoredFile;
use hands::Hands;
pub(crate) use upload::{Fate, Taken, Upload};

/// The spool of one server.
pub(crate) struct Spool {
    dir: PathBuf,
    /// Bytes of the disk that files leave free.
    floor: u64,
    uploads: Mutex<HashMap<FileId, Arc<Upload>>>,
    hands: Hands,
}

/// What has been written of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wrote {
    /// All that has come, and whoever has more to write has to begin again.
    Everything,
    /// A part of that: it was somebody else's turn.
    Enough,
    /// All of the file.
    Whole,
    /// Nothing more: the disk is too full.
    NoRoom,
}

impl Spool {
    /// Makes the directory if there is none.
    pub(crate) fn open(data_dir: &Path, floor: u64) -> io::Result<Self> {
        let dir = data_dir.join(SPOOL);
        make_dir(&dir)?;
        Ok(Self { dir, floor, uploads: Mutex::default(), hands: Hands::start()? })
    }

    /// Does something in a thread that may wait, once one is free. In a simulation here and now, so that it can be repeated.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        if cfg!(feature = "sim") { work() } else { self.hands.work(work).await }
    }

    /// Writes what there is of a file, in a thread that may wait, for as long as more comes and nobody else waits for the
    /// thread: content that comes steadily is not handed from one thread to another piece by piece.
    pub(crate) async fn write_on(self: &Arc<Self>, upload: &Arc<Upload>) -> io::Result<Wrote> {
        let (spool, upload) = (Arc::clone(self), Arc::clone(upload));
        self.work(move || spool.write_now(&upload)).await
    }

    fn write_now(&self, upload: &Arc<Upload>) -> io::Result<Wrote> {
        while let Some(batch) = upload.next_batch() {
            if !self.has_space(batch.len()) {
                return Ok(Wrote::NoRoom);
            }
            if batch.write()? {
                return Ok(Wrote::Whole);
            }
            if self.hands.are_wanted() {
                return Ok(Wrote::Enough);
            }
        }
        Ok(Wrote::Everything)
    }

    /// Whether `bytes` more fit on the disk, and leave free what is to stay free.
    pub(crate) fn has_space(&self, bytes: u64) -> bool {
        // Where nothing can be found out, the write itself will tell.
        self.floor == 0 || free(&self.dir).is_none_or(|free| free.saturating_sub(bytes) >= self.floor)
    }

    /// The upload of a file that is not all here; begun if need be.
    pub(crate) fn upload(&self, file: &StoredFile) -> Arc<Upload> {
        let begin = || Arc::new(Upload::new(file, self.path(file.id)));
        Arc::clone(self.uploads().entry(file.id).or_insert_with(begin))
    }

    /// The upload of a file, if one has begun and not ended.
    pub(crate) fn uploading(&self, id: FileId) -> Option<Arc<Upload>> {
        self.uploads().get(&id).cloned()
    }

    /// This session has ended.
    pub(crate) fn detach(&self, sender: OutboxId) {
        self.uploads().values().for_each(|upload| upload.detach(sender));
    }

    /// How many bytes of a file that is on its way are here.
    pub(crate) fn here(&self, id: FileId) -> u64 {
        let written = || fs::symlink_metadata(self.path(id)).map_or(0, |there| there.len());
        self.uploading(id).map_or_else(written, |upload| upload.off())
    }

    /// All of it is here.
    pub(crate) fn complete(&self, id: FileId) {
        self.uploads().remove(&id);
    }

    /// Opens what there is of a file. Nothing of it may be here yet: then an empty one is made.
    pub(crate) async fn content(&self, id: FileId) -> io::Result<File> {
        let path = self.path(id);
        self.work(move || open_or_make(&path)).await
    }

    /// Lets go of a file; returns its upload, if one was going on.
    pub(crate) async fn remove(&self, id: FileId) -> Option<Arc<Upload>> {
        let upload = self.uploads().remove(&id);
        if let Some(upload) = &upload {
            upload.end();
        }
        let path = self.path(id);
        match self.work(move || fs::remove_file(path)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %id, %error, "cannot remove a file that is not wanted any more; the next sweep will try");
            }
            _ => {}
        }
        upload
    }

    /// What is in the spool, whatever it is.
    pub(crate) fn list(&self) -> io::Result<Vec<PathBuf>> {
        list(&self.dir)
    }

    /// Removes those of `found` that are not the content of a live file; returns how many. A file's row is there
    /// before its content: `live` has to be asked for after `found`.
    pub(crate) fn sweep(&self, found: Vec<PathBuf>, live: &HashSet<FileId>) -> usize {
        let known: HashSet<_> = live.iter().map(|id| self.path(*id)).collect();
        let orphans = found.into_iter().filter(|path| !known.contains(path));
        orphans.filter(|path| fs::remove_file(path).is_ok()).count()
    }

    fn path(&self, id: FileId) -> PathBuf {
        place(&self.dir, id)
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<FileId, Arc<Upload>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the content of a file is in a spool.
pub(crate) fn place(spool: &Path, id: FileId) -> PathBuf {
    let name = id.to_string();
    let (folder, _) = name.split_at_checked(2).unwrap_or_default();
    spool.join(folder).join(&name)
}

/// What is in a spool, whatever it is. There may be no spool.
pub(crate) fn list(spool: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !spool.exists() {
        return Ok(found);
    }
    for folder in fs::read_dir(spool)? {
        let folder = folder?.path();
        if folder.is_dir() {
            for file in fs::read_dir(&folder)? {
                found.push(file?.path());
            }
        } else {
            found.push(folder);
        }
    }
    Ok(found)
}

/// Opens a file for reading and writing without following a link; makes it, and its folder, if there is none.
fn open_or_make(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits();
        options.mode(0o600).custom_flags(i32::try_from(no_follow).unwrap_or_default());
    }
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), make_dir)?;
            let made = options.create_new(true).open(path)?;
            sync_dir(path)?;
            Ok(made)
        }
        opened => opened,
    }
}

/// Makes sure that the entry of a new file survives a power cut.
fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Bytes of the disk that this user may still write.
#[cfg(unix)]
pub(crate) fn free(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
pub(crate) fn free(_dir: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests;
