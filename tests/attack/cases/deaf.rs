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
/// In KiB. Of what a stranger is sent 16 may wait; 64 are what is read ahead of TLS from whoever sends much, the rest is TLS's own.
const FOR_A_STRANGER: f64 = 128.0;
/// Until it is sent, a page that was asked for (400 KiB here) is there beside what waits to be written.
const FOR_A_MEMBER: f64 = 1024.0;
/// Who cannot say more for so long has been stopped being listened to.
const STOPPED: Duration = Duration::from_secs(1);
/// Until the allocator has given back what passwords took: more than all of these.
const AT_REST: Duration = Duration::from_secs(12);
/// Until memory is what it takes to be there.
const SETTLED: Duration = Duration::from_secs(1);
/// What fits into a frame before log-in.
const LONGEST: usize = 4000;
/// Bytes that wait in a socket's own buffers.
const SMALL: usize = 4096;

/// What they cost, and what those notice who chat.
pub(crate) async fn deaf(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let places = ["connections-per-source=0", "strangers-per-source=0", "registrations-per-source=0"];
    let free = ["login-seconds=0", "lookups-per-second=0", "messages-per-second=0"];
    let stage = Stage::set(&[places, free].concat())?;
    let mut ann = comes_in(&stage.dial(), "ann").await?;
    let (mut lobby, mut took) = (ann.posts("the first of many").await.0, Vec::new());
    for _ in 0..HISTORY {
        lobby = ann.posts(&"x".repeat(LONGEST)).await.0;
    }
    let (mut strangers, mut members) = (Vec::new(), Vec::new());
    for number in 0..scale.count {
        strangers.push(Person::stranger(&stage.dial()).await);
        if number % MEMBERS == 0 {
            members.push(comes_in(&stage.dial(), &format!("member{number}")).await?);
        }
    }
    sleep(AT_REST).await;
    let ping = Request::Ping { body: Bytes::from(vec![b'x'; LONGEST]) };
    let (a_stranger, unheard) = cost_of_each(&stage, (strangers, &ping), (&mut ann, &mut took)).await?;
    let page = Request::History { conv: lobby, page: Page::Latest, limit: 100 };
    let (a_member, unheard_too) = cost_of_each(&stage, (members, &page), (&mut ann, &mut took)).await?;
    drop((unheard, unheard_too));
    Ok(vec![
        Row::at_most("memory for what a stranger does not read, KiB", (a_stranger, FOR_A_STRANGER), "<= 128"),
        Row::at_most("memory for what a member does not read, KiB", (a_member, FOR_A_MEMBER), "<= 1024"),
        Row::at_most("a message stored meanwhile, p99, ms", (percentile(&mut took, 99), 50.0), "<= 50"),
    ])
}

/// The memory in KiB that each of these costs more than before once it is not listened to any more, while Ann chats.
async fn cost_of_each(
    stage: &Stage,
    (people, asking): (Vec<Person>, &Request),
    (ann, took): (&mut Person, &mut Vec<f64>),
) -> anyhow::Result<(f64, Vec<Connection>)> {
    let (before, count) = (stage.memory()?, u32::try_from(people.len())?);
    let (mut talking, mut unheard) = (JoinSet::new(), Vec::new());
    for person in people {
        talking.spawn(is_stopped(person.into_parts().0, asking.encode(None)));
    }
    while !talking.is_empty() {
        let began = Instant::now();
        ann.posts("does anybody listen?").await;
        took.push(millis(began.elapsed()));
        while let Some(stopped) = talking.try_join_next() {
            unheard.push(stopped??);
        }
    }
    sleep(SETTLED).await;
    Ok(((stage.memory()? - before) / f64::from(count), unheard))
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
