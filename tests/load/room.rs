//! The limit that chat is held against: a relay that passes every frame on to everybody, and knows nothing.
//!
//! One thread. In each turn it reads all that is ready, appends it to what waits for everybody, and then writes to each of them
//! once. Nothing is stored, nobody is asked who they are, and what waits has no bound: its clients read.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use sotto_proto::Reply;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local, yield_now};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::relay::Door;

/// What is read at once; one piece of memory for all of them.
const READ: usize = 64 * 1024;
/// A frame's length.
const LENGTH_BYTES: usize = 4;

/// Everybody, and what has been said in this turn.
struct Room {
    people: RefCell<BTreeMap<u64, Rc<Seat>>>,
    said: RefCell<BytesMut>,
    news: Notify,
    scratch: RefCell<Box<[u8]>>,
    next: Cell<u64>,
}

/// What waits to be written to one of them.
#[derive(Default)]
struct Seat {
    waiting: RefCell<BytesMut>,
    work: Notify,
}

/// Serves until it is killed.
pub(crate) fn serve(dir: &Path) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let door = Door::open(dir).await?;
        let room = Rc::new(Room {
            people: RefCell::default(),
            said: RefCell::default(),
            news: Notify::new(),
            scratch: RefCell::new(vec![0; READ].into_boxed_slice()),
            next: Cell::new(0),
        });
        spawn_local(pass_on(Rc::clone(&room)));
        loop {
            let (stream, _) = door.listener.accept().await?;
            spawn_local(converse(stream, door.acceptor.clone(), Rc::clone(&room)));
        }
    })
}

async fn pass_on(room: Rc<Room>) {
    loop {
        room.news.notified().await;
        // Whoever else has something to say in this turn says it first.
        yield_now().await;
        let said = room.said.borrow_mut().split();
        for seat in room.people.borrow().values() {
            seat.waiting.borrow_mut().extend_from_slice(&said);
            seat.work.notify_one();
        }
    }
}

async fn converse(stream: TcpStream, acceptor: TlsAcceptor, room: Rc<Room>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let (number, seat) = (room.next.get(), Rc::<Seat>::default());
    room.next.set(number + 1);
    room.people.borrow_mut().insert(number, Rc::clone(&seat));
    // Whoever has read this is in the room.
    seat.waiting.borrow_mut().extend_from_slice(&Reply::CaughtUp.encode(None));
    seat.work.notify_one();
    let over = relay(&mut stream, &seat, &room).await;
    room.people.borrow_mut().remove(&number);
    over
}

async fn relay(stream: &mut TlsStream<TcpStream>, seat: &Seat, room: &Room) -> io::Result<()> {
    let mut begun = BytesMut::new();
    loop {
        tokio::select! {
            biased;
            () = seat.work.notified() => {
                let waiting = std::mem::take(&mut *seat.waiting.borrow_mut());
                stream.write_all(&waiting).await?;
                stream.flush().await?;
            }
            read = poll_fn(|cx| poll_read(stream, (room, &mut begun), cx)) => {
                if read? == 0 {
                    return Ok(());
                }
                let whole = whole_frames(&mut begun);
                room.said.borrow_mut().extend_from_slice(&whole);
                room.news.notify_one();
            }
        }
    }
}

/// Reads into what all share, and keeps what came.
fn poll_read(
    stream: &mut TlsStream<TcpStream>,
    (room, begun): (&Room, &mut BytesMut),
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut scratch = room.scratch.borrow_mut();
    let mut read = ReadBuf::new(&mut scratch);
    ready!(Pin::new(stream).poll_read(cx, &mut read))?;
    begun.extend_from_slice(read.filled());
    Poll::Ready(Ok(read.filled().len()))
}

/// Takes the whole frames off the front, and keeps no memory for nothing.
fn whole_frames(begun: &mut BytesMut) -> Bytes {
    let (mut rest, mut whole) = (&begun[..], 0);
    while let Some(length) = rest.first_chunk::<LENGTH_BYTES>() {
        let frame = LENGTH_BYTES + usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if rest.len() < frame {
            break;
        }
        rest.advance(frame);
        whole += frame;
    }
    let frames = begun.split_to(whole).freeze();
    if begun.is_empty() {
        *begun = BytesMut::new();
    }
    frames
}
