//! A server that is killed: at any moment, or as one system call begins.

use std::time::Duration;

use sotto_judge::Random;

use super::{Row, SYNC, Scale, needs_strace, strace, talk};
use crate::stage::Stage;

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
    needs_strace()?;
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
    // Through TLS it is the one, in the clear it may be the other.
    kill_at(scale, ("sendto,writev", None, 300)).await
}

/// While the log is copied into the database.
pub(crate) async fn checkpoint(scale: Scale) -> anyhow::Result<Row> {
    kill_at(scale, ("pwrite64", Some("sotto.db"), 60)).await
}
