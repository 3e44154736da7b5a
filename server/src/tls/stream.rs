//! A TLS stream whose buffers are there only while something is in them: rustls' own stream keeps 4 KiB for as long as it lives,
//! which is most of what somebody who is there and silent would cost. The protocol is rustls'; this carries bytes to it and from it.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rustls::ServerConfig;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus, WriteTraffic,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What is asked of the socket at once, in bytes.
const READ: usize = 4 * 1024;
/// And while much comes.
const MUCH: usize = 32 * 1024;
/// The most that is encrypted before it is written: four full records.
const MOST_WRITTEN: usize = 64 * 1024;
/// What encryption adds to text that fits into one record: its head, its type and its tag.
const OVERHEAD: usize = 5 + 1 + 16;

/// One end of a TLS connection that has shaken hands.
pub(crate) struct TlsStream<S> {
    socket: S,
    tls: UnbufferedServerConnection,
    /// What has come and is not decrypted: at most what was read at once, and the beginning of a record.
    incoming: BytesMut,
    /// What is decrypted and has not been asked for.
    heard: BytesMut,
    /// What is encrypted and not written.
    outgoing: BytesMut,
    /// The last read got all it had asked for: there may be more.
    much: bool,
    /// The other end has said that nothing more comes.
    ended: bool,
    said_goodbye: bool,
    /// It has broken the rules: rustls is not asked about it again.
    broken: bool,
}

/// How far a connection is.
enum Stage {
    /// Nothing more can be done before more has come.
    ShakesHands,
    /// Text has come.
    Heard,
    /// All that has come is decrypted.
    Open,
    /// Nothing more will come.
    Ended,
}

/// What is to be said when it can be.
enum Say<'a> {
    Nothing,
    Text(&'a [u8]),
    Goodbye,
}

/// Shakes hands.
///
/// # Errors
/// What the socket reports; [`io::ErrorKind::InvalidData`] when the other end breaks the rules, which it is told.
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    socket: S,
    config: Arc<ServerConfig>,
) -> io::Result<TlsStream<S>> {
    let tls = UnbufferedServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = TlsStream {
        socket,
        tls,
        incoming: BytesMut::new(),
        heard: BytesMut::new(),
        outgoing: BytesMut::new(),
        much: false,
        ended: false,
        said_goodbye: false,
        broken: false,
    };
    poll_fn(|cx| stream.poll_handshake(cx)).await?;
    Ok(stream)
}

impl<S> TlsStream<S> {
    /// What both ends have agreed to talk.
    pub(crate) fn alpn_protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Takes what has come as far as to the next text, of which `heard` gets what it has room for; and says what is to be said once that is
    /// all. What rustls has to say for itself goes to what is written next.
    fn step(&mut self, heard: &mut ReadBuf<'_>, say: &Say<'_>) -> io::Result<Stage> {
        loop {
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut self.incoming);
            let stage = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(broken)?;
                        discard += record.discard;
                        let room = if self.heard.is_empty() { heard.remaining() } else { 0 };
                        let (now, later) = record.payload.split_at(room.min(record.payload.len()));
                        heard.put_slice(now);
                        self.heard.extend_from_slice(later);
                    }
                    Some(Stage::Heard)
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.outgoing, 0, |room| data.encode(room))?;
                    None
                }
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    data.done();
                    None
                }
                Ok(ConnectionState::WriteTraffic(traffic)) => {
                    say.to(traffic, &mut self.outgoing)?;
                    Some(Stage::Open)
                }
                Ok(ConnectionState::BlockedHandshake) => Some(Stage::ShakesHands),
                Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Stage::Ended),
                // There is no early data, and nothing else is known to this version of rustls.
                Ok(_) => return Err(io::ErrorKind::Unsupported.into()),
                Err(fault) => {
                    self.incoming.advance(discard);
                    return Err(broken(fault));
                }
            };
            self.incoming.advance(discard);
            if let Some(stage) = stage {
                return Ok(stage);
            }
        }
    }

    /// Takes the alert that rustls has for the other end, and nothing of what has come: that would be a fault again.
    fn complain(&mut self) {
        while self.tls.wants_write() {
            let Ok(ConnectionState::EncodeTlsData(mut data)) =
                self.tls.process_tls_records(&mut self.incoming).state
            else {
                return;
            };
            if append(&mut self.outgoing, 0, |room| data.encode(room)).is_err() {
                return;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let stage = self.turn(cx, (&mut ReadBuf::new(&mut []), &Say::Nothing))?;
            ready!(self.poll_send(cx))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if matches!(stage, Stage::Ended) {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
            ready!(self.poll_fill(cx))?;
        }
    }

    /// [`Self::step`]. Whoever breaks the rules is told how, if that can be done at once.
    fn turn(
        &mut self,
        cx: &mut Context<'_>,
        (heard, say): (&mut ReadBuf<'_>, &Say<'_>),
    ) -> io::Result<Stage> {
        if self.broken {
            return Err(io::ErrorKind::NotConnected.into());
        }
        self.step(heard, say).inspect_err(|_| {
            self.broken = true;
            self.complain();
            let _ = self.poll_send(cx);
        })
    }

    /// Reads what has come. An end without a good-bye is an error: somebody on the way may have cut the rest off.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let read = if self.much {
            self.incoming.reserve(MUCH);
            pin!(self.socket.read_buf(&mut self.incoming)).poll(cx)
        } else {
            self.poll_fill_a_little(cx)
        };
        let much = if self.much { MUCH } else { READ };
        self.much = matches!(read, Poll::Ready(Ok(count)) if count >= much) && !self.tls.is_handshaking();
        if self.incoming.is_empty() {
            self.incoming = BytesMut::new();
        }
        match ready!(read)? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Without memory for what does not come.
    fn poll_fill_a_little(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut piece = [const { MaybeUninit::uninit() }; READ];
        let mut piece = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut piece))?;
        self.incoming.extend_from_slice(piece.filled());
        Poll::Ready(Ok(piece.filled().len()))
    }

    /// Writes what is encrypted.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            match ready!(Pin::new(&mut self.socket).poll_write(cx, &self.outgoing))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.outgoing.advance(count),
            }
        }
        self.outgoing = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    /// Encrypts it after what came before, if that is written.
    fn poll_say(&mut self, cx: &mut Context<'_>, say: &Say<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        loop {
            match self.turn(cx, (&mut ReadBuf::new(&mut []), say))? {
                Stage::Open => return Poll::Ready(Ok(())),
                Stage::Heard => {}
                Stage::Ended if !self.ended => self.ended = true,
                Stage::Ended | Stage::ShakesHands => {
                    return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
                }
            }
        }
    }
}

impl Say<'_> {
    fn to<Data>(&self, mut traffic: WriteTraffic<'_, Data>, outgoing: &mut BytesMut) -> io::Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::Text(text) => append(outgoing, text.len() + OVERHEAD, |room| traffic.encrypt(text, room)),
            Self::Goodbye => append(outgoing, OVERHEAD, |room| traffic.queue_close_notify(room)),
        }
    }
}

/// Adds what rustls writes: about so many bytes, or as many as it asks for.
fn append<E: TooSmall>(
    outgoing: &mut BytesMut,
    likely: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> io::Result<()> {
    let before = outgoing.len();
    let mut room = likely;
    loop {
        outgoing.resize(before + room, 0);
        let written = write(outgoing.get_mut(before..).unwrap_or_default());
        match written.map_err(TooSmall::or_fault) {
            Ok(count) => {
                outgoing.truncate(before + count);
                return Ok(());
            }
            Err(Ok(InsufficientSizeError { required_size })) if required_size > room => room = required_size,
            Err(fault) => {
                outgoing.truncate(before);
                return Err(fault.err().unwrap_or_else(|| io::ErrorKind::InvalidData.into()));
            }
        }
    }
}

/// An error that may be only that there is too little room.
trait TooSmall {
    fn or_fault(self) -> Result<InsufficientSizeError, io::Error>;
}

impl TooSmall for EncodeError {
    fn or_fault(self) -> Result<InsufficientSizeError, io::Error> {
        match self {
            Self::InsufficientSize(size) => Ok(size),
            fault @ Self::AlreadyEncoded => Err(io::Error::other(fault)),
        }
    }
}

impl TooSmall for EncryptError {
    fn or_fault(self) -> Result<InsufficientSizeError, io::Error> {
        match self {
            Self::InsufficientSize(size) => Ok(size),
            fault @ Self::EncryptExhausted => Err(io::Error::other(fault)),
        }
    }
}

fn broken(fault: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, fault)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if !self.heard.is_empty() {
                let most = self.heard.len().min(buffer.remaining());
                buffer.put_slice(self.heard.get(..most).unwrap_or_default());
                self.heard.advance(most);
                if self.heard.is_empty() {
                    self.heard = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            match self.turn(cx, (buffer, &Say::Nothing))? {
                Stage::Heard if buffer.filled().len() > before => return Poll::Ready(Ok(())),
                Stage::Heard => {}
                Stage::Ended => self.ended = true,
                Stage::Open | Stage::ShakesHands => {
                    // What rustls answers by itself; if it cannot be written now, it goes before what is written next.
                    if let Poll::Ready(Err(fault)) = self.poll_send(cx) {
                        return Poll::Ready(Err(fault));
                    }
                    ready!(self.poll_fill(cx))?;
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, text: &[u8]) -> Poll<io::Result<usize>> {
        let text = text.get(..MOST_WRITTEN).unwrap_or(text);
        ready!(self.poll_say(cx, &Say::Text(text)))?;
        // It has been taken; the rest is written with what comes next, or flushed.
        match self.poll_send(cx) {
            Poll::Ready(Err(fault)) => Poll::Ready(Err(fault)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(text.len())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut filled = slices.iter().filter(|slice| !slice.is_empty());
        let (first, second) = (filled.next(), filled.next());
        let (Some(first), Some(second)) = (first, second) else {
            return self.poll_write(cx, first.map(|slice| &**slice).unwrap_or_default());
        };
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut text = Vec::with_capacity(all.min(MOST_WRITTEN));
        for slice in [first, second].into_iter().chain(filled) {
            let room = MOST_WRITTEN - text.len();
            text.extend_from_slice(slice.get(..room).unwrap_or(slice));
        }
        self.poll_write(cx, &text)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.said_goodbye {
            ready!(self.poll_say(cx, &Say::Goodbye))?;
            self.said_goodbye = true;
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
