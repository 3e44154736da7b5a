//! One connection of many: frames in both directions, and as little of anything else as there can be.

use std::time::Duration;

use anyhow::Context;
use bytes::{Bytes, BytesMut};
use sotto_client::{Connection, Dial, random_cid};
use sotto_proto::{Cid, Decoder, Frame, Request, code};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Without a byte for this long, what has not come will not come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What is asked of a connection at once.
const READ: usize = 16 * 1024;

/// A connection, and what has been read from it and not yet used.
pub(crate) struct Client {
    pub(crate) stream: Connection,
    pub(crate) buffer: BytesMut,
}

impl Client {
    pub(crate) async fn connect(dial: &Dial) -> anyhow::Result<Self> {
        Ok(Self { stream: dial.connect().await?, buffer: BytesMut::new() })
    }

    pub(crate) async fn send(&mut self, frame: &Bytes) -> anyhow::Result<()> {
        self.stream.write_all(frame).await?;
        Ok(self.stream.flush().await?)
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
            self.buffer.reserve(READ);
            let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
            anyhow::ensure!(read.context("nothing comes any more")?? > 0, "the connection was closed");
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

    /// Waits until everything missed has come. An idle client keeps no buffer.
    pub(crate) async fn catches_up(&mut self) -> anyhow::Result<()> {
        self.waits_for(code::CAUGHT_UP).await?;
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        Ok(())
    }
}

/// A message's name, given by its sender.
pub(crate) fn cid() -> anyhow::Result<Cid> {
    random_cid().map_err(anyhow::Error::msg)
}
