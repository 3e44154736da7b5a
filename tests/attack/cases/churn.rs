//! Connections that are given up half-way through the handshake, again and again.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;

use super::{Row, Scale};
use crate::stage::{Stage, attacker, connect_from};

const AT_ONCE: u32 = 50;

/// For the server to notice that somebody has gone.
const SETTLED: Duration = Duration::from_secs(10);

/// What is left of them in the server.
pub(crate) async fn churn(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(&[])?;
    let (address, listening) = (stage.address()?, stage.sockets()?);
    let cycles = u32::try_from(scale.count)?;
    // After a first round the allocator has what it keeps, and has given back what starting took.
    give_up(address, cycles).await;
    stage.settles_at(listening, SETTLED).await?;
    let before = stage.memory()?;
    give_up(address, cycles).await;
    let left = stage.settles_at(listening, SETTLED).await?.saturating_sub(listening);
    let grown = (stage.memory()? - before) / 1024.0;
    Ok(vec![
        Row::at_most("memory grown, MiB", (grown, 5.0), "<= 5"),
        Row::at_most("sockets left open", (f64::from(left), 0.0), "0"),
    ])
}

async fn give_up(address: SocketAddr, cycles: u32) {
    let mut going = JoinSet::new();
    for number in 0..cycles {
        if going.len() >= AT_ONCE as usize {
            going.join_next().await;
        }
        going.spawn(async move {
            let mut stream = connect_from(attacker(number % 1000), address).await?;
            // Reset, so that no port is left waiting.
            stream.set_zero_linger()?;
            if number.is_multiple_of(2) {
                stream.write_all(&[0x16, 3, 1, 0, 250, 1, 0, 0, 246, 3, 3]).await?;
            }
            Ok::<_, std::io::Error>(())
        });
    }
    going.join_all().await;
}
