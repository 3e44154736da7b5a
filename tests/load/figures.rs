//! What was measured, and how it is said.

use std::fmt;
use std::time::Duration;

/// One run's figures.
pub(crate) struct Figures {
    pub(crate) clients: usize,
    /// Deliveries there should have been.
    pub(crate) expected: usize,
    /// Of each delivery there was, from sending to having been read.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) elapsed: Duration,
    /// User and system time of the server.
    pub(crate) cpu: Duration,
    /// Resident memory of the server at the end, KiB.
    pub(crate) resident: u64,
}

impl Figures {
    pub(crate) fn lost(&self) -> usize {
        self.expected.saturating_sub(self.latencies.len())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        let at = |part: usize| {
            sorted.get(sorted.len().saturating_sub(1) * part / 1000).copied().unwrap_or_default()
        };
        let delivered = u32::try_from(sorted.len().max(1)).unwrap_or(u32::MAX);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        if cfg!(debug_assertions) {
            writeln!(f, "note: a debug build; use --release for figures that mean something")?;
        }
        writeln!(f, "clients            {}", self.clients)?;
        writeln!(f, "deliveries         {} of {}, {} lost", sorted.len(), self.expected, self.lost())?;
        writeln!(f, "deliveries/s       {:.0}", f64::from(delivered) / self.elapsed.as_secs_f64())?;
        writeln!(f, "latency p50        {:.2} ms", millis(at(500)))?;
        writeln!(f, "latency p99        {:.2} ms", millis(at(990)))?;
        writeln!(f, "latency max        {:.2} ms", millis(at(1000)))?;
        writeln!(f, "server CPU         {:.2} µs a delivery", (self.cpu / delivered).as_secs_f64() * 1e6)?;
        writeln!(f, "server memory      {:.1} MiB resident", kib_to_mib(self.resident))?;
        writeln!(f, "machine            {cores} cores, shared by server and clients")
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn kib_to_mib(kib: u64) -> f64 {
    f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
}
