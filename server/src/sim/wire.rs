//! A connection: two lines of bytes, each as slow as its weather, which can be cut after any byte, go silent without telling anybody,
//! or close properly. As with TCP, one line neither reorders nor repeats; but what was written to an old connection may arrive
//! after much that was written to a new one.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::disk::Power;
use super::world::{World, lock};

/// When a side's kernel gives up a peer that does not acknowledge anything: the client's after its retries, the server's as
/// `accept.rs` asks it to. Neither direction is acknowledged once one is silent.
const KERNELS_GIVE_UP: [Duration; 2] = [Duration::from_secs(924), Duration::from_secs(60 + 75)];

/// How new connections fare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// The longest that a piece is under way, in milliseconds.
    pub(super) slowest: u64,
    /// Each connection has a mishap after at most this many bytes; 0: none has.
    pub(super) mishap_within: u64,
    /// What one line holds before its writer has to wait.
    pub(super) window: usize,
}

/// What becomes of a wire that is not whole any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mishap {
    /// Both ends learn of it, each in its time.
    Cut,
    /// Nobody learns of it: what is written vanishes.
    Silence,
    /// The same in one direction only: the one that is written to at this moment.
    HalfSilence,
}

/// Who is at an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// What both ends share.
pub(super) struct Wire {
    pub(super) number: u64,
    world: Arc<World>,
    power: Arc<Power>,
    weather: Weather,
    state: Mutex<State>,
}

struct State {
    /// Bytes until its mishap.
    left: Option<u64>,
    /// By the side that writes.
    lines: [Line; 2],
    /// When each side's kernel gives up, since there is silence.
    given_up: [Option<Instant>; 2],
}

#[derive(Default)]
struct Line {
    pieces: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    fate: Fate,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Fate {
    #[default]
    Whole,
    /// No more is written; the reader learns of it after the last byte and not before this.
    Ended(Instant),
    /// Nothing arrives from this moment on, and both learn of it then.
    Torn(Instant),
    /// Nothing that is written arrives.
    Silent,
}

/// One side's end of a wire.
pub(super) struct End {
    wire: Arc<Wire>,
    side: Side,
    reading: Timer,
    writing: Timer,
}

type Timer = Option<Pin<Box<Sleep>>>;

impl Wire {
    /// Lays one; returns it and its ends.
    pub(super) fn lay(
        number: u64,
        (world, power): (Arc<World>, Arc<Power>),
        weather: Weather,
    ) -> (Arc<Self>, End, End) {
        let left = (weather.mishap_within > 0).then(|| world.below(weather.mishap_within));
        let state = Mutex::new(State { left, lines: <[Line; 2]>::default(), given_up: [None; 2] });
        let wire = Arc::new(Self { number, world, power, weather, state });
        let end = |side| End { wire: Arc::clone(&wire), side, reading: None, writing: None };
        let (client, server) = (end(Side::Client), end(Side::Server));
        (wire, client, server)
    }

    /// It comes to grief now.
    pub(super) fn suffer(&self, mishap: Mishap) {
        self.grief(&mut lock(&self.state), (mishap, Side::Server));
    }

    fn grief(&self, state: &mut State, (mishap, writes): (Mishap, Side)) {
        self.note(|| format!("{mishap:?}"));
        state.left = None;
        match mishap {
            Mishap::Cut => state.lines.iter_mut().for_each(|line| line.change(Fate::Torn(self.soon()))),
            Mishap::Silence => state.fall_silent([Side::Client, Side::Server]),
            Mishap::HalfSilence => state.fall_silent([writes]),
        }
    }

    /// In a moment, or much later.
    fn soon(&self) -> Instant {
        let most = self.world.one_of([0, 0, 50, 5000]);
        Instant::now() + self.world.millis(most)
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.world.note("wire", || format!("{}: {}", self.number, what()));
    }

    /// One side has gone. What it has written still arrives, unless the network has gone with it.
    fn leave(&self, side: Side) {
        let mut state = lock(&self.state);
        if self.world.once_in(5) {
            self.note(|| format!("{side:?} vanishes"));
            state.fall_silent([Side::Client, Side::Server]);
        } else {
            self.note(|| format!("{side:?} leaves"));
            state.line(side).change(Fate::Ended(self.soon()));
            // Whoever goes on writing is told that nobody reads.
            state.line(side.other()).change(Fate::Torn(self.soon()));
        }
    }
}

impl State {
    /// The line that `side` writes to.
    fn line(&mut self, side: Side) -> &mut Line {
        &mut self.lines[side as usize]
    }

    fn fall_silent<const N: usize>(&mut self, writers: [Side; N]) {
        self.given_up = KERNELS_GIVE_UP.map(|patience| Some(Instant::now() + patience));
        writers.into_iter().for_each(|side| self.line(side).change(Fate::Silent));
        // Whoever waits has to know until when.
        self.lines.iter_mut().for_each(|line| {
            wake(&mut line.reader);
            wake(&mut line.writer);
        });
    }

    /// When this side's kernel gives up.
    fn gives_up(&self, side: Side) -> Option<Instant> {
        self.given_up[side as usize]
    }

    /// What `side` finds when it reads.
    fn read(&mut self, side: Side, (buffer, most): (&mut ReadBuf<'_>, usize)) -> Found {
        let gives_up = self.gives_up(side);
        if gives_up.is_some_and(|at| at <= Instant::now()) {
            return Found::Broken;
        }
        match (self.line(side.other()).read(buffer, most), gives_up) {
            (Found::Nothing, Some(at)) => Found::Later(at),
            (Found::Later(at), Some(end)) => Found::Later(at.min(end)),
            (found, _) => found,
        }
    }
}

impl Line {
    /// A line does not become better again.
    fn change(&mut self, fate: Fate) {
        if matches!(self.fate, Fate::Whole) || matches!((self.fate, fate), (Fate::Ended(_), Fate::Silent)) {
            self.fate = fate;
        }
        wake(&mut self.reader);
        wake(&mut self.writer);
    }

    /// What a reader finds: bytes, the end, or when to look again.
    fn read(&mut self, buffer: &mut ReadBuf<'_>, most: usize) -> Found {
        let now = Instant::now();
        if matches!(self.fate, Fate::Torn(at) if at <= now) {
            return Found::Broken;
        }
        let before = buffer.filled().len();
        while let Some((at, piece)) = self.pieces.front_mut() {
            let room = buffer.remaining().min(most - (buffer.filled().len() - before));
            if *at > now || room == 0 {
                break;
            }
            let taken = piece.len().min(room);
            buffer.put_slice(&piece[..taken]);
            piece.advance(taken);
            self.bytes -= taken;
            if piece.is_empty() {
                self.pieces.pop_front();
            }
        }
        if buffer.filled().len() > before {
            wake(&mut self.writer);
            return Found::Bytes;
        }
        match (self.pieces.front(), self.fate) {
            (Some((at, _)), Fate::Torn(torn)) => Found::Later(torn.min(*at)),
            (Some((at, _)), _) => Found::Later(*at),
            (None, Fate::Ended(at)) if at <= now => Found::End,
            (None, Fate::Ended(at) | Fate::Torn(at)) => Found::Later(at),
            (None, Fate::Whole | Fate::Silent) => Found::Nothing,
        }
    }
}

enum Found {
    Bytes,
    End,
    Broken,
    Later(Instant),
    Nothing,
}

impl End {
    /// A server whose power is off does nothing any more.
    fn is_dark(&self) -> bool {
        self.side == Side::Server && !self.wire.power.is_on()
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wire = Arc::clone(&self.wire);
        if self.side == Side::Server && !wire.power.spend() {
            return Poll::Pending;
        }
        let mut state = lock(&wire.state);
        let (left, gives_up) = (state.left, state.gives_up(self.side));
        if gives_up.is_some_and(|at| at <= Instant::now()) {
            return Poll::Ready(Err(broken()));
        }
        let line = state.line(self.side);
        line.writer = Some(cx.waker().clone());
        let room = wire.weather.window.saturating_sub(line.bytes).min(bytes.len());
        match line.fate {
            Fate::Torn(at) if at <= Instant::now() => return Poll::Ready(Err(broken())),
            Fate::Ended(_) => return Poll::Ready(Err(broken())),
            Fate::Torn(at) if room == 0 => return self.stuck(Some(at), cx),
            _ if room == 0 => return self.stuck(gives_up, cx),
            _ => {}
        }
        let mut taken = if wire.world.once_in(8) { 1 + wire.world.index(room) } else { room };
        if let Some(left) = left {
            taken = taken.min(usize::try_from(left).unwrap_or(usize::MAX));
            state.left = Some(left.saturating_sub(u64::try_from(taken).unwrap_or(u64::MAX)));
        }
        let delay = wire.world.millis(wire.weather.slowest);
        let line = state.line(self.side);
        line.bytes += taken;
        if line.fate == Fate::Whole && taken > 0 {
            let at = line.pieces.back().map_or(Instant::now(), |(last, _)| *last).max(Instant::now() + delay);
            line.pieces.push_back((at, Bytes::copy_from_slice(&bytes[..taken])));
            wake(&mut line.reader);
        }
        if left == Some(u64::try_from(taken).unwrap_or(u64::MAX)) {
            let mishap = wire.world.one_of([Mishap::Cut, Mishap::Cut, Mishap::Silence, Mishap::HalfSilence]);
            wire.grief(&mut state, (mishap, self.side));
        }
        if taken > 0 { Poll::Ready(Ok(taken)) } else { self.stuck(None, cx) }
    }

    /// Nothing more can be written just now, and nothing at all after `until`.
    fn stuck(&mut self, until: Option<Instant>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(until) = until else { return Poll::Pending };
        let timer = self.writing.get_or_insert_with(|| Box::pin(sleep_until(until)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(broken()))
    }
}

impl AsyncRead for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_dark() {
            return Poll::Pending;
        }
        let wire = Arc::clone(&this.wire);
        let most = if wire.world.once_in(16) { 1 + wire.world.index(8) } else { usize::MAX };
        loop {
            let mut state = lock(&wire.state);
            let found = state.read(this.side, (buffer, most));
            state.line(this.side.other()).reader = Some(cx.waker().clone());
            drop(state);
            match found {
                Found::Bytes | Found::End => return Poll::Ready(Ok(())),
                Found::Broken => return Poll::Ready(Err(broken())),
                Found::Nothing => return Poll::Pending,
                Found::Later(at) => {
                    let timer = this.reading.get_or_insert_with(|| Box::pin(sleep_until(at)));
                    if timer.deadline() != at {
                        timer.as_mut().reset(at);
                    }
                    ready!(timer.as_mut().poll(cx));
                    this.reading = None;
                }
            }
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dark() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dark() {
            return Poll::Pending;
        }
        lock(&self.wire.state).line(self.side).change(Fate::Ended(Instant::now()));
        Poll::Ready(Ok(()))
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.wire.leave(self.side);
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}
