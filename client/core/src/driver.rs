//! The only async file: sockets, timers and channels around [`Session`]. Connects, pumps, reconnects.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use sotto_proto::{Decoder, Frame, Outgoing, Password, Refusal, Reply, Request, Succession, Token, Username};
use tokio::io::{AsyncReadExt, AsyncWriteExt, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::connect::{ConnectError, Connection, Dial};
use crate::disk::{Disk, Memory};
use crate::profile::Profile;
use crate::session::Session;
use crate::trust::{Proven, Trust};
use crate::update::{Account, Command, Problem, Trouble, Update};

/// Commands and updates that may wait; a slow user interface slows the reading.
const CHANNEL: usize = 256;
/// The first wait after a failed connection, doubled each time up to the last; of each, a random part.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// A connection that lasted this long starts the waits anew.
const LASTED: Duration = Duration::from_secs(20);
/// What is asked of the socket at once.
const READ: usize = 16 * 1024;
/// For the server's answer to a registration.
const PATIENCE: Duration = Duration::from_secs(30);
/// For closing a connection properly.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a client connects.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to, and what to believe.
    pub dial: Dial,
    /// Who logs in.
    pub account: Account,
    /// How long to go on trying.
    pub patience: Patience,
    /// Where transfers that are not finished are remembered, to go on after a restart; `None`: nowhere.
    pub memory: Option<Profile>,
    /// Where it is kept by what the server knows this device; `None`: nowhere, and it is a new one each time.
    pub device: Option<Profile>,
}

/// When a server that cannot be reached is tried again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// Not at all.
    Once,
    /// Once it has let this client in.
    AfterLogIn,
    /// Always.
    Always,
}

/// A running client: commands in, updates out. Dropping it ends the connection without a log-out.
#[derive(Debug)]
pub struct Client {
    commands: mpsc::Sender<Command>,
    updates: mpsc::Receiver<Update>,
}

impl Client {
    /// Starts a client on the current runtime. `wake` is called after each update, for user interfaces that
    /// do not wait on a channel.
    #[must_use]
    pub fn start(options: Options, wake: impl Fn() + Send + 'static) -> Self {
        let (commands, asked) = mpsc::channel(CHANNEL);
        let (told, updates) = mpsc::channel(CHANNEL);
        let Options { dial, account, patience, memory, device } = options;
        let device =
            device.map(|profile| Known { profile, address: dial.address(), user: account.user.clone() });
        let memory =
            memory.map(|profile| Memory { profile, account: (dial.address(), account.user.clone()) });
        let disk = Disk::new(memory);
        let session = Session::with_transfers(account, Instant::now().into_std(), disk.kept())
            .known_as(device.as_ref().and_then(Known::read));
        let driver = Driver { dial, proven: None, patience, session, disk, device, asked, told, wake };
        tokio::spawn(driver.run());
        Self { commands, updates }
    }

    /// Hands a command over; waits while too many are waiting. False: the client has ended.
    pub async fn send(&self, command: Command) -> bool {
        self.commands.send(command).await.is_ok()
    }

    /// A way to hand commands over from elsewhere.
    #[must_use]
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// The next update; `None` after the last one.
    pub async fn update(&mut self) -> Option<Update> {
        self.updates.recv().await
    }

    /// The next update if there is one already.
    pub fn try_update(&mut self) -> Option<Update> {
        self.updates.try_recv().ok()
    }

    /// Makes an account, and nothing more: a connection of its own.
    ///
    /// # Errors
    /// [`RegisterError`](enum@RegisterError).
    pub async fn register(dial: &Dial, asked: Registration) -> Result<(), RegisterError> {
        let mut stream = dial.connect().await?;
        let Registration { user, password, invite } = asked;
        let request = Request::Register { user, password, invite }.encode(None);
        let talk = async {
            stream.write_all(&request).await?;
            stream.flush().await?;
            let mut buffer = BytesMut::new();
            loop {
                match read_frame(&mut stream, &mut buffer).await?.as_ref().map(Reply::from_frame) {
                    Some(Ok(Reply::Registered)) => return Ok(()),
                    Some(Ok(Reply::NameTaken)) => return Err(RegisterError::NameTaken),
                    Some(Ok(Reply::Refused(refusal) | Reply::Goodbye(refusal))) => {
                        return Err(RegisterError::Refused(refusal));
                    }
                    Some(_) => {}
                    None => return Err(RegisterError::Lost("the server closed the connection".to_owned())),
                }
            }
        };
        let answer = timeout(PATIENCE, talk).await;
        let _ = timeout(GOODBYE, stream.shutdown()).await;
        answer.unwrap_or_else(|_| Err(RegisterError::Lost("the server did not answer".to_owned())))
    }
}

/// An account that somebody wants.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Its name.
    pub user: Username,
    /// Its password.
    pub password: Password,
    /// The code from the server's link.
    pub invite: Option<String>,
}

/// Why there is no account.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Somebody has that name.
    #[error("that name is taken; choose another")]
    NameTaken,
    /// The server said no.
    #[error("{}", .0.sentence)]
    Refused(Refusal),
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection was lost before the answer.
    #[error("it is not known whether the account was made: {0}")]
    Lost(String),
}

impl From<io::Error> for RegisterError {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
}

struct Driver<W> {
    dial: Dial,
    /// The pinned key that the last connection has proven.
    proven: Option<Proven>,
    patience: Patience,
    session: Session,
    disk: Disk,
    device: Option<Known>,
    asked: mpsc::Receiver<Command>,
    told: mpsc::Sender<Update>,
    wake: W,
}

/// The user interface has gone.
struct Deserted;

/// Where this device's token for an account is.
#[derive(Clone)]
struct Known {
    profile: Profile,
    address: String,
    user: Username,
}

impl Known {
    fn read(&self) -> Option<Token> {
        self.profile.device((&self.address, &self.user))
    }

    /// Waits for it: an errand may be over, and its program with it, a moment later. Without it this is a new device next
    /// time, which is nothing to stop for.
    async fn keep(self, token: Token) {
        let keep = move || self.profile.keep_device((&self.address, &self.user), &token);
        let _ = tokio::task::spawn_blocking(keep).await;
    }
}

impl<W: Fn() + Send + 'static> Driver<W> {
    async fn run(mut self) {
        let mut failures = 0;
        while !self.session.is_over() {
            let began = Instant::now();
            let why = match self.dial.connect().await {
                Ok(stream) => {
                    let Ok(why) = self.converse(stream).await else {
                        return;
                    };
                    self.session.disconnected();
                    why
                }
                Err(ConnectError::NotTrusted(error)) => {
                    self.session.end(Problem::NotTrusted(error));
                    None
                }
                Err(ConnectError::Unreachable { address, why }) if !self.goes_on_trying() => {
                    self.session.end(Problem::Unreachable { address, why });
                    None
                }
                Err(ConnectError::Unreachable { address, why }) => {
                    Some(Trouble::Unreachable { address, why })
                }
            };
            failures = if began.elapsed() > LASTED { 0 } else { failures + 1 };
            if self.tell().await.is_err() || self.session.is_over() {
                return;
            }
            let Some(why) = why else {
                continue;
            };
            if self.pause(failures, why).await.is_err() {
                return;
            }
        }
        let _ = self.tell().await;
    }

    fn goes_on_trying(&self) -> bool {
        match self.patience {
            Patience::Once => false,
            Patience::AfterLogIn => self.session.has_been_in(),
            Patience::Always => true,
        }
    }

    /// Waits before the next try; commands are taken meanwhile.
    async fn pause(&mut self, failures: u32, why: Trouble) -> Result<(), Deserted> {
        let asked = self.session.asked_to_wait().unwrap_or_default();
        let wait = asked + back_off(failures, random_fraction());
        self.told.send(Update::Reconnecting { wait, why }).await.map_err(|_| Deserted)?;
        (self.wake)();
        let until = Instant::now() + wait;
        loop {
            self.tell().await?;
            tokio::select! {
                () = sleep_until(until) => return Ok(()),
                done = self.disk.next() => self.session.disk_done(done, Instant::now().into_std()),
                command = self.asked.recv(), if self.session.has_room() => {
                    let command = command.ok_or(Deserted)?;
                    let at_once = matches!(command, Command::TryNow);
                    self.session.command(command);
                    self.tell().await?;
                    if at_once || self.session.is_over() {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Pumps one connection until it ends; returns why it did. Reads while it writes: a server that takes
    /// messages slowly has to be listened to all the same.
    async fn converse(&mut self, stream: Connection) -> Result<Option<Trouble>, Deserted> {
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        self.proven = Proven::of(&self.dial.trust, chain);
        let (mut reader, writer) = tokio::io::split(stream);
        let mut output = Output { writer, outgoing: Outgoing::default(), unflushed: false };
        let mut input = BytesMut::new();
        self.session.connected(Instant::now().into_std());
        self.go_along_with_a_change().await?;
        loop {
            self.tell().await?;
            if self.session.is_over() {
                let _ = timeout(GOODBYE, output.writer.shutdown()).await;
                return Ok(None);
            }
            output.take(&mut self.session);
            // The rest of a frame at once: a buffer that grows is copied.
            input.reserve(Decoder::after_login().missing(&input).max(READ));
            let heard = tokio::select! {
                read = reader.read_buf(&mut input) => match read {
                    Ok(0) => Err(Trouble::Lost("the server closed the connection".to_owned())),
                    Ok(_) => self.receive(&mut input),
                    Err(error) => Err(lost(&error)),
                },
                done = self.disk.next() => {
                    self.session.disk_done(done, Instant::now().into_std());
                    Ok(())
                }
                wrote = output.write(), if output.wants_to_write() => wrote.map_err(|error| lost(&error)),
                command = self.asked.recv(), if self.session.has_room() => {
                    self.session.command(command.ok_or(Deserted)?);
                    Ok(())
                }
                () = sleep_until(self.session.next_tick().into()) => self.session.tick(Instant::now().into_std()),
            };
            if let Err(why) = heard {
                return Ok(Some(why));
            }
        }
    }

    fn receive(&mut self, buffer: &mut BytesMut) -> Result<(), Trouble> {
        let decoder = Decoder::after_login();
        let now = Instant::now().into_std();
        let broken = |error| Trouble::Broken(format!("the server sent {error}"));
        while let Some(frame) = decoder.next(buffer).map_err(broken)? {
            self.session.receive(&frame, now)?;
        }
        Ok(())
    }

    async fn tell(&mut self) -> Result<(), Deserted> {
        while let Some(job) = self.session.poll_job() {
            self.disk.start(job);
        }
        if let (Some(token), Some(known)) = (self.session.poll_device(), &self.device) {
            known.clone().keep(token).await;
        }
        while let Some(update) = self.session.poll_update() {
            if let Update::NextIdentity(announced) = &update
                && !self.is_announced(announced)
            {
                continue;
            }
            self.told.send(update).await.map_err(|_| Deserted)?;
            (self.wake)();
        }
        Ok(())
    }

    /// Whether the key that is trusted says which one follows it, and that is news. From now on either will do.
    fn is_announced(&mut self, announced: &Succession) -> bool {
        let Some(proven) = self.proven.as_ref().filter(|proven| proven.announces(announced)) else {
            return false;
        };
        let (current, next) = (proven.pin, announced.next);
        let news = !matches!(self.dial.trust, Trust::Succession { next: known, .. } if known == next);
        self.dial.trust = Trust::Succession { current, next };
        news
    }

    /// A server that has proven to be the one that follows is the only one from now on.
    async fn go_along_with_a_change(&mut self) -> Result<(), Deserted> {
        let (Trust::Succession { next, .. }, Some(proven)) = (&self.dial.trust, &self.proven) else {
            return Ok(());
        };
        let next = *next;
        if proven.pin != next {
            return Ok(());
        }
        self.dial.trust = Trust::Pin(next);
        self.told.send(Update::IdentityChanged(next)).await.map_err(|_| Deserted)?;
        (self.wake)();
        Ok(())
    }
}

/// What is on its way out. Each step can be abandoned and begun again without losing or repeating a byte.
struct Output {
    writer: WriteHalf<Connection>,
    outgoing: Outgoing,
    unflushed: bool,
}

impl Output {
    /// Takes what there is to say, or content of files when there is nothing.
    fn take(&mut self, session: &mut Session) {
        if !self.outgoing.is_empty() {
            return;
        }
        while let Some(frame) = session.poll_output() {
            self.outgoing.push(&frame);
        }
        if self.outgoing.is_empty() {
            // One at a time: what is said meanwhile waits behind no more.
            session.poll_chunk().into_iter().for_each(|frame| self.outgoing.push_content(frame));
        }
    }

    fn wants_to_write(&self) -> bool {
        self.unflushed || !self.outgoing.is_empty()
    }

    async fn write(&mut self) -> io::Result<()> {
        if self.outgoing.is_empty() {
            self.writer.flush().await?;
            self.unflushed = false;
        } else {
            self.unflushed = true;
            self.writer.write_buf(&mut self.outgoing).await?;
        }
        Ok(())
    }
}

async fn read_frame(stream: &mut Connection, buffer: &mut BytesMut) -> io::Result<Option<Frame>> {
    let decoder = Decoder::after_login();
    loop {
        if let Some(frame) = decoder.next(buffer).map_err(io::Error::other)? {
            return Ok(Some(frame));
        }
        buffer.reserve(READ);
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn lost(error: &io::Error) -> Trouble {
    Trouble::Lost(match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            "the connection was lost".to_owned()
        }
        _ => format!("the connection was lost ({error})"),
    })
}

/// Full jitter: a random part of a wait that doubles, so that a room full of clients does not come back in
/// the same moment. At least a tenth of a second.
fn back_off(failures: u32, fraction: f64) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LAST_WAIT).mul_f64(fraction).max(Duration::from_millis(100))
}

/// Between 0 and 1.
fn random_fraction() -> f64 {
    f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_spread() {
        let whole = |failures| back_off(failures, 1.0);
        assert_eq!([1, 2, 3].map(whole), [500, 1000, 2000].map(Duration::from_millis));
        assert_eq!(whole(u32::MAX), LAST_WAIT);
        assert_eq!(back_off(3, 0.25), Duration::from_millis(500));
        assert_eq!(back_off(3, 0.0), Duration::from_millis(100));
    }
}
