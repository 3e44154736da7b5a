//! The limit that files are held against: a relay that takes bytes over one TLS connection and passes them on over another, and
//! knows nothing.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::relay::{Door, Relay, Shape};

/// What is read and written at once, in bytes: as much as the server's records hold.
const PIECE: usize = 64 * 1024;

/// Serves one transfer: the first connection sends, the second takes.
pub(crate) async fn serve(dir: &Path) -> anyhow::Result<ExitCode> {
    let Door { listener, acceptor } = Door::open(dir).await?;
    let mut source = acceptor.accept(listener.accept().await?.0).await?;
    let mut sink = acceptor.accept(listener.accept().await?.0).await?;
    let mut buffer = vec![0; PIECE];
    loop {
        let read = source.read(&mut buffer).await?;
        if read == 0 {
            sink.shutdown().await?;
            return Ok(ExitCode::SUCCESS);
        }
        sink.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

/// How long `bytes` take through a relay: from memory to nowhere, or from a file to another.
pub(crate) async fn measure(bytes: u64, files: Option<(&Path, &Path)>) -> anyhow::Result<Duration> {
    let mut relay = Relay::start(Shape::Pipe)?;
    let (mut source, mut sink) = (relay.dial.connect().await?, relay.dial.connect().await?);
    let began = Instant::now();
    let mut from = files.map(|(from, _)| std::fs::File::open(from)).transpose()?;
    let mut to = files.map(|(_, to)| std::fs::File::create(to)).transpose()?;
    let sending = tokio::spawn(async move {
        let mut piece = vec![7; PIECE];
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            if let Some(from) = &mut from {
                from.read_exact(piece.get_mut(..most).unwrap_or_default())?;
            }
            source.write_all(piece.get(..most).unwrap_or_default()).await?;
            left -= u64::try_from(most).unwrap_or(left);
        }
        source.shutdown().await?;
        Ok::<_, std::io::Error>(source)
    });
    let (mut buffer, mut taken) = (vec![0; PIECE], 0);
    while taken < bytes {
        let read = sink.read(&mut buffer).await?;
        anyhow::ensure!(read > 0, "the relay ended early");
        if let Some(to) = &mut to {
            to.write_all(buffer.get(..read).unwrap_or_default())?;
        }
        taken += u64::try_from(read).unwrap_or(0);
    }
    let elapsed = began.elapsed();
    drop(sending.await??);
    relay.wait()?;
    Ok(elapsed)
}
