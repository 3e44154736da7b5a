//! From the spool to those who take a file: what is in memory is read at once, anything else in a thread that may wait; and
//! queued only when what was queued before has gone out.

use std::fs::File;
use std::io;

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
        let (id, off) = (piece.id, piece.off);
        let read = match read_at_once(&piece) {
            Some(content) => Ok(content),
            None => spool.work(move || read(&piece)).await,
        };
        match read {
            Ok(content) => outbox.push_content(id, frames((id, off), content)),
            Err(fault) => {
                tracing::error!(file = %id, error = %fault, "cannot read a file in the spool");
                outbox.end_download(id);
                let refusal = crate::session::internal();
                outbox.reply(Reply::FileRefused { file: id, refusal }.encode(None));
            }
        }
    }
}

/// Cuts content into frames, in two parts each, without copying it.
fn frames((file, mut off): (FileId, u64), mut content: Bytes) -> impl Iterator<Item = [Bytes; 2]> {
    std::iter::from_fn(move || {
        let chunk = content.split_to(content.len().min(limits::MAX_CHUNK));
        let head = Reply::before_chunk(file, off, chunk.len());
        off += u64::try_from(chunk.len()).unwrap_or(0);
        (!chunk.is_empty()).then_some([head, chunk])
    })
}

/// What has come a moment ago is in memory still. `None`: it is not, or this system does not say.
#[cfg(target_os = "linux")]
fn read_at_once(piece: &Piece) -> Option<Bytes> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut content = vec![0; piece.len];
    let into = &mut [io::IoSliceMut::new(&mut content)];
    let read = preadv2(&*piece.file, into, piece.off, ReadWriteFlags::NOWAIT);
    (read == Ok(piece.len)).then(|| content.into())
}

#[cfg(not(target_os = "linux"))]
fn read_at_once(_piece: &Piece) -> Option<Bytes> {
    None
}

fn read(piece: &Piece) -> io::Result<Bytes> {
    let mut content = vec![0; piece.len];
    read_exact_at(&piece.file, &mut content, piece.off)?;
    Ok(content.into())
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], off: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, off)
}

#[cfg(not(unix))]
fn read_exact_at(file: &File, buffer: &mut [u8], off: u64) -> io::Result<()> {
    use std::io::{Read, Seek};
    let mut file = file.try_clone()?;
    file.seek(io::SeekFrom::Start(off))?;
    file.read_exact(buffer)
}
