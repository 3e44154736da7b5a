//! One connection of many: what comes and goes in it, and as little of anything else as there can be.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::Duration;

use anyhow::Context;
use bytes::{Buf, Bytes, BytesMut};
use sotto_client::{Connection, fresh_cid};
use sotto_proto::{Cid, Decoder, Frame, Request, code};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use crate::dialect::{Dialect, Heard};
use crate::way::Way;

/// Without a byte for this long, what has not come will not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What is read of a connection at once.
const READ: usize = 64 * 1024;

thread_local! {
    /// What all connections of a thread read into: one that waits needs no memory.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// A connection, and what has been read from it and not yet used.
pub(crate) struct Client {
    stream: Connection,
    pub(crate) buffer: BytesMut,
}

impl Client {
    pub(crate) async fn connect(way: &Way) -> anyhow::Result<Self> {
        Ok(Self { stream: way.connect().await?, buffer: BytesMut::new() })
    }

    pub(crate) async fn send(&mut self, words: &Bytes) -> anyhow::Result<()> {
        self.stream.write_all(words).await?;
        Ok(self.stream.flush().await?)
    }

    /// Waits for bytes and keeps what came; 0 at the end. A client that has used everything keeps no buffer.
    pub(crate) async fn read(&mut self) -> io::Result<usize> {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        let Self { stream, buffer } = self;
        poll_fn(|cx| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut read = ReadBuf::new(scratch);
                ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
                buffer.extend_from_slice(read.filled());
                Poll::Ready(Ok(read.filled().len()))
            })
        })
        .await
    }

    /// As [`Self::read`], but something has to come.
    pub(crate) async fn reads_on(&mut self) -> anyhow::Result<()> {
        let read = timeout(PATIENCE, self.read()).await;
        anyhow::ensure!(read.context("nothing comes any more")?? > 0, "the connection was closed");
        Ok(())
    }

    /// The next frame that is not a ping; pings are answered.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Frame> {
        loop {
            while let Some(frame) = Decoder::after_login().next(&mut self.buffer)? {
                if frame.code() != code::PING {
                    return Ok(frame);
                }
                self.send(&Request::Pong { body: frame.body() }.encode(None)).await?;
            }
            self.reads_on().await?;
        }
    }

    /// Waits for a frame of this kind; others are passed over.
    pub(crate) async fn waits_for(&mut self, code: u16) -> anyhow::Result<Frame> {
        loop {
            let frame = self.next().await?;
            if frame.code() == code {
                return Ok(frame);
            }
        }
    }

    /// Waits until everything missed has come.
    pub(crate) async fn catches_up(&mut self) -> anyhow::Result<()> {
        self.waits_for(code::CAUGHT_UP).await.map(drop)
    }

    /// Reads everything that was on its way to it, such as who else came in.
    pub(crate) async fn settles(&mut self, dialect: Dialect) -> anyhow::Result<()> {
        let Some(question) = dialect.question() else { return Ok(()) };
        self.send(&question).await?;
        loop {
            while let Some((heard, bytes)) = dialect.hear(&self.buffer)? {
                match heard {
                    Heard::Answer => {
                        self.buffer.advance(bytes);
                        return Ok(());
                    }
                    Heard::Ping(pong) => self.send(&pong).await?,
                    _ => {}
                }
                self.buffer.advance(bytes);
            }
            self.reads_on().await?;
        }
    }

    /// Stays, silent, and answers pings, for as long as it is let.
    pub(crate) async fn stays(mut self, dialect: Dialect) {
        while let Ok(1..) = self.read().await {
            while let Ok(Some((heard, bytes))) = dialect.hear(&self.buffer) {
                if let Heard::Ping(pong) = heard
                    && self.send(&pong).await.is_err()
                {
                    return;
                }
                self.buffer.advance(bytes);
            }
        }
    }
}

/// A message's name, given by its sender.
pub(crate) fn cid() -> anyhow::Result<Cid> {
    fresh_cid().map_err(anyhow::Error::msg)
}
