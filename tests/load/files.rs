//! Files through a real server between real clients, in processes of their own: how fast against a bare relay, how much memory,
//! and what chat beside them feels of it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use sotto_tests::binaries::{Cli, ServerProcess};
use sotto_tests::files::content;
use sotto_tests::process;

use crate::crowd::{Crowd, Pace, Talk};
use crate::past::Past;
use crate::subject::Subject;
use crate::{pipe, start};

/// Files through the server.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// MiB in the large file
    #[arg(long, default_value_t = 1024)]
    mib: u64,
    /// Files at once, together as large
    #[arg(long, default_value_t = 20)]
    at_once: u64,
    /// Runs of each throughput; the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Messages for the latency of chat, beside four files and without
    #[arg(long, default_value_t = 2000)]
    messages: usize,
}

const MIB: u64 = 1024 * 1024;

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<ExitCode> {
    let scratch = tempfile::tempdir()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, shared by server and clients; {} MiB, {} runs", asked.mib, asked.runs);
    let large = file(scratch.path(), "large", asked.mib * MIB)?;
    let (mut bare, mut relays, mut files) = (Vec::new(), Vec::new(), Vec::new());
    let copy = scratch.path().join("copy");
    for _ in 0..asked.runs {
        warm(scratch.path(), asked.mib * MIB)?;
        bare.push(pipe::measure(asked.mib * MIB, None).await?);
        relays.push(pipe::measure(asked.mib * MIB, Some((&large, &copy))).await?);
        std::fs::remove_file(&copy)?;
        warm(scratch.path(), asked.mib * MIB)?;
        files.push(Carried::measure(scratch.path(), std::slice::from_ref(&large))?);
    }
    relays.sort();
    files.sort_by_key(|carried| carried.elapsed);
    let relay = *relays.get(asked.runs / 2).context("a run")?;
    let carried = files.get(asked.runs / 2).context("a run")?;
    let speed = |elapsed: Duration| mib(asked.mib * MIB) / elapsed.as_secs_f64();
    let (fast, slow) = (relays.first().copied().unwrap_or(relay), relays.last().copied().unwrap_or(relay));
    bare.sort();
    println!("relay, no files    {:.0} MiB/s", speed(*bare.get(asked.runs / 2).context("a run")?));
    println!("relay, file copy   {:.0} MiB/s ({:.0}–{:.0})", speed(relay), speed(slow), speed(fast));
    let part = 100.0 * relay.as_secs_f64() / carried.elapsed.as_secs_f64();
    println!("through Sotto      {:.0} MiB/s, {part:.0} % of the relay's file copy", speed(carried.elapsed));
    for carried in &files {
        println!(
            "  one run          {:.0} MiB/s; memory grows by {}",
            speed(carried.elapsed),
            carried.memory()
        );
    }
    let several: Vec<_> = (0..asked.at_once)
        .map(|index| file(scratch.path(), &format!("part{index}"), asked.mib * MIB / asked.at_once))
        .collect::<Result<_, _>>()?;
    let many = Carried::measure(scratch.path(), &several)?;
    println!(
        "{} files at once   {:.0} MiB/s; memory grows by {}",
        asked.at_once,
        speed(many.elapsed),
        many.memory()
    );
    chat(asked, (scratch.path(), &large)).await?;
    Ok(ExitCode::SUCCESS)
}

/// What carrying files cost.
struct Carried {
    elapsed: Duration,
    /// KiB that server, sender and recipient have grown by.
    grown: [u64; 3],
}

impl Carried {
    fn memory(&self) -> String {
        let [server, sender, recipient] = self.grown.map(|kib| mib(kib * 1024));
        format!("{server:.1} MiB (server), {sender:.1} (sender), {recipient:.1} (recipient)")
    }

    /// From the moment the first offer is there until the last file is saved and proven.
    fn measure(scratch: &Path, paths: &[PathBuf]) -> anyhow::Result<Self> {
        let data = tempfile::tempdir_in(scratch)?;
        let server = start(data.path());
        let [ann, bob] = people(&server, data.path());
        let mut taking = Process::start(&bob, &["listen", "--accept-files", path(&data.path().join("in"))?])?;
        taking.waits_for("caught-up")?;
        let mut arguments = vec!["send-file", "--to", "bob"];
        for file in paths {
            arguments.push(path(file)?);
        }
        let sending = Process::start(&ann, &arguments)?;
        taking.waits_for_file("offered")?;
        // From here on: what logging in takes is another matter.
        let ids = [server.id(), sending.child.id(), taking.child.id()];
        let before = ids.map(|id| process::forget_peak(id).unwrap_or_default());
        let began = Instant::now();
        let over = AtomicBool::new(false);
        let (elapsed, peaks) = std::thread::scope(|scope| {
            // The sender ends first: it has to be looked at while it is there.
            let looking = scope.spawn(|| {
                let mut peaks = before;
                while !over.load(Ordering::Relaxed) {
                    for (peak, id) in peaks.iter_mut().zip(ids) {
                        *peak = process::peak(id).unwrap_or_default().max(*peak);
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                peaks
            });
            let taken = paths.iter().try_for_each(|_| taking.waits_for_file("received"));
            let elapsed = began.elapsed();
            over.store(true, Ordering::Relaxed);
            anyhow::Ok((taken.map(|()| elapsed)?, looking.join().unwrap_or(before)))
        })?;
        let mut grown = peaks;
        for (grown, before) in grown.iter_mut().zip(before) {
            *grown = grown.saturating_sub(before);
        }
        Ok(Self { elapsed, grown })
    }
}

/// A client for terminals that runs until this is dropped.
struct Process {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Process {
    fn start(cli: &Cli, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = cli.command(&[&["--json"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let stdout = BufReader::new(child.stdout.take().context("a pipe")?);
        Ok(Self { child, stdout })
    }

    fn line(&mut self) -> anyhow::Result<serde_json::Value> {
        let mut line = String::new();
        anyhow::ensure!(self.stdout.read_line(&mut line)? > 0, "a client has ended early");
        Ok(serde_json::from_str(&line)?)
    }

    fn waits_for(&mut self, kind: &str) -> anyhow::Result<()> {
        while self.line()?.get("type").and_then(serde_json::Value::as_str) != Some(kind) {}
        Ok(())
    }

    fn waits_for_file(&mut self, state: &str) -> anyhow::Result<()> {
        loop {
            let line = self.line()?;
            let is =
                |key: &str, value: &str| line.get(key).and_then(serde_json::Value::as_str) == Some(value);
            if is("type", "file") && is("state", state) {
                return Ok(());
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Chat without files beside it, and with four that go as fast as they can.
async fn chat(asked: &Arguments, (scratch, large): (&Path, &Path)) -> anyhow::Result<()> {
    const PEOPLE: usize = 10;
    let talk = Talk { messages: asked.messages, bytes: 100, pace: Pace::Closed { in_flight: 1 } };
    for beside in [0, 4] {
        let data = tempfile::tempdir_in(scratch)?;
        let subject = Arc::new(Subject::sotto(Past { people: PEOPLE, messages: 0 }).await?);
        let server = subject.server().context("a server")?;
        let mut crowd = Crowd::gather(&subject, 0..PEOPLE).await?;
        let mut running = Vec::new();
        for pair in 0..beside {
            let [ann, bob] =
                [format!("ann{pair}"), format!("bob{pair}")].map(|name| person(server, &name, data.path()));
            let into = data.path().join(format!("in{pair}"));
            let mut taking = Process::start(&bob, &["listen", "--accept-files", path(&into)?])?;
            taking.waits_for("caught-up")?;
            running.push(Process::start(&ann, &["send-file", "--to", &format!("bob{pair}"), path(large)?])?);
            running.push(taking);
        }
        // All of them are under way once the last offer is there.
        if let Some(last) = running.last_mut() {
            last.waits_for_file("offered")?;
        }
        let mut latencies = crowd.chat(talk).await;
        latencies.sort_unstable();
        let at = |part: usize| {
            latencies.get(latencies.len().saturating_sub(1) * part / 1000).copied().unwrap_or_default()
        };
        let [p50, p99, max] = [500, 990, 1000].map(|part| at(part).as_secs_f64() * 1e3);
        println!("chat beside {beside} files p50 {p50:.2} ms, p99 {p99:.2} ms, max {max:.2} ms");
    }
    Ok(())
}

fn people(server: &ServerProcess, dir: &Path) -> [Cli; 2] {
    ["ann", "bob"].map(|name| person(server, name, dir))
}

fn person(server: &ServerProcess, name: &str, dir: &Path) -> Cli {
    let cli = Cli::new(&server.link, name, dir);
    cli.json(&["register"]);
    cli
}

/// Writes as much as a run will, and removes it: on a virtual machine the first use of memory costs more than its second, and
/// whoever is measured first would pay for all.
fn warm(dir: &Path, bytes: u64) -> anyhow::Result<()> {
    let path = file(dir, "warm", 2 * bytes + bytes / 4)?;
    Ok(std::fs::remove_file(path)?)
}

/// A file that no compression makes smaller.
fn file(dir: &Path, name: &str, bytes: u64) -> anyhow::Result<PathBuf> {
    let path = dir.join(name);
    let mut file = std::fs::File::create(&path)?;
    let piece = content(1 << 20);
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(piece.len()).min(piece.len());
        file.write_all(piece.get(..most).unwrap_or_default())?;
        left -= u64::try_from(most).unwrap_or(left);
    }
    Ok(path)
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is text")
}

fn mib(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0
}
