//! Files that are read to their end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use sotto_proto::FileHash;

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

/// Reads a file to its end, hands on each piece, and says how long it is and what its hash is.
pub(super) fn read(
    mut file: &File,
    mut piece: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<(u64, FileHash)> {
    const PIECE: usize = 256 * 1024;
    let (mut buffer, mut size) = (vec![0; PIECE], 0);
    let mut hasher = Context::new(&SHA256);
    loop {
        let count = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
        piece(read)?;
        size += u64::try_from(count).unwrap_or_default();
    }
    let mut hash = [0; 32];
    hash.iter_mut().zip(hasher.finish().as_ref()).for_each(|(to, from)| *to = *from);
    Ok((size, FileHash::from_bytes(hash)))
}
