//! A server that is killed at each step of keeping a file.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use sotto_judge::Random;

use super::{NotRun, Row, SYNC, Scale, needs_strace, talk, upkeep};
use crate::courier::Courier;
use crate::database::files_are_there;
use crate::stage::{Stage, Talk};

/// By what a file comes to the disk, each with the threads that do it: it is made, in a folder that may have to be made; written;
/// synced, and its folder as well; and its row is written and committed.
const STEPS: [(&str, &str); 6] = [
    ("spool", "mkdir,mkdirat"),
    ("spool", "openat"),
    ("spool", "write"),
    ("spool", SYNC),
    ("store-writer", "pwrite64"),
    ("store-writer", SYNC),
];
/// A kill comes at one of so many such calls of a thread.
const MOST: usize = 6;
/// Small files, at most.
const FILES: usize = 3000;
/// Milliseconds between two messages of each: most of what is written is files.
const PAUSE: u64 = 50;
/// What is not come to in this time is not come to.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was acknowledged is there, whole, after each kill; in the end nothing lies about that has no row, and no row without a file.
pub(crate) async fn files(scale: Scale) -> anyhow::Result<Row> {
    needs_strace()?;
    if !rustix::process::geteuid().is_root() {
        return Err(NotRun("a server that runs lets nobody but root look into it").into());
    }
    let mut random = Random::new(scale.seed);
    let mut stage = Stage::set(Talk { people: 2, pause: PAUSE, ..talk(scale.seed) }).await?;
    let courier = Courier::sets_out(stage.dial(), FILES, scale.seed).await?;
    let mut hits = BTreeMap::from(STEPS.map(|step| (step, 0)));
    for (_, step) in (0..scale.cycles).zip(STEPS.into_iter().cycle()) {
        stage.goes_on_for(4).await?;
        let ambush = Ambush::lay(stage.server()?.id(), step, 1 + random.index(MOST))?;
        if stage.ends_within(PATIENCE).await {
            *hits.entry(step).or_default() += 1;
        }
        drop(ambush);
        stage.kill();
        let acknowledged = courier.done();
        stage.start()?;
        files_are_there(stage.data(), &acknowledged)?;
    }
    let missed: Vec<_> = hits.iter().filter(|(_, hit)| **hit == 0).map(|((_, call), _)| *call).collect();
    ensure!(missed.is_empty(), "no kill has hit {}", missed.join(" or "));
    stage.goes_on_for(40).await?;
    let kept = courier.done().len();
    courier.comes_home().await?;
    upkeep(stage.data(), &["verify"]).await?;
    let note = format!("{} killed there; {kept} files kept", hits.values().sum::<usize>());
    Ok(Row { cycles: scale.cycles, note, verdict: stage.settle().await? })
}

/// Kills a server as one of its threads comes to a call.
struct Ambush(Child);

impl Ambush {
    /// Of the threads of this name, at the so-manyth such call of one of them from now on.
    fn lay(server: u32, (name, call): (&str, &str), when: usize) -> anyhow::Result<Self> {
        let threads = threads(server, name)?;
        let mut command = Command::new("strace");
        command.args(["-o", "/dev/null", "-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:signal=KILL:when={when}")]);
        command.args(threads.iter().flat_map(|thread| ["-p", thread]));
        let mut strace = command.stderr(Stdio::piped()).spawn().context("cannot start strace")?;
        let said = BufReader::new(strace.stderr.take().context("strace says nothing")?);
        let ambush = Self(strace);
        let lies =
            said.lines().map_while(Result::ok).filter(|line| line.ends_with("attached")).take(threads.len());
        ensure!(lies.count() == threads.len(), "strace cannot look into the server");
        Ok(ambush)
    }
}

impl Drop for Ambush {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The threads of a process that have this name.
fn threads(process: u32, name: &str) -> anyhow::Result<Vec<String>> {
    let mut threads = Vec::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let thread = thread?;
        if std::fs::read_to_string(thread.path().join("comm"))?.trim_end() == name {
            threads.push(thread.file_name().to_string_lossy().into_owned());
        }
    }
    ensure!(!threads.is_empty(), "the server has no thread {name}");
    Ok(threads)
}
