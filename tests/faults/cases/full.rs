//! A disk that is full, and has room again: the database and the spool are on it.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sotto_proto::{Page, Reply};
use sotto_tests::Person;

use super::{Row, Scale, needs_strace, strace, talk};
use crate::courier::Courier;
use crate::database::{files_are_there, is_sound, look_at};
use crate::mounts::Mount;
use crate::stage::Stage;
use sotto_judge::Verdict;

/// A refusal comes within this.
const SAID: Duration = Duration::from_secs(1);
/// Messages are stored again this soon after there is room.
const RECOVERY: Duration = Duration::from_secs(10);
/// How long the disk stays full.
const LASTING: Duration = Duration::from_secs(2);
const FILES: usize = 200;

/// How a disk is filled.
enum Disk {
    /// A small one of our own, with a file that takes what is left.
    Small(Mount),
    /// The server's files may not grow.
    Capped,
}

/// On a small disk where that can be had, and with files that may not grow; then with writes that fail for want of space.
pub(crate) async fn full(scale: Scale) -> anyhow::Result<Row> {
    let (mut verdict, mut said, mut recovered) = (Verdict::default(), Duration::ZERO, Duration::ZERO);
    let (mut small, mut capped, mut strace) = (0, 0, 0);
    for cycle in 0..scale.cycles {
        let scale = Scale { seed: scale.seed + u64::try_from(cycle)?, ..scale };
        let disk = match (cycle % 3, Mount::memory(32)) {
            (0, Ok(mount)) => Disk::Small(mount),
            (2, _) if needs_strace().is_ok() => {
                strace += 1;
                verdict.take_in(writes_fail(scale).await?);
                continue;
            }
            _ => Disk::Capped,
        };
        match disk {
            Disk::Small(_) => small += 1,
            Disk::Capped => capped += 1,
        }
        let (found, slowest, back) = fills_up(&disk, scale).await?;
        verdict.take_in(found);
        (said, recovered) = (said.max(slowest), recovered.max(back));
    }
    let note = format!(
        "{small} small disks, {capped} capped files, {strace} failing calls; refused within {:.0} ms, back after {:.1} s",
        said.as_secs_f64() * 1e3,
        recovered.as_secs_f64()
    );
    Ok(Row { cycles: scale.cycles, note, verdict })
}

/// What was found, how long a refusal took at the most, and how long it took until messages were stored again.
async fn fills_up(disk: &Disk, scale: Scale) -> anyhow::Result<(Verdict, Duration, Duration)> {
    let own = tempfile::tempdir()?;
    let place = match disk {
        Disk::Small(mount) => mount.path(),
        Disk::Capped => own.path(),
    };
    // Ignored signals stay ignored: a write that is too long fails instead.
    let wrapper = ["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""].map(str::to_owned);
    let mut stage = Stage::set_in(place, &wrapper, talk(scale.seed)).await?;
    let courier = Courier::sets_out(stage.dial(), FILES, scale.seed).await?;
    let mut watcher = stage.watcher().await?;
    drop(stage.bystander("mate").await?);
    stage.goes_on_for(300).await?;
    let ballast = disk.fill(&stage)?;
    let mut slowest = Duration::ZERO;
    let began = Instant::now();
    while began.elapsed() < LASTING || stage.board.refused() == 0 {
        let (_, took) = speaks(&mut watcher).await;
        slowest = slowest.max(took);
        anyhow::ensure!(began.elapsed() < Duration::from_secs(30), "nothing is refused");
    }
    anyhow::ensure!(slowest < SAID, "an answer took {slowest:?} on a full disk");
    reads_and_logs_in(&stage, &mut watcher).await?;
    drop(ballast);
    if matches!(disk, Disk::Capped) {
        stage.server()?.finds_room();
    }
    let freed = Instant::now();
    while !speaks(&mut watcher).await.0 {
        anyhow::ensure!(freed.elapsed() < RECOVERY, "nothing is stored {RECOVERY:?} after there is room");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let recovered = freed.elapsed();
    stage.goes_on_for(300).await?;
    let files = courier.done();
    courier.comes_home().await?;
    files_are_there(place, &files)?;
    is_sound(&look_at(&place.join("sotto.db"))?)?;
    Ok((stage.settle().await?, slowest, recovered))
}

/// Says something to somebody who is not there: whether it was stored, and how long the answer took.
async fn speaks(watcher: &mut Person) -> (bool, Duration) {
    let began = Instant::now();
    let cid = watcher.drops_in(&["mate"], "is there room?").await;
    let answer = watcher
        .waits_for("an answer", |reply| match reply {
            Reply::Stored { cid: of, .. } => *of == cid,
            Reply::NotSent { cid: of, .. } => *of == Some(cid),
            _ => false,
        })
        .await;
    watcher.passed_over.clear();
    (matches!(answer, Reply::Stored { .. }), began.elapsed())
}

async fn reads_and_logs_in(stage: &Stage, watcher: &mut Person) -> anyhow::Result<()> {
    let (messages, _) = watcher.looks_up(sotto_proto::ConvId::new(1)?, Page::Latest, 50).await;
    anyhow::ensure!(!messages.is_empty(), "there is no history on a full disk");
    let mate = stage.bystander("mate").await?;
    mate.leaves().await;
    Ok(())
}

/// Writes fail for want of space, many of them, and then they do not.
async fn writes_fail(scale: Scale) -> anyhow::Result<Verdict> {
    let mut stage = Stage::set(talk(scale.seed)).await?;
    stage.goes_on_for(100).await?;
    stage.kill();
    let no_space = strace("pwrite64", "pwrite64:error=ENOSPC:when=100..300", None);
    anyhow::ensure!(stage.start_under(&no_space)?, "the server does not start");
    stage.until("a refusal", |board| board.refused() > 0).await?;
    stage.goes_on_for(500).await?;
    stage.settle().await
}

/// What takes the room, until it is dropped.
struct Ballast(Option<PathBuf>);

impl Disk {
    fn fill(&self, stage: &Stage) -> anyhow::Result<Ballast> {
        let Self::Small(mount) = self else {
            stage.server()?.finds_the_disk_full();
            return Ok(Ballast(None));
        };
        let path = mount.path().join("ballast");
        let mut file = File::create(&path)?;
        let ballast = Ballast(Some(path));
        // To the last byte: ever smaller pieces, until not even one goes in.
        for piece in [1 << 20, 1 << 12, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        Ok(ballast)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
