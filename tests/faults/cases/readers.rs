//! A hundred people who stop reading while everybody else goes on.

use std::time::{Duration, Instant};

use sotto_proto::Reply;
use sotto_tests::{Person, process};

use super::{Row, Scale, talk};
use crate::stage::{Stage, Talk};

const READERS: usize = 100;
/// Milliseconds between two messages of each who talks: forty a second go to everybody. As fast as can be, what is held back for
/// long would be gigabytes.
const PAUSE: u64 = 100;
const BYTES: usize = 4000;
/// Bytes that are held back from each at the least: several times what its outbox and the systems between hold.
const ENOUGH: usize = 1536 * 1024;
/// KiB that the server may grow by while they do not read: an outbox of 256 KiB and TLS for each.
const MOST: u64 = 40 * 1024;
/// How long they read nothing; every other time so long that the server gives them up.
const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(45);

/// They stop, go on, and get everything. Meanwhile two others tell each other something, again and again, by the clock.
pub(crate) async fn readers(scale: Scale) -> anyhow::Result<Row> {
    let talk = Talk {
        people: READERS + 4,
        silent: READERS,
        in_flight: 2,
        pause: PAUSE,
        bytes: BYTES,
        ..talk(scale.seed)
    };
    let stage = Stage::set(talk).await?;
    let mut pair = Pair::of(&stage).await?;
    let server = stage.server()?.id();
    let (mut before, mut during, mut grown) = (Vec::new(), Vec::new(), 0);
    for cycle in 0..scale.cycles {
        pair.measure(SHORT, &mut before).await;
        let resident = process::forget_peak(server)?;
        let acknowledged = stage.board.acknowledged();
        stage.aside.hold();
        pair.measure(SHORT, &mut during).await;
        let noted = stage.noted_by_last(READERS);
        pair.measure(if cycle % 2 == 0 { Duration::ZERO } else { LONG }, &mut during).await;
        while (stage.board.acknowledged() - acknowledged) * BYTES < ENOUGH {
            pair.measure(SHORT, &mut during).await;
        }
        grown = grown.max(process::peak(server)?.saturating_sub(resident));
        anyhow::ensure!(stage.noted_by_last(READERS) == noted, "they read all the while");
        stage.aside.let_go();
    }
    let [before, during] = [before, during].map(|mut times| {
        times.sort_unstable();
        times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default().as_secs_f64() * 1e3
    });
    let grown_mib = grown / 1024;
    let note = format!(
        "others' p99 {before:.1} ms before, {during:.1} ms meanwhile; the server grew by {grown_mib} MiB"
    );
    anyhow::ensure!(grown <= MOST, "{note}");
    Ok(Row { cycles: scale.cycles * READERS, note, verdict: stage.settle().await? })
}

/// Two who talk to each other only. They get what is said to everyone, and are no witnesses.
struct Pair {
    ann: Person,
    bob: Person,
}

impl Pair {
    async fn of(stage: &Stage) -> anyhow::Result<Self> {
        Ok(Self { ann: stage.bystander("pair-ann").await?, bob: stage.bystander("pair-bob").await? })
    }

    /// How long each message takes from one to the other.
    async fn measure(&mut self, time: Duration, times: &mut Vec<Duration>) {
        let Self { ann, bob } = self;
        let until = Instant::now() + time;
        while Instant::now() < until {
            let sent = Instant::now();
            let cid = ann.drops_in(&["pair-bob"], "now").await;
            // Both have to read all that comes, or they would be slow readers themselves.
            tokio::join!(ann.is_acknowledged(cid), bob.waits_for("a message", is_ours));
            times.push(sent.elapsed());
            ann.passed_over.clear();
            bob.passed_over.clear();
        }
    }
}

fn is_ours(reply: &Reply) -> bool {
    matches!(reply, Reply::Message(message) if message.text.as_str() == "now")
}
