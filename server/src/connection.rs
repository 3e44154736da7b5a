//! Bytes and frames over any stream. Reading, feeding from the store and writing are three futures of one
//! task: a client that does not read stalls only its own writing.

use std::future::{Future, poll_fn};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};

use bytes::BytesMut;
use sotto_proto::{Decoder, Frame, Outgoing, Reply};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::debug;

use crate::Server;
use crate::door::Admission;
use crate::error::ConnectionEnd;
use crate::outbox::{Gap, Introduction, Outbox, Placed};
use crate::page::Pages;
use crate::session::Session;
use crate::store::StoreError;
use crate::{handlers, hub};

/// What is given to TLS at once: one full record.
const RECORD: usize = 16 * 1024;
/// What is asked of the socket at once.
const READ: usize = 4 * 1024;
/// And when more of a frame is to come: a chunk of a file and its head, so that its buffer need not grow.
const MOST_READ: usize = 64 * 1024;

/// A stream of bytes in both directions.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// Serves one client to the end. What this is while nothing happens, everybody who is there costs: the stream is where both halves
/// find it, and a request has memory while it is answered.
pub(crate) fn serve<S: Transport>(
    stream: S,
    server: Arc<Server>,
    admission: Admission,
) -> impl Future<Output = ConnectionEnd> {
    let (reader, writer) = tokio::io::split(stream);
    serve_halves((reader, writer), server, admission)
}

async fn serve_halves<S: Transport>(
    (reader, writer): (ReadHalf<S>, WriteHalf<S>),
    server: Arc<Server>,
    admission: Admission,
) -> ConnectionEnd {
    let limits = server.limits();
    let outbox = Arc::new(Outbox::with_bounds(limits.outbox_bytes(), limits.stranger_outbox_bytes()));
    let sent_away = admission.sent_away.clone();
    let mut session = Session::new(Arc::clone(&server), Arc::clone(&outbox), admission);
    let mut writer = Writer { stream: writer, outgoing: Outgoing::default(), server: Arc::clone(&server) };
    let end = tokio::select! {
        // All six are looked at whenever one has something to do. Writing comes first and reading last, because what there is to
        // write is bounded by the outbox, and a client that asks without end must not use up the task's budget before it.
        biased;
        refusal = outbox.closed() => ConnectionEnd::Closed(refusal),
        () = sent_away.cancelled() => ConnectionEnd::SentAway,
        end = writer.write_all(&outbox) => end,
        end = feed(&server, &outbox) => end,
        end = handlers::file::carry(&server.spool, &outbox) => end,
        end = converse(reader, &mut session) => end,
    };
    // Leaves the hub, so that nothing more is queued.
    drop(session);
    if let Some(refusal) = end.last_words() {
        if matches!(end, ConnectionEnd::Malformed(_)) {
            outbox.reply(Reply::Refused(refusal.clone()).encode(None));
        }
        outbox.reply(Reply::Goodbye(refusal).encode(None));
        writer.finish(&outbox).await;
    }
    end
}

/// Reads requests and has them answered, one after the other.
async fn converse<S: Transport>(mut reader: ReadHalf<S>, session: &mut Session) -> ConnectionEnd {
    let mut decoder = Decoder::before_login();
    let mut buffer = BytesMut::new();
    let stopping = session.stopping();
    loop {
        let frame = tokio::select! {
            biased;
            () = stopping.cancelled() => Err(ConnectionEnd::Shutdown),
            frame = next_frame(&mut reader, (&mut decoder, &mut buffer), session) => frame,
        };
        match frame {
            Ok(frame) => {
                if let Err(end) = answer(&frame, session).await {
                    return end;
                }
            }
            Err(end) => {
                if matches!(end, ConnectionEnd::Shutdown | ConnectionEnd::Malformed(_)) {
                    // What came before is answered before the good-bye.
                    Box::pin(session.flush()).await;
                }
                return end;
            }
        }
    }
}

/// Answers wait in the outbox; whoever does not read them is not asked for more questions. A stranger's time runs out meanwhile.
async fn answer(frame: &Frame, session: &mut Session) -> Result<(), ConnectionEnd> {
    if session.is_member() {
        session.outbox().room().await;
    } else {
        let room = timeout_at(session.next_deadline(), session.outbox().room()).await;
        room.map_err(|_| ConnectionEnd::LogInTimeout)?;
    }
    Box::pin(session.handle(frame)).await
}

async fn next_frame<S: Transport>(
    reader: &mut ReadHalf<S>,
    (decoder, buffer): (&mut Decoder, &mut BytesMut),
    session: &mut Session,
) -> Result<Frame, ConnectionEnd> {
    loop {
        if session.is_member() {
            decoder.logged_in();
        }
        if let Some(frame) = decoder.next(buffer).map_err(ConnectionEnd::Malformed)? {
            return Ok(frame);
        }
        let missing = decoder.missing(buffer);
        if read_in_time(read(reader, buffer, missing), session).await? == 0 {
            return Err(ConnectionEnd::PeerClosed);
        }
        session.heard();
    }
}

/// Reads what comes. Between frames there is no buffer: whoever is silent costs none.
async fn read<S: Transport>(
    reader: &mut ReadHalf<S>,
    buffer: &mut BytesMut,
    missing: usize,
) -> std::io::Result<usize> {
    if !buffer.is_empty() {
        buffer.reserve(missing.clamp(READ, MOST_READ));
        return reader.read_buf(buffer).await;
    }
    *buffer = BytesMut::new();
    poll_fn(|cx| {
        let mut piece = [const { MaybeUninit::uninit() }; READ];
        let mut piece = ReadBuf::uninit(&mut piece);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut piece))?;
        buffer.extend_from_slice(piece.filled());
        Poll::Ready(Ok(piece.filled().len()))
    })
    .await
}

/// Waits for bytes; meanwhile keeps the time: for a stranger to log in, for a member to be pinged.
async fn read_in_time(
    read: impl Future<Output = std::io::Result<usize>>,
    session: &mut Session,
) -> Result<usize, ConnectionEnd> {
    tokio::pin!(read);
    loop {
        match timeout_at(session.next_deadline(), &mut read).await {
            Ok(read) => return read.map_err(ConnectionEnd::from),
            Err(_) => session.deadline(Instant::now())?,
        }
    }
}

/// Feeds a client that is catching up from the store, at the pace at which it takes what it is given.
async fn feed(server: &Server, outbox: &Outbox) -> ConnectionEnd {
    let mut pages = Pages::default();
    loop {
        let gap = outbox.gap().await;
        let Some(user) = outbox.user() else { continue };
        let filled = match gap {
            Gap::Introduction(conv) => introduce(server, outbox, conv).await,
            Gap::Messages(conv, cursor) => pages.after(&*server.store, (conv, cursor)).await.map(|page| {
                let placed = page.into_iter().map(|message| {
                    let seq = message.seq;
                    let frame = Reply::Message(message.for_reader(conv, user)).encode(None);
                    Placed { conv, seq, frame }
                });
                outbox.feed(conv, placed.collect());
            }),
        };
        if let Err(fault) = filled {
            tracing::error!(error = %fault, "cannot read what a client has missed");
            return ConnectionEnd::Closed(crate::session::internal());
        }
    }
}

/// A conversation that began while its member was catching up.
async fn introduce(server: &Server, outbox: &Outbox, conv: sotto_proto::ConvId) -> Result<(), StoreError> {
    let Some(user) = outbox.user() else { return Ok(()) };
    let Some(seat) = server.store.seat(user, conv).await? else {
        outbox.feed(conv, Vec::new());
        return Ok(());
    };
    let cursor = seat.confirmed.max(seat.since);
    let place = Introduction { cursor, confirmed: seat.confirmed, head: seat.head };
    outbox.introduce(conv, place, [hub::introduction(&seat.conversation, seat.head, cursor)]);
    Ok(())
}

/// The writing half. What it has taken out of the outbox and not yet written outlives a cancelled write.
struct Writer<S> {
    stream: WriteHalf<S>,
    outgoing: Outgoing,
    server: Arc<Server>,
}

impl<S: Transport> Writer<S> {
    async fn write_all(&mut self, outbox: &Outbox) -> ConnectionEnd {
        loop {
            outbox.take(&mut self.outgoing, RECORD).await;
            if let Err(end) = self.write_outgoing(outbox).await {
                return end;
            }
        }
    }

    /// Writes what has been taken, and what more there is by then; flushes when there is nothing more.
    async fn write_outgoing(&mut self, outbox: &Outbox) -> Result<(), ConnectionEnd> {
        let patience = self.server.limits().write();
        loop {
            while !self.outgoing.is_empty() {
                let written = timeout(patience, self.stream.write_buf(&mut self.outgoing)).await;
                written.map_err(|_| ConnectionEnd::WriteStalled)?.map_err(ConnectionEnd::from)?;
            }
            if outbox.user().is_none() {
                // What a stranger does not read must not gather in TLS's own buffer either, which takes 64 KiB.
                self.flush().await?;
            }
            if !outbox.take_now(&mut self.outgoing, RECORD) {
                break;
            }
        }
        // Nothing to write: an idle connection keeps no buffer.
        self.outgoing.shrink();
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), ConnectionEnd> {
        let flushed = timeout(self.server.limits().write(), self.stream.flush()).await;
        flushed.map_err(|_| ConnectionEnd::WriteStalled)?.map_err(ConnectionEnd::from)
    }

    /// Writes the rest, and says good-bye properly; a client that does not take it has seconds, not more.
    async fn finish(&mut self, outbox: &Outbox) {
        const GOODBYE: std::time::Duration = std::time::Duration::from_secs(2);
        let goodbye = async {
            self.write_outgoing(outbox).await?;
            self.stream.shutdown().await.map_err(ConnectionEnd::from)
        };
        match timeout(GOODBYE, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(end)) => debug!("no good-bye: {end}"),
            Err(_) => debug!("no good-bye: the client takes nothing"),
        }
    }
}
