//! The faults, one function each.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sotto_proto::{Reply, Request};
use sotto_tests::Person;

use crate::Row;
use crate::proxy::Weather;
use crate::random::Random;
use crate::stage::{Stage, Talk};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) cycles: usize,
    pub(crate) seed: u64,
}

const FOR_EVER: usize = usize::MAX;
/// What SQLite syncs with: which of them, its build decides.
const SYNC: &str = "fsync,fdatasync";

fn talk(seed: u64) -> Talk {
    Talk { people: 8, messages: FOR_EVER, in_flight: 8, seed }
}

/// `kill -9` at random, also while everybody is coming back.
pub(crate) async fn kill(scale: Scale) -> anyhow::Result<Row> {
    let mut random = Random::new(scale.seed);
    let mut stage = Stage::set(talk(scale.seed)).await?;
    for _ in 0..scale.cycles {
        stage.goes_on_for(1 + random.index(300)).await?;
        stage.kill();
        stage.start()?;
    }
    Ok(Row { cycles: scale.cycles, note: String::new(), verdict: stage.settle().await? })
}

/// `kill -9` at one place: as a system call begins, the so-manyth of its thread.
async fn kill_at(scale: Scale, (call, of, most): (&str, Option<&str>, usize)) -> anyhow::Result<Row> {
    let mut random = Random::new(scale.seed);
    let mut stage = Stage::set(talk(scale.seed)).await?;
    let (mut hit, mut during_start) = (0, 0);
    for _ in 0..scale.cycles {
        stage.goes_on_for(1 + random.index(20)).await?;
        stage.kill();
        let when = format!("{call}:signal=KILL:when={}", 1 + random.index(most));
        let path = of.map(|file| stage.data().join(file).display().to_string());
        if !stage.start_under(&strace(call, &when, path.as_deref()))? {
            during_start += 1;
        } else if stage.ends_within(Duration::from_secs(10)).await {
            hit += 1;
        }
        stage.kill();
        stage.start()?;
    }
    let note = format!("{hit} killed there, {during_start} while starting");
    anyhow::ensure!(hit > 0, "no kill has hit its place");
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}

/// Written, and not yet acknowledged: as the sync of a commit begins.
pub(crate) async fn commit(scale: Scale) -> anyhow::Result<Row> {
    kill_at(scale, (SYNC, None, 60)).await
}

/// Some have been told, others not yet: as something is written to a socket.
pub(crate) async fn answer(scale: Scale) -> anyhow::Result<Row> {
    kill_at(scale, ("writev", None, 300)).await
}

/// While the log is copied into the database.
pub(crate) async fn checkpoint(scale: Scale) -> anyhow::Result<Row> {
    kill_at(scale, ("pwrite64", Some("sotto.db"), 60)).await
}

/// Connections that are cut after any byte, half closed, left hanging, slow.
pub(crate) async fn cuts(scale: Scale, each: usize) -> anyhow::Result<Row> {
    let people = 20;
    let mut stage = Stage::set(Talk { people, messages: each, in_flight: 16, seed: scale.seed }).await?;
    stage.proxy.set_weather(Weather::Rough { within: 40_000 });
    // The connections there are are whole: those after the restart are not.
    stage.kill();
    stage.start()?;
    let total = people * each;
    while stage.board.acknowledged() < total {
        let so_far = stage.board.acknowledged();
        stage.goes_on_for((total - so_far).min(1000)).await?;
    }
    let mishaps = stage.proxy.mishaps();
    anyhow::ensure!(mishaps > 0, "no connection has come to grief");
    stage.proxy.set_weather(Weather::Fair);
    Ok(Row { cycles: mishaps, note: String::new(), verdict: stage.settle().await? })
}

/// A client that is killed with a full outbox, again and again.
pub(crate) async fn clients(scale: Scale) -> anyhow::Result<Row> {
    let mut stage = Stage::set(talk(scale.seed)).await?;
    stage.victim(Talk { in_flight: 64, ..talk(scale.seed) }, scale.cycles).await?;
    Ok(Row { cycles: scale.cycles, note: String::new(), verdict: stage.settle().await? })
}

/// Writes and syncs that fail now and then.
pub(crate) async fn io_errors(scale: Scale) -> anyhow::Result<Row> {
    let mut random = Random::new(scale.seed);
    let mut stage = Stage::set(talk(scale.seed)).await?;
    for cycle in 0..scale.cycles {
        let (call, error) = if cycle % 2 == 0 { (SYNC, "EIO") } else { ("pwrite64", "ENOSPC") };
        let first = 20 + random.index(40);
        let when = format!("{call}:error={error}:when={first}..{}", first + random.index(10));
        stage.kill();
        if !stage.start_under(&strace(call, &when, None))? {
            stage.start()?;
            continue;
        }
        // What failed may have been a message, a log-in or a checkpoint; then all goes on.
        stage.goes_on_for(600).await?;
    }
    stage.kill();
    stage.start()?;
    let note = format!("{} messages refused", stage.board.refused());
    anyhow::ensure!(stage.board.refused() > 0, "no write has failed");
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}

/// A disk that takes five seconds for one sync: messages wait for it, and nothing else does.
pub(crate) async fn stall(scale: Scale) -> anyhow::Result<Row> {
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

/// A command line that becomes the server, with one kind of system call tampered with.
fn strace(call: &str, inject: &str, path: Option<&str>) -> Vec<String> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
    let mut words = vec!["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    words.extend(path.iter().flat_map(|path| ["-P", *path]));
    words.into_iter().map(str::to_owned).collect()
}
