//! Files and directories that are still there after a power cut once these functions have returned, and readable by their
//! owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use sotto_proto::{FileHash, FileHasher};

/// Makes a directory where nothing is.
pub(super) fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Makes a file where nothing is.
pub(super) fn make_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a file to read it, without following a link.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_follow = rustix::fs::OFlags::NOFOLLOW.bits();
        options.custom_flags(i32::try_from(no_follow).unwrap_or_default());
    }
    options.open(path)
}

/// Makes sure of what a directory says is in it.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    #[cfg(unix)]
    File::open(dir)?.sync_all()?;
    Ok(())
}

/// Syncs a file, and has the system forget what it remembers of it: whoever reads it next reads the disk.
pub(super) fn settle(file: &File) -> io::Result<()> {
    file.sync_all()?;
    // Where that is not to be had, the file is merely read from memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    Ok(())
}

/// Reads a file to its end, hands on each piece, and says how long it is and what its hash is.
pub(super) fn read(
    mut file: &File,
    mut piece: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(u64, FileHash)> {
    const PIECE: usize = 256 * 1024;
    let (mut buffer, mut size) = (vec![0; PIECE], 0);
    let mut hasher = FileHasher::default();
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        piece(read)?;
        size += u64::try_from(count).unwrap_or_default();
    }
    Ok((size, hasher.finish()))
}

/// Whether there is a directory, and nothing in it.
pub(super) fn is_empty_dir(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}
