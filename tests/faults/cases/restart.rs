//! A server that is stopped and started again, with a crowd that comes back as programs for people do: by their own patience.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{Row, Scale, talk};
use crate::stage::{Stage, Talk};

/// Within this a server that is told to stop has stopped.
const STOPPING: Duration = Duration::from_secs(10);
/// Within this everybody is back.
const BACK: Duration = Duration::from_secs(30);
/// Password hashes that a restart may cost: sessions are resumed by their tokens.
const HASHES: usize = 5;
/// How many of the crowd talk all the time; all would have nothing to do but to read.
const TALKERS: usize = 4;

/// Stopped by SIGTERM, and killed; of each, how long until all are back, and what it cost.
pub(crate) async fn restart(scale: Scale) -> anyhow::Result<Row> {
    let people = scale.cycles.max(TALKERS + 1);
    let silent = people - TALKERS;
    let logs = tempfile::tempdir()?;
    let log = logs.path().join("log");
    let wrapper = logging(&log);
    let talk = Talk { people, silent, in_flight: 1, impatience: None, ..talk(scale.seed) };
    let mut stage = Stage::set_under(&wrapper, talk).await?;
    stage.goes_on_for(50).await?;
    let told = stage.board.told_to_come_back();
    let stopped = stage.stop(STOPPING).await?;
    let everybody = |board: &crate::scribe::Board| board.told_to_come_back() >= told + people;
    stage.until("everybody to have been told", everybody).await?;
    let first = comes_back(&mut stage, (&wrapper, &log), people).await?;
    stage.goes_on_for(50).await?;
    stage.kill();
    let second = comes_back(&mut stage, (&wrapper, &log), people).await?;
    stage.goes_on_for(50).await?;
    let note = format!(
        "stopped in {:.1} s, all back {:.1} s after the start, {:.1} s after a kill; {} and {} password hashes",
        stopped.as_secs_f64(),
        first.0.as_secs_f64(),
        second.0.as_secs_f64(),
        first.1,
        second.1
    );
    anyhow::ensure!(first.0.max(second.0) < BACK && first.1.max(second.1) <= HASHES, "{note}");
    Ok(Row { cycles: people, note, verdict: stage.settle().await? })
}

/// Starts the server: after how long all are back, and how many passwords it has hashed for that.
async fn comes_back(
    stage: &mut Stage,
    (wrapper, log): (&[String], &Path),
    people: usize,
) -> anyhow::Result<(Duration, usize)> {
    let (logged_in, resumed) = (stage.board.logged_in(), stage.board.resumed());
    anyhow::ensure!(stage.start_under(wrapper)?, "the server does not start again");
    let began = Instant::now();
    stage.until("everybody to be back", |board| board.logged_in() >= logged_in + people).await?;
    let took = began.elapsed();
    let with_password = (stage.board.logged_in() - logged_in) - (stage.board.resumed() - resumed);
    // The server's own word, which counts what failed as well.
    let hashes = std::fs::read_to_string(log)?.matches("a password hash is computed").count();
    anyhow::ensure!(hashes >= with_password, "the log does not tell of {with_password} log-ins by password");
    Ok((took, hashes))
}

/// A command line that becomes a server whose log of this run is in a file.
fn logging(log: &Path) -> Vec<String> {
    let log = format!("LOG={}", log.display());
    let words = ["env", "SOTTO_LOG=debug", &log, "sh", "-c", "exec \"$0\" \"$@\" 2>\"$LOG\""];
    words.map(str::to_owned).to_vec()
}
