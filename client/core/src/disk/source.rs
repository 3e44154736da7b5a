//! A file that is sent. It has to stay what it was when it was offered.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use sotto_proto::{FileHasher, FileInfo, FileName};

use super::Source;
use crate::safe_name::media_type;
use crate::transfers::Snag;

/// What is read at once to be hashed, in bytes.
const PIECE: usize = 256 * 1024;

/// Finds out what a file is. Reads all of it.
pub(super) fn look(path: &Path) -> Result<Source, Snag> {
    let mut file = open(path)?;
    let before = file.metadata()?;
    let name: String = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.replace(|c: char| c.is_control() || c == '\\', "_");
    let name = FileName::new(&name).map_err(|_| Snag::BadName)?;
    let mut hasher = FileHasher::default();
    let mut buffer = vec![0; PIECE];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        size += u64::try_from(read).unwrap_or(0);
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
    let after = file.metadata()?;
    if (after.len(), modified(&after)) != (size, modified(&before)) {
        return Err(Snag::Changed);
    }
    let (media, modified) = (media_type(name.as_str()), modified(&after));
    let info = FileInfo::new(name, size, (hasher.finish(), media)).map_err(|_| Snag::BadName)?;
    Ok(Source { info, modified })
}

/// A file, and nothing that has to be waited for.
fn open(path: &Path) -> Result<File, Snag> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        let at_once = rustix::fs::OFlags::NONBLOCK.bits();
        let at_once = i32::try_from(at_once).unwrap_or_default();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, at_once);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(Snag::NotAFile) }
}

fn modified(metadata: &Metadata) -> u64 {
    let since =
        metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Such a file, open.
pub(super) struct Reading {
    file: File,
    size: u64,
    modified: u64,
}

impl Reading {
    pub(super) fn open(path: &Path, source: &Source) -> Result<Self, Snag> {
        let (size, modified) = (source.info.size, source.modified);
        Ok(Self { file: open(path)?, size, modified })
    }

    /// What has been looked at a moment ago is in memory still. `None`: it is not, or this system does not say.
    #[cfg(target_os = "linux")]
    pub(super) fn read_at_once(&self, off: u64, len: u64) -> Option<Bytes> {
        use rustix::io::{ReadWriteFlags, preadv2};
        self.is_unchanged().ok()?;
        let len = usize::try_from(len.min(self.size.saturating_sub(off))).ok()?;
        let mut bytes = vec![0; len];
        let into = &mut [io::IoSliceMut::new(&mut bytes)];
        let read = preadv2(&self.file, into, off, ReadWriteFlags::NOWAIT);
        (read == Ok(len)).then(|| bytes.into())
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn read_at_once(&self, _off: u64, _len: u64) -> Option<Bytes> {
        None
    }

    fn is_unchanged(&self) -> Result<(), Snag> {
        let now = self.file.metadata()?;
        let same = (now.len(), modified(&now)) == (self.size, self.modified);
        if same { Ok(()) } else { Err(Snag::Changed) }
    }

    pub(super) fn read(&mut self, off: u64, len: u64) -> Result<Bytes, Snag> {
        self.is_unchanged()?;
        let len = len.min(self.size.saturating_sub(off));
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        self.file.seek(SeekFrom::Start(off))?;
        match self.file.read_exact(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Snag::Changed),
            read => read.map(|()| bytes.into()).map_err(Snag::from),
        }
    }
}
