//! The original's wire format: an adapter. What an original client sends becomes frames for an ordinary
//! session, and what the session says becomes what the original can read. There is no second server in here.
//!
//! Its programs take one read for one message, so every piece goes out alone: the next one waits until the
//! last has been read, where this machine can see that, and for a pause where it cannot.

mod file;
mod unread;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use sotto_proto::{Decoder, Frame, OriginalReader, Reply, Request, Username, Wish, file_piece, pieces};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, Notify, mpsc};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tracing::{debug, info};

pub(crate) use file::describe;
use file::{Sending, Step};
use unread::Unread;

use crate::Server;
use crate::connection::{self, Transport};
use crate::door::Admission;
use crate::error::ConnectionEnd;

/// Between session and adapter: so little that what the session takes for written has nearly all been read.
const PIPE: usize = 64;
/// What is asked of the socket at once.
const READ: usize = 4 * 1024;
/// Answers to what cannot be done that may wait; the client is not read on when there are more.
const REFUSALS: usize = 16;
/// What the adapter itself says to the session that may wait: the content that one 222 asks for, and a little.
const ANSWERS: usize = 32;
/// Between two looks at whether a piece has been read; doubled up to the last.
const FIRST_LOOK: Duration = Duration::from_micros(500);
const LAST_LOOK: Duration = Duration::from_millis(16);
/// For what is left to be said when the client has gone.
const GOODBYE: Duration = Duration::from_secs(1);

/// Both ends of the connection, as sockets; `None`: something else carries the bytes.
pub(crate) type Ends = Option<(SocketAddr, SocketAddr)>;

/// Serves one original client to the end.
pub(crate) async fn serve(
    stream: impl Transport,
    server: Arc<Server>,
    (mut admission, ends): (Admission, Ends),
) -> ConnectionEnd {
    admission.original = true;
    let (near, far) = tokio::io::duplex(PIPE);
    let adapter = Adapter::new(&server, ends);
    let (end, ()) = tokio::join!(connection::serve(far, server, admission), adapter.run(stream, near));
    end
}

struct Adapter {
    unread: Option<Unread>,
    pause: Duration,
    patience: Duration,
    max_file: usize,
    /// The file that is on its way to the session. The next one waits for it.
    sending: Mutex<Option<Sending>>,
    sent: Notify,
}

/// What the adapter says to the session on its own account, as frames.
type Answers = mpsc::Sender<Bytes>;
type ToSession = Mutex<WriteHalf<DuplexStream>>;

impl Adapter {
    fn new(server: &Server, ends: Ends) -> Self {
        let limits = server.limits();
        let (pause, patience) = (limits.plaintext_pause(), limits.write());
        let (unread, max_file) = (ends.and_then(Unread::at_peer), limits.plaintext_file());
        Self { unread, pause, patience, max_file, sending: Mutex::default(), sent: Notify::new() }
    }

    async fn run(self, stream: impl Transport, near: DuplexStream) {
        let (reader, mut writer) = tokio::io::split(stream);
        let (from_session, to_session) = tokio::io::split(near);
        let to_session = Mutex::new(to_session);
        let (refusals, refused) = mpsc::channel(REFUSALS);
        let (answers, to_pass_on) = mpsc::channel(ANSWERS);
        {
            let speaking = self.speak((from_session, refused), &mut writer, &answers);
            tokio::pin!(speaking);
            tokio::select! {
                () = pass_on(to_pass_on, &to_session) => {}
                () = self.listen(reader, &to_session, refusals) => {
                    // The session hears that the client has gone; what it still says may find nobody.
                    let _ = to_session.lock().await.shutdown().await;
                    let _ = timeout(GOODBYE, speaking).await;
                }
                () = &mut speaking => {}
            }
        }
        let _ = timeout(GOODBYE, writer.shutdown()).await;
    }

    /// Reads what the client sends, until it has gone.
    async fn listen<S: Transport>(
        &self,
        mut reader: ReadHalf<S>,
        to_session: &ToSession,
        refusals: mpsc::Sender<&'static [u8]>,
    ) {
        let mut original = OriginalReader::new(self.max_file);
        let mut buffer = BytesMut::new();
        loop {
            buffer.clear();
            buffer.reserve(READ);
            let deadline = original.patience().map(|patience| Instant::now() + patience);
            let read = match deadline {
                Some(deadline) => timeout_at(deadline, reader.read_buf(&mut buffer)).await,
                None => Ok(reader.read_buf(&mut buffer).await),
            };
            let (wishes, gone) = match read {
                Ok(Ok(n)) if n > 0 => (original.read(&buffer), false),
                Ok(_) => (original.quiet().into_iter().collect(), true),
                Err(_) => (original.quiet().into_iter().collect(), false),
            };
            for wish in wishes {
                if self.grant(wish, to_session, &refusals).await.is_err() {
                    return;
                }
            }
            if gone {
                return;
            }
        }
    }

    async fn grant(
        &self,
        wish: Wish,
        to_session: &ToSession,
        refusals: &mpsc::Sender<&'static [u8]>,
    ) -> Result<(), ()> {
        match wish {
            Wish::Ask(request) => {
                let code = code_of(&request).to_string();
                to_session.lock().await.write_all(&request.encode(Some(&code))).await.map_err(|_| ())
            }
            Wish::Refuse(answer) => refusals.send(answer).await.map_err(|_| ()),
            Wish::Nonsense(bytes) => {
                info!(bytes, "an original client sent what is no request");
                Ok(())
            }
            Wish::File(Some(content)) if !content.is_empty() => self.offer(content, to_session).await,
            Wish::File(content) => {
                info!(too_long = content.is_none(), "a file from an original client that is not taken");
                refusals.send(b"208").await.map_err(|_| ())
            }
        }
    }

    /// Offers a file to everyone, once the one before it is on its way.
    async fn offer(&self, content: Bytes, to_session: &ToSession) -> Result<(), ()> {
        while self.sending.lock().await.is_some() {
            self.sent.notified().await;
        }
        let (sending, offer) = Sending::begin(content).ok_or(())?;
        *self.sending.lock().await = Some(sending);
        to_session.lock().await.write_all(&offer.encode(None)).await.map_err(|_| ())
    }

    /// Goes on with the file that is on its way. What the client is to read about it.
    async fn go_on(&self, reply: &Reply, answers: &Answers) -> Option<Vec<Bytes>> {
        let mut sending = self.sending.lock().await;
        let step = sending.as_mut()?.hear(reply);
        let said = match step {
            Step::Other => return None,
            Step::Say(requests) => {
                requests.iter().for_each(|request| answer(answers, request));
                return Some(Vec::new());
            }
            Step::Done => Vec::new(),
            Step::Refused => vec![Bytes::from_static(b"208")],
        };
        *sending = None;
        self.sent.notify_one();
        Some(said)
    }

    /// Says what the session says, one piece after the other, until it has ended.
    async fn speak<S: Transport>(
        &self,
        (mut from_session, mut refused): (ReadHalf<DuplexStream>, mpsc::Receiver<&'static [u8]>),
        writer: &mut WriteHalf<S>,
        answers: &Answers,
    ) {
        let decoder = Decoder::after_login();
        let mut buffer = BytesMut::new();
        let mut own = None;
        loop {
            let said = tokio::select! {
                frame = next_frame(&mut from_session, (&decoder, &mut buffer)) => match frame {
                    Some(frame) => self.frame(&frame, &mut own, answers).await,
                    None => return,
                },
                Some(answer) = refused.recv() => vec![Bytes::from_static(answer)],
            };
            for piece in said {
                if let Err(why) = self.say(&piece, writer).await {
                    debug!("an original client does not read: {why}");
                    return;
                }
            }
        }
    }

    async fn frame(&self, frame: &Frame, own: &mut Option<Username>, answers: &Answers) -> Vec<Bytes> {
        let Ok(reply) = Reply::from_frame(frame) else {
            return Vec::new();
        };
        if let Some(said) = self.go_on(&reply, answers).await {
            return said;
        }
        match &reply {
            Reply::SmallFile { content } => return file_piece(content).into_iter().collect(),
            Reply::Ping { body } => {
                // Everything before has been written, and where that can be seen, read.
                answer(answers, &Request::Pong { body: body.clone() });
            }
            Reply::LoggedIn { user, .. } => *own = Some(user.clone()),
            // The original shows what it sends by itself.
            Reply::Message(message) if Some(&message.from) == own.as_ref() => return Vec::new(),
            Reply::Message(message) if message.file.is_some() => {
                let said = message.file.as_ref().map(|offered| file::said(message, offered));
                return said.map_or_else(Vec::new, |said| pieces(&Reply::Message(said), None));
            }
            _ => {}
        }
        let asked = frame.tag("ref").and_then(|code| code.parse().ok());
        pieces(&reply, asked)
    }

    async fn say<S: Transport>(&self, piece: &[u8], writer: &mut WriteHalf<S>) -> Result<(), &'static str> {
        if let Some(unread) = &self.unread {
            unread.wrote(piece.len());
        }
        let writing = async {
            writer.write_all(piece).await?;
            writer.flush().await
        };
        match timeout(self.patience, writing).await {
            Ok(Ok(())) => self.wait_until_read().await,
            Ok(Err(_)) => Err("the connection is gone"),
            Err(_) => Err("nothing was taken"),
        }
    }

    /// Two pieces in one read would be one message to the client.
    async fn wait_until_read(&self) -> Result<(), &'static str> {
        let given_up = Instant::now() + self.patience;
        let mut look = FIRST_LOOK;
        tokio::task::yield_now().await;
        loop {
            match self.unread.as_ref().and_then(Unread::anything) {
                Some(false) => return Ok(()),
                None => {
                    sleep(self.pause).await;
                    return Ok(());
                }
                Some(_) if Instant::now() > given_up => return Err("nothing was read"),
                Some(_) => {
                    sleep(look).await;
                    look = (look * 2).min(LAST_LOOK);
                }
            }
        }
    }
}

/// Says something to the session on behalf of the client.
fn answer(answers: &Answers, request: &Request) {
    if answers.try_send(request.encode(None)).is_err() {
        debug!("the session asks for more than it takes");
    }
}

/// Writes what is to be said to the session: whoever listens to the session must not wait for it to listen.
async fn pass_on(mut answers: mpsc::Receiver<Bytes>, to_session: &ToSession) {
    while let Some(answer) = answers.recv().await {
        if to_session.lock().await.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn code_of(request: &Request) -> u16 {
    match request {
        Request::LogIn { .. } => 101,
        Request::Register { .. } => 102,
        Request::Send { .. } => 106,
        Request::Who { .. } => 108,
        _ => 100,
    }
}

async fn next_frame(
    from_session: &mut ReadHalf<DuplexStream>,
    (decoder, buffer): (&Decoder, &mut BytesMut),
) -> Option<Frame> {
    loop {
        if let Some(frame) = decoder.next(buffer).ok()? {
            return Some(frame);
        }
        buffer.reserve(PIPE);
        if from_session.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
