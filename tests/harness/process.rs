//! What the system knows of a process.

use std::fs;
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// A tick of `/proc/PID/stat` on Linux, whatever the hardware.
const TICK: Duration = Duration::from_millis(10);

/// User and system time that a process has used.
///
/// # Errors
/// When there is no such process.
pub fn cpu(id: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name in parentheses may hold anything; the fields after it are numbers.
    let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat has no name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u32>).sum::<Result<u32, _>>()?;
    Ok(TICK * ticks)
}

/// Processor time that all of the machine's cores have spent, for whomever; what a host has taken away from it included.
///
/// # Errors
/// When the system does not say.
pub fn machine() -> anyhow::Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let total = stat.lines().next().context("/proc/stat is empty")?;
    // user, nice, system, idle, waiting for a disk, interrupts (two), stolen; what follows is in these already.
    let ticks = total.split_whitespace().skip(1).take(8).map(str::parse::<u64>);
    let ticks = ticks.collect::<Result<Vec<_>, _>>()?;
    let busy = ticks.iter().enumerate().filter(|(field, _)| !matches!(field, 3 | 4));
    Ok(Duration::from_millis(10 * busy.map(|(_, ticks)| ticks).sum::<u64>()))
}

/// Resident memory, in KiB.
///
/// # Errors
/// When there is no such process.
pub fn resident(id: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// The most resident memory there has been, in KiB.
///
/// # Errors
/// When there is no such process.
pub fn peak(id: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// Begins to look for the peak anew; returns what is resident now, in KiB.
///
/// # Errors
/// When there is no such process.
pub fn forget_peak(id: u32) -> anyhow::Result<u64> {
    fs::write(format!("/proc/{id}/clear_refs"), "5")?;
    resident(id)
}

/// Lets this process, and those it starts, have as many files open as the hard limit allows: each connection is one.
///
/// # Errors
/// When the system does not let it.
pub fn open_as_many_files_as_allowed() -> std::io::Result<()> {
    let maximum = getrlimit(Resource::Nofile).maximum;
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}

/// How many files this process, and those it starts, may have open.
#[must_use]
pub fn files_allowed() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
