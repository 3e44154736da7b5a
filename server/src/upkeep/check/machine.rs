//! The machine and the user that the server runs as: addresses, clock, disk, open files.

use std::fs;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Advice;
use crate::config::Config;
use crate::data_dir;
use crate::spool;

/// What is true of the machine.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// Of all interfaces.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) now: SystemTime,
    /// When the server last wrote something, if it has.
    pub(super) written: Option<SystemTime>,
    /// Bytes that are free where the data are.
    pub(super) free: Option<u64>,
    /// How many files may be open; more than anybody needs where there is no limit.
    pub(super) open_files: u64,
    pub(super) is_root: bool,
}

/// No clock that is right shows less: 1 January 2026.
const NOT_BEFORE: Duration = Duration::from_secs(1_767_225_600);
/// How far ahead of the clock what is written may be: the clock may have been set right.
const AHEAD: Duration = Duration::from_secs(3600);
/// The least that a database with its log can do with for a while.
const DATABASE_ROOM: u64 = 256 << 20;
/// Open files beside those of connections: database, log, spool, listeners, sockets.
const OTHER_FILES: u64 = 128;

impl Facts {
    pub(super) fn gather(config: &Config) -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let written = [data_dir::DATABASE, data_dir::LINK].iter().filter_map(|name| {
            fs::metadata(config.data_dir.join(name)).and_then(|metadata| metadata.modified()).ok()
        });
        Self {
            addresses: interfaces.iter().map(if_addrs::Interface::ip).collect(),
            now: SystemTime::now(),
            written: written.max(),
            free: config.data_dir.ancestors().find(|dir| dir.exists()).and_then(spool::free),
            open_files: open_files(),
            is_root: is_root(),
        }
    }
}

pub(super) fn judge(config: &Config, facts: &Facts) -> Vec<Advice> {
    [clock(facts), disk(config, facts), open_file_limit(config, facts), root(facts)]
        .into_iter()
        .flatten()
        .collect()
}

fn clock(facts: &Facts) -> Option<Advice> {
    let remedy = "set it, and have it kept right: timedatectl set-ntp true";
    if facts.now < UNIX_EPOCH + NOT_BEFORE {
        let what = "this machine's clock is years behind: certificates made now are not valid for anybody";
        return Some(Advice::danger(what, remedy));
    }
    let ahead = facts.written?.duration_since(facts.now).ok().filter(|ahead| *ahead > AHEAD)?;
    let hours = ahead.as_secs() / 3600;
    let what =
        format!("this machine's clock was put back: the server last wrote something {hours} hours from now");
    Some(Advice::warning(what, remedy))
}

fn disk(config: &Config, facts: &Facts) -> Option<Advice> {
    let (free, dir) = (facts.free?, config.data_dir.display());
    let mib = free >> 20;
    if free < DATABASE_ROOM {
        let what = format!("{mib} MiB are free for {dir}: soon no message can be stored");
        return Some(Advice::danger(what, "make room, or move the data directory"));
    }
    (free < config.limits.free_disk()).then(|| {
        let what = format!("{mib} MiB are free for {dir}, less than free-disk-bytes: files are not taken");
        Advice::warning(what, "make room, or lower the limit free-disk-bytes")
    })
}

fn open_file_limit(config: &Config, facts: &Facts) -> Option<Advice> {
    let connections = u64::try_from(config.limits.connections()).unwrap_or(u64::MAX);
    let wanted = connections.saturating_add(OTHER_FILES);
    let allowed = facts.open_files;
    (allowed < wanted).then(|| {
        let what = format!(
            "{allowed} files may be open, and {connections} connections (the limit connections) need more"
        );
        let remedy = format!(
            "LimitNOFILE={wanted} in the systemd unit, or ulimit -n; or --limit connections={}",
            allowed.saturating_sub(OTHER_FILES).max(1)
        );
        Advice::warning(what, remedy)
    })
}

fn root(facts: &Facts) -> Option<Advice> {
    facts.is_root.then(|| {
        Advice::warning(
            "this is root: a flaw in the server would be a flaw in the whole machine",
            "run it, and this check, as a user of its own, as server/packaging/sotto-server.service does; port 7443 needs no root",
        )
    })
}

#[cfg(unix)]
fn open_files() -> u64 {
    use rustix::process::{Resource, getrlimit};
    // The server raises the soft limit to the hard one.
    getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn open_files() -> u64 {
    u64::MAX
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}
