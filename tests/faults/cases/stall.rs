//! A disk that takes its time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sotto_proto::{Reply, Request};
use sotto_tests::Person;

use super::{Row, SYNC, Scale, needs_strace, strace, talk};
use crate::stage::Stage;

/// A disk that takes five seconds for one sync: messages wait for it, and nothing else does.
pub(crate) async fn stall(scale: Scale) -> anyhow::Result<Row> {
    needs_strace()?;
    // So late that everybody is back before it.
    let when = format!("{SYNC}:delay_enter=5000000:when=400");
    let mut stage = Stage::set(talk(scale.seed)).await?;
    let mut watcher = stage.watcher().await?;
    let mut slowest = Duration::ZERO;
    for _ in 0..scale.cycles {
        drop(watcher);
        stage.kill();
        anyhow::ensure!(stage.start_under(&strace(SYNC, &when, None))?, "the server does not start");
        watcher = stage.watcher().await?;
        slowest = slowest.max(pings_beside_a_stall(&mut watcher, &stage).await?);
    }
    let note = format!("a ping beside it took {:.0} ms at the most", slowest.as_secs_f64() * 1e3);
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}

/// Pings until acknowledgements have stood still and gone on; the longest that a ping took meanwhile.
async fn pings_beside_a_stall(watcher: &mut Person, stage: &Stage) -> anyhow::Result<Duration> {
    const STALLED: Duration = Duration::from_secs(3);
    const PAUSE: Duration = Duration::from_millis(5);
    let (began, mut slowest, mut stalled) = (Instant::now(), Duration::ZERO, false);
    let (mut acknowledged, mut since) = (stage.board.acknowledged(), Instant::now());
    while began.elapsed() < Duration::from_secs(60) {
        let pinged = Instant::now();
        watcher.sends(&Request::Ping { body: Bytes::new() }).await;
        watcher.waits_for("an answer", |reply| matches!(reply, Reply::Pong { .. })).await;
        slowest = slowest.max(pinged.elapsed());
        watcher.passed_over.clear();
        if stage.board.acknowledged() != acknowledged {
            if stalled {
                return Ok(slowest);
            }
            (acknowledged, since) = (stage.board.acknowledged(), Instant::now());
        }
        stalled |= since.elapsed() > STALLED;
        tokio::time::sleep(PAUSE).await;
    }
    anyhow::bail!("the disk has not stalled, or nothing went on afterwards")
}
