//! The faults, a file for each kind, and what they share.

mod backup;
mod clients;
mod clock;
mod cuts;
mod files;
mod full;
mod io_errors;
mod kills;
mod migration;
mod power;
mod readers;
mod restart;
mod stall;

pub(crate) use backup::{backups, restore};
pub(crate) use clients::clients;
pub(crate) use clock::clock;
pub(crate) use cuts::cuts;
pub(crate) use files::files;
pub(crate) use full::full;
pub(crate) use io_errors::io_errors;
pub(crate) use kills::{answer, checkpoint, commit, kill};
pub(crate) use migration::migration;
pub(crate) use power::power;
pub(crate) use readers::readers;
pub(crate) use restart::restart;
pub(crate) use stall::stall;

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::ensure;
use sotto_judge::Verdict;
use sotto_tests::binaries::server;

use crate::scribe::IMPATIENCE;
use crate::stage::Talk;

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    pub(crate) cycles: usize,
    pub(crate) seed: u64,
}

/// One line of the table.
pub(crate) struct Row {
    pub(crate) cycles: usize,
    pub(crate) note: String,
    pub(crate) verdict: Verdict,
}

/// Why a case cannot be run on this machine. As an error it is none.
#[derive(Debug)]
pub(crate) struct NotRun(pub(crate) &'static str);

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotRun {}

const FOR_EVER: usize = usize::MAX;
/// What SQLite syncs with: which of them, its build decides.
const SYNC: &str = "fsync,fdatasync";

fn talk(seed: u64) -> Talk {
    Talk {
        people: 8,
        messages: FOR_EVER,
        in_flight: 8,
        pause: 0,
        bytes: 3,
        silent: 0,
        impatience: Some(IMPATIENCE),
        seed,
    }
}

fn needs_strace() -> Result<(), NotRun> {
    let works =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    match works {
        Ok(status) if status.success() => Ok(()),
        _ => Err(NotRun("strace is missing, or may not be used here")),
    }
}

/// A command line that becomes the server, with one kind of system call tampered with.
fn strace(call: &str, inject: &str, path: Option<&str>) -> Vec<String> {
    let (trace, inject) = (format!("trace={call}"), format!("inject={inject}"));
    let mut words = vec!["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject];
    words.extend(path.iter().flat_map(|path| ["-P", *path]));
    words.into_iter().map(str::to_owned).collect()
}

/// Runs a command of the server's on its data, while everybody goes on.
async fn upkeep(data: &Path, words: &[&str]) -> anyhow::Result<()> {
    let (mut command, named) = (server(data, words), words.join(" "));
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success(),
        "sotto-server {named}: {told} {}",
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(())
}
