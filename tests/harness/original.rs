//! A stand-in for the original's client, written from what is known of its bytes: it takes one read of 4,096
//! bytes for one message, and its receiving thread dies where the original's dies.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::soon;

/// Reads that may wait for a test; the stand-in reads on only as they are taken, when there are more.
const WAITING: usize = 16_384;

/// What one read was taken for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Read {
    /// 209: who, and what.
    Said(String, String),
    /// Another code, and its fields.
    Code(u16, Vec<String>),
    /// 200: a file.
    File(Vec<u8>),
    /// Something that ends the receiving thread; nothing is ever shown again.
    Died(Vec<u8>),
    /// The server closed the connection.
    Closed,
}

/// The original's client.
pub struct Original {
    writer: OwnedWriteHalf,
    reads: mpsc::Receiver<Read>,
    receiving: JoinHandle<()>,
}

impl Original {
    /// Connected.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = soon("a connection", TcpStream::connect(address)).await.expect("a connection");
        let (reader, writer) = stream.into_split();
        let (told, reads) = mpsc::channel(WAITING);
        let receiving = tokio::spawn(receive(reader, told));
        Self { writer, reads, receiving }
    }

    /// Registered, on a connection of its own as it is, and logged in; the list of who is online is asked for.
    pub async fn newcomer(address: SocketAddr, name: &str) -> Self {
        let mut client = Self::connect(address).await;
        client.sends(&format!("102\r\n{name}\r\n{}", crate::PASSWORD)).await;
        assert_eq!(client.next().await, Read::Code(206, Vec::new()), "{name} is registered");
        client.comes_in(name).await;
        client
    }

    /// Logs in; what was missed comes after the list.
    pub async fn comes_in(&mut self, name: &str) {
        self.sends(&format!("101\r\n{name}\r\n{}", crate::PASSWORD)).await;
        assert_eq!(self.next().await, Read::Code(204, vec![name.to_owned()]), "{name} is let in");
        self.sends("108").await;
    }

    /// Sends bytes with one call.
    pub async fn sends(&mut self, text: &str) {
        self.sends_bytes(text.as_bytes()).await;
    }

    /// Sends bytes with one call.
    pub async fn sends_bytes(&mut self, bytes: &[u8]) {
        soon("bytes to be taken", self.writer.write_all(bytes)).await.expect("a connection");
    }

    /// Reads nothing any more, and keeps the connection.
    pub fn stops_reading(&mut self) {
        self.receiving.abort();
    }

    /// Passes over everything up to the end of the connection.
    pub async fn waits_for_the_end(&mut self) -> Read {
        loop {
            match self.next().await {
                Read::Code(..) | Read::Said(..) | Read::File(_) => {}
                end => return end,
            }
        }
    }

    /// Tells these people something.
    pub async fn tells(&mut self, to: &[&str], text: &str) {
        self.sends(&format!("106\r\n{}\r\n{text}", to.join("\t"))).await;
    }

    /// What the next read was taken for.
    pub async fn next(&mut self) -> Read {
        soon("a read", self.reads.recv()).await.unwrap_or(Read::Closed)
    }

    /// Passes over everything up to a message; who sent it and what it says.
    pub async fn reads(&mut self) -> (String, String) {
        loop {
            match self.next().await {
                Read::Said(from, text) => return (from, text),
                Read::Code(203 | 205 | 210, _) => {}
                other => panic!("{other:?} instead of a message"),
            }
        }
    }

    /// Passes over what is said up to a file; its content.
    pub async fn next_file(&mut self) -> Vec<u8> {
        loop {
            match self.next().await {
                Read::File(content) => return content,
                Read::Code(203 | 205 | 210, _) | Read::Said(..) => {}
                other => panic!("{other:?} instead of a file"),
            }
        }
    }

    /// Passes over everything up to this code; its fields.
    pub async fn waits_for(&mut self, code: u16) -> Vec<String> {
        loop {
            match self.next().await {
                Read::Code(found, fields) if found == code => return fields,
                Read::Code(..) | Read::Said(..) => {}
                other => panic!("{other:?} instead of {code}"),
            }
        }
    }
}

async fn receive(mut reader: OwnedReadHalf, told: mpsc::Sender<Read>) {
    let mut buffer = [0; 4096];
    loop {
        let read = match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => Read::Closed,
            Ok(n) => take(buffer.get(..n).unwrap_or_default()),
        };
        let last = matches!(read, Read::Died(_) | Read::Closed);
        if told.send(read).await.is_err() || last {
            return;
        }
    }
}

/// As the original does: split at CRLF, the first field a number, the third the text, the rest lost.
fn take(bytes: &[u8]) -> Read {
    if let Some(content) = bytes.strip_prefix(b"200") {
        return Read::File(content.to_vec());
    }
    let died = || Read::Died(bytes.to_vec());
    let Ok(text) = std::str::from_utf8(bytes) else {
        return died();
    };
    let mut fields = text.split("\r\n").map(str::to_owned);
    let Some(Ok(code)) = fields.next().map(|code| code.parse()) else {
        return died();
    };
    let fields: Vec<_> = fields.collect();
    match (code, fields.as_slice()) {
        (209, [from, text, ..]) => Read::Said(from.clone(), text.clone()),
        (209, _) => died(),
        _ => Read::Code(code, fields),
    }
}
