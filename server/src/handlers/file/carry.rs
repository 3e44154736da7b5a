//! From the spool to those who take a file: what is read next is read in a thread that may wait, and queued only when what was
//! queued before has gone out.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use sotto_proto::{FileId, Reply, limits};

use crate::downloads::Piece;
use crate::error::ConnectionEnd;
use crate::outbox::Outbox;
use crate::spool::Spool;

/// Sends one client its files, for as long as it is there.
pub(crate) async fn carry(spool: &Spool, outbox: &Outbox) -> ConnectionEnd {
    loop {
        outbox.content_room().await;
        let piece = outbox.downloads.next().await;
        let id = piece.id;
        match spool.work(move || frames(&piece)).await {
            Ok(frames) => outbox.push_content(id, frames),
            Err(fault) => {
                tracing::error!(file = %id, error = %fault, "cannot read a file in the spool");
                outbox.end_download(id);
                let refusal = crate::session::internal();
                outbox.reply(Reply::FileRefused { file: id, refusal }.encode(None));
            }
        }
    }
}

fn frames(piece: &Piece) -> io::Result<Vec<Bytes>> {
    let mut frames = Vec::new();
    let mut buffer = vec![0; limits::MAX_CHUNK];
    let (mut off, end) = (piece.off, piece.off + piece.len);
    while off < end {
        let most = usize::try_from(end - off).unwrap_or(limits::MAX_CHUNK).min(limits::MAX_CHUNK);
        let chunk = buffer.get_mut(..most).unwrap_or_default();
        read_exact_at(&piece.file, chunk, off)?;
        frames.push(frame(piece.id, off, chunk));
        off += u64::try_from(most).unwrap_or(u64::MAX);
    }
    Ok(frames)
}

fn frame(file: FileId, off: u64, chunk: &[u8]) -> Bytes {
    Reply::chunk(file, off, chunk)
}

#[cfg(unix)]
fn read_exact_at(file: &Arc<File>, buffer: &mut [u8], off: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(&**file, buffer, off)
}

#[cfg(not(unix))]
fn read_exact_at(file: &Arc<File>, buffer: &mut [u8], off: u64) -> io::Result<()> {
    use std::io::{Read, Seek};
    let mut file = file.try_clone()?;
    file.seek(io::SeekFrom::Start(off))?;
    file.read_exact(buffer)
}
