//! Those who ask without end and read no answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use socket2::SockRef;
use sotto_client::Connection;
use sotto_proto::{Page, Request};
use sotto_tests::Person;
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Row, Scale};
use crate::stage::{Stage, comes_in, millis, percentile};

/// One of so many has logged in.
const MEMBERS: usize = 5;
/// So many messages of the length below are more than may wait for a member.
const HISTORY: usize = 100;
/// In KiB. 48 for being there, 16 of what it is sent, and 32 that are read ahead by TLS from whoever sends much, before and after.
const FOR_A_STRANGER: f64 = 128.0;
/// 320 that wait to be written, 32 that are read ahead, and the page that was asked for (400 here), as it was read and as it is sent.
const FOR_A_MEMBER: f64 = 1536.0;
/// Who cannot say more for so long has been stopped being listened to.
const STOPPED: Duration = Duration::from_secs(1);
/// Until the allocator has given back what is not used any more.
const AT_REST: Duration = Duration::from_secs(8);
/// What fits into a frame before log-in.
const LONGEST: usize = 4000;
/// Bytes that wait in a socket's own buffers.
const SMALL: usize = 4096;

/// What they cost, and what those notice who chat.
pub(crate) async fn deaf(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let a_stranger = strangers(scale.count).await?;
    let (a_member, mut took) = members(scale.count / MEMBERS).await?;
    Ok(vec![
        Row::at_most("memory for a stranger who does not read, KiB", (a_stranger, FOR_A_STRANGER), "<= 128"),
        Row::at_most("memory for a member who does not read, KiB", (a_member, FOR_A_MEMBER), "<= 1536"),
        Row::at_most("a message stored meanwhile, p99, ms", (percentile(&mut took, 99), 50.0), "<= 50"),
    ])
}

fn stage() -> anyhow::Result<Stage> {
    let places = ["connections-per-source=0", "strangers-per-source=0", "registrations-per-source=0"];
    let free = ["login-seconds=0", "stranger-requests=0", "lookups-per-second=0", "messages-per-second=0"];
    Stage::set(&[&places[..], &free].concat())
}

/// What each costs, where nobody has logged in: a password takes more memory than all of them. A first few are what the allocator
/// keeps in any case.
async fn strangers(count: usize) -> anyhow::Result<f64> {
    let stage = stage()?;
    drop(do_not_listen(&stage, count / MEMBERS).await?);
    sleep(AT_REST).await;
    let before = stage.memory()?;
    let unheard = do_not_listen(&stage, count).await?;
    sleep(AT_REST).await;
    let grown = stage.memory()? - before;
    drop(unheard);
    Ok(grown / f64::from(u32::try_from(count)?))
}

async fn do_not_listen(stage: &Stage, count: usize) -> anyhow::Result<Vec<Connection>> {
    let (mut strangers, mut unheard) = (Vec::new(), Vec::new());
    for _ in 0..count {
        strangers.push(Person::stranger(&stage.dial()).await);
    }
    let ping = Request::Ping { body: Bytes::from(vec![b'x'; LONGEST]) };
    let mut talking = talk(strangers, &ping);
    while let Some(stopped) = talking.join_next().await {
        unheard.push(stopped??);
    }
    Ok(unheard)
}

/// What each costs, and how long messages of somebody else took meanwhile.
async fn members(count: usize) -> anyhow::Result<(f64, Vec<f64>)> {
    let stage = stage()?;
    let mut ann = comes_in(&stage.dial(), "ann").await?;
    let (mut lobby, mut took) = (ann.posts("the first of many").await.0, Vec::new());
    for _ in 0..HISTORY {
        lobby = ann.posts(&"x".repeat(LONGEST)).await.0;
    }
    let mut members = Vec::new();
    for number in 0..count {
        members.push(comes_in(&stage.dial(), &format!("member{number}")).await?);
    }
    sleep(AT_REST).await;
    let before = stage.memory()?;
    let page = Request::History { conv: lobby, page: Page::Latest, limit: 100 };
    let (mut talking, mut unheard) = (talk(members, &page), Vec::new());
    while !talking.is_empty() {
        let began = Instant::now();
        ann.posts("does anybody listen?").await;
        took.push(millis(began.elapsed()));
        while let Some(stopped) = talking.try_join_next() {
            unheard.push(stopped??);
        }
    }
    sleep(AT_REST).await;
    Ok(((stage.memory()? - before) / f64::from(u32::try_from(count)?), took))
}

fn talk(people: Vec<Person>, asking: &Request) -> JoinSet<anyhow::Result<Connection>> {
    let request = asking.encode(None);
    people.into_iter().map(|person| is_stopped(person.into_parts().0, request.clone())).collect()
}

/// Asks until nobody listens any more. The less fits into the sockets between, the sooner.
async fn is_stopped(mut stream: Connection, request: Bytes) -> anyhow::Result<Connection> {
    let socket = SockRef::from(stream.get_ref().0.get_ref());
    socket.set_recv_buffer_size(SMALL)?;
    socket.set_send_buffer_size(SMALL)?;
    loop {
        match timeout(STOPPED, stream.write_all(&request)).await {
            Ok(written) => written?,
            Err(_) => return Ok(stream),
        }
    }
}
