//! Reads ahead of TLS, which asks its stream for 4 KiB at a time: whoever sends much is read in large pieces. An idle connection
//! keeps no memory for that.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What is asked of the socket at once while much comes, in bytes.
const AHEAD: usize = 64 * 1024;

/// A stream, and what has been read of it ahead. What is written goes straight through.
pub(crate) struct ReadAhead<S> {
    stream: S,
    ahead: BytesMut,
    /// The last read got all it had asked for: there may be more than its caller thinks.
    much: bool,
}

impl<S> ReadAhead<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, ahead: BytesMut::new(), much: false }
    }
}

impl<S: AsyncRead + Unpin> ReadAhead<S> {
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.ahead.reserve(AHEAD);
        let read = pin!(self.stream.read_buf(&mut self.ahead)).poll(cx);
        if !matches!(read, Poll::Ready(Ok(1..))) {
            self.much = false;
            self.ahead = BytesMut::new();
        }
        read
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadAhead<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            if !self.much {
                ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
                self.much = buffer.remaining() == 0;
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_ahead(cx))?;
        }
        let most = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(self.ahead.get(..most).unwrap_or_default());
        self.ahead.advance(most);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReadAhead<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn what_comes_is_read_whole_and_an_idle_stream_keeps_nothing() {
        let (mut far, near) = tokio::io::duplex(1 << 20);
        let mut stream = ReadAhead::new(near);
        let content: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        far.write_all(&content).await.unwrap();
        let (mut read, mut most) = (Vec::new(), 0);
        while read.len() < content.len() {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.unwrap();
            read.extend_from_slice(&piece[..count]);
            most = stream.ahead.len().max(most);
        }
        assert!(read == content, "not a byte lost or moved");
        assert_eq!(most, AHEAD - 4096);
        let waiting = tokio::time::timeout(std::time::Duration::ZERO, stream.read_u8()).await;
        assert!(waiting.is_err() && stream.ahead.capacity() == 0);
        far.write_all(b"and").await.unwrap();
        drop(far);
        read.clear();
        stream.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"and");
    }
}
