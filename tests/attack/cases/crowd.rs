//! Silent and dribbling connections, from hundreds of addresses or each from one of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sotto_tests::PASSWORD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Row, Scale};
use crate::stage::{Stage, Who, attacker, connect_from, millis, percentile, register, visit};

const VISITS: usize = 200;
/// Between two visits.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two bytes of those that dribble.
const DRIBBLE: Duration = Duration::from_millis(500);
/// Fewer than come in the end, by far.
const FEW: u32 = 500;
/// Until all have to have been let go of.
const LET_GO: Duration = Duration::from_secs(20);
/// Until each has what it takes, and the allocator has given back what was taken before: starting takes a password's worth.
const AT_REST: Duration = Duration::from_secs(1);
/// Until somebody who was thrown out is back.
const BACK_AFTER: Duration = Duration::from_secs(1);

/// From 500 addresses.
pub(crate) async fn crowd(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let each = memory_of_each(u32::try_from(scale.count)?).await?;
    let mut rows = hang_on(scale, 500).await?;
    rows.push(Row::at_most("memory for each that is silent, KiB", (each, 48.0), "<= 48"));
    Ok(rows)
}

/// Each from an address of its own: there is nowhere that more come from than from where somebody honest does.
pub(crate) async fn swarm(scale: Scale) -> anyhow::Result<Vec<Row>> {
    hang_on(scale, u32::MAX).await
}

/// Somebody honest, who has been there before, logs in while all of them hang on, and come back whenever they are thrown out.
async fn hang_on(scale: Scale, addresses: u32) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(&[])?;
    register(&stage.dial(), "ann").await?;
    let ann = Who { name: "ann", password: PASSWORD, device: None };
    visit(&stage.dial(), ann).await?;
    let listening = stage.sockets()?;
    let (mut crowd, over) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    for number in 0..u32::try_from(scale.count)? {
        let (source, address) = (attacker(number % addresses), stage.address()?);
        crowd.spawn(comes_back((source, address), manner(number), Arc::clone(&over)));
    }
    let mut took = Vec::new();
    for _ in 0..VISITS {
        took.extend(visit(&stage.dial(), ann).await?.map(|(took, _)| millis(took)));
        sleep(PAUSE).await;
    }
    over.store(true, Ordering::Relaxed);
    let last = Instant::now();
    let left = stage.settles_at(listening, LET_GO).await?.saturating_sub(listening);
    let let_go = last.elapsed().as_secs_f64();
    let let_in = took.len();
    Ok(vec![
        Row::all("honest log-ins meanwhile", (let_in, VISITS)),
        Row::at_most("connect and log in, p99, ms", (percentile(&mut took, 99), 1000.0), "<= 1000"),
        Row::at_most("s until the last were let go of", (let_go, LET_GO.as_secs_f64()), "<= 20"),
        Row::at_most("not let go of by then", (f64::from(left), 0.0), "0"),
    ])
}

/// KiB for each that says nothing, where as many may be in as come. A first few are what the allocator keeps in any case. Nobody logs in: one
/// password takes more memory than all of them.
async fn memory_of_each(all: u32) -> anyhow::Result<f64> {
    let stage = Stage::set(&["strangers=0"])?;
    let (address, listening) = (stage.address()?, stage.sockets()?);
    let few = come(address, FEW).await?;
    stage.rises_to(listening + FEW, LET_GO).await?;
    sleep(AT_REST).await;
    drop(few);
    stage.settles_at(listening, LET_GO).await?;
    sleep(AT_REST).await;
    let before = stage.memory()?;
    let many = come(address, all).await?;
    stage.rises_to(listening + all, LET_GO).await?;
    sleep(AT_REST).await;
    let grown = stage.memory()? - before;
    drop(many);
    Ok(grown / f64::from(all - FEW))
}

async fn come(address: SocketAddr, count: u32) -> anyhow::Result<Vec<TcpStream>> {
    let mut streams = Vec::new();
    for number in 0..count {
        streams.push(connect_from(attacker(number), address).await?);
    }
    Ok(streams)
}

/// One of the crowd.
async fn comes_back((source, address): (Ipv4Addr, SocketAddr), manner: Manner, over: Arc<AtomicBool>) {
    while !over.load(Ordering::Relaxed) {
        if let Ok(stream) = connect_from(source, address).await {
            hangs_on(stream, manner).await;
        }
        sleep(BACK_AFTER).await;
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Manner {
    Silent,
    /// Says the beginning of a greeting, a byte at a time.
    Dribbling,
}

/// Every fifth dribbles.
fn manner(number: u32) -> Manner {
    if number.is_multiple_of(5) { Manner::Dribbling } else { Manner::Silent }
}

/// Until the server has had enough of it.
async fn hangs_on(mut stream: TcpStream, manner: Manner) {
    let mut greeting = [0x16, 3, 1, 0, 250, 1, 0, 0, 246, 3, 3].into_iter();
    let mut byte = [0];
    loop {
        match timeout(DRIBBLE, stream.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => return,
            Err(_) if manner == Manner::Dribbling => {
                if stream.write_all(&[greeting.next().unwrap_or(7)]).await.is_err() {
                    return;
                }
            }
            Ok(Ok(_)) | Err(_) => {}
        }
    }
}
