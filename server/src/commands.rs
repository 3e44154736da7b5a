//! The commands beside serving.

use std::cell::Cell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use sotto_server::Config;
use sotto_server::upkeep::{self, Finding, Occupied, Progress, Restored, Weight};

use crate::cli::Command;

/// What becomes of the process: nothing to say, or its exit code and a sentence.
pub(crate) type Outcome = Result<(), (ExitCode, anyhow::Error)>;

pub(crate) fn failed(error: impl Into<anyhow::Error>) -> (ExitCode, anyhow::Error) {
    (ExitCode::FAILURE, error.into())
}

pub(crate) fn print(text: &str) -> Outcome {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(failed)
}

pub(crate) fn run(command: Command, config: &Config) -> Outcome {
    match command {
        Command::Invite { new } => invite(config, new),
        Command::Check => check(config),
        Command::Backup { dir } => backup(config, &dir),
        Command::Verify { dir } => verify(dir.as_deref().unwrap_or(&config.data_dir)),
        Command::Restore { backup, replace: false } => restore(config, &backup, Occupied::Refuse),
        Command::Restore { backup, replace: true } => restore(config, &backup, Occupied::MoveAside),
    }
}

fn invite(config: &Config, new: bool) -> Outcome {
    if new {
        sotto_server::replace_invite(config).map_err(failed)?;
    }
    print(&sotto_server::link_of(config).map_err(failed)?.to_string())
}

fn check(config: &Config) -> Outcome {
    let advice = upkeep::check(config);
    for one in &advice {
        print(&one.to_string())?;
    }
    let dangers = advice.iter().filter(|one| one.weight == Weight::Danger).count();
    match (dangers, advice.len()) {
        (0, 0) => print("nothing to complain of"),
        (0, warnings) => print(&format!("nothing dangerous; {warnings} to think about")),
        (dangers, _) => Err(failed(anyhow::anyhow!("{dangers} dangerous; see above"))),
    }
}

fn backup(config: &Config, dir: &Path) -> Outcome {
    let began = Instant::now();
    let contents = with_progress(|tell| upkeep::backup(config, dir, tell)).map_err(failed)?;
    print(&format!("backed up to {}: {contents}, in {:.1} s", dir.display(), began.elapsed().as_secs_f64()))
}

fn verify(dir: &Path) -> Outcome {
    let mut report = |finding: Finding| {
        // Who does not listen any more misses lines, not the exit code.
        let _ = print(&finding.to_string());
    };
    let verdict = with_progress(|tell| upkeep::verify(dir, &mut report, tell)).map_err(failed)?;
    match verdict.faults {
        0 => print(&format!("{} is sound: {}", dir.display(), verdict.contents)),
        faults => Err(failed(anyhow::anyhow!("{} is not sound: {faults} faults", dir.display()))),
    }
}

fn restore(config: &Config, backup: &Path, occupied: Occupied) -> Outcome {
    let restored = with_progress(|tell| upkeep::restore(config, backup, occupied, tell)).map_err(failed)?;
    let Restored { contents, replaced } = restored;
    print(&format!("restored to {}: {contents}", config.data_dir.display()))?;
    if let Some(replaced) = replaced {
        print(&format!("what was there before is in {}", replaced.display()))?;
    }
    print("the invite is that of the backup; sotto-server invite --new ends it")
}

/// Does something that takes its time, and says how far it is where somebody sees that.
fn with_progress<T>(work: impl FnOnce(upkeep::Tell<'_>) -> T) -> T {
    const OFTEN: Duration = Duration::from_millis(200);
    if !io::stderr().is_terminal() {
        return work(&|_| {});
    }
    let (began, told) = (Instant::now(), Cell::new(Duration::ZERO));
    let outcome = work(&|Progress { doing, done, all }| {
        let now = began.elapsed();
        if now.saturating_sub(told.get()) < OFTEN {
            return;
        }
        told.set(now);
        let far = match done.saturating_mul(100).checked_div(all) {
            Some(percent) => format!("{percent} %"),
            None if done > 0 => done.to_string(),
            None => String::new(),
        };
        let _ = write!(io::stderr(), "\r\x1b[K{doing} {far}");
    });
    if told.get() > Duration::ZERO {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
    outcome
}
