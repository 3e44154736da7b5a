//! What was measured, and how it is said: one row for a scenario and a subject, as a table and as JSON.

use std::time::{Duration, Instant};

use sotto_tests::process;

use crate::subject::{Kind, Subject};

/// A server with less of a core than this, while the tool has all it can get, was not measured at its limit.
const BUSY: f64 = 0.8;

/// Time, processor time and memory of a subject from one moment on.
pub(crate) struct Meter {
    id: u32,
    began: Instant,
    subject: Duration,
    tool: Duration,
    empty: u64,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) elapsed: Duration,
    /// User and system time of what is measured, and of this tool.
    pub(crate) subject: Duration,
    pub(crate) tool: Duration,
    /// Resident memory of what is measured at the end, and by how much that is more than before anybody came, KiB.
    pub(crate) resident: u64,
    pub(crate) grown: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) scenario: &'static str,
    /// What there is a number of: deliveries, log-ins.
    pub(crate) unit: &'static str,
    pub(crate) kind: Kind,
    pub(crate) clients: usize,
    pub(crate) expected: usize,
}

/// A scenario's figures for one subject.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    done: Done,
    spent: Spent,
    count: usize,
    /// p50, p99 and the longest.
    latency: [Duration; 3],
    note: Option<String>,
}

impl Meter {
    pub(crate) fn start(subject: &Subject) -> anyhow::Result<Self> {
        let id = subject.id;
        let empty = subject.empty;
        let (subject, tool) = (process::cpu(id)?, process::cpu(std::process::id())?);
        Ok(Self { id, began: Instant::now(), subject, tool, empty })
    }

    pub(crate) fn stop(self) -> anyhow::Result<Spent> {
        let resident = process::resident(self.id)?;
        Ok(Spent {
            elapsed: self.began.elapsed(),
            subject: process::cpu(self.id)?.saturating_sub(self.subject),
            tool: process::cpu(std::process::id())?.saturating_sub(self.tool),
            resident,
            grown: resident.saturating_sub(self.empty),
        })
    }
}

impl Row {
    pub(crate) fn new(done: Done, spent: Spent, mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        let at = |part: usize| {
            latencies.get(latencies.len().saturating_sub(1) * part / 1000).copied().unwrap_or_default()
        };
        Self { done, spent, count: latencies.len(), latency: [500, 990, 1000].map(at), note: None }
    }

    /// What no column is for.
    pub(crate) fn with_note(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    pub(crate) fn lost(&self) -> usize {
        self.done.expected.saturating_sub(self.count)
    }

    /// The subject's processor time for each, µs.
    fn cost(&self) -> f64 {
        self.spent.subject.as_secs_f64() * 1e6 / real(self.count)
    }

    fn per_second(&self) -> f64 {
        real(self.count) / self.spent.elapsed.as_secs_f64()
    }

    /// Resident memory that each client added, KiB.
    fn memory(&self) -> f64 {
        real(usize::try_from(self.spent.grown).unwrap_or(usize::MAX)) / real(self.done.clients)
    }

    /// Of a core, what the subject and the tool have used.
    fn load(&self) -> [f64; 2] {
        [self.spent.subject, self.spent.tool].map(|cpu| cpu.as_secs_f64() / self.spent.elapsed.as_secs_f64())
    }

    fn is_held_up_by_the_tool(&self) -> bool {
        let [subject, tool] = self.load();
        subject < BUSY && tool >= BUSY
    }

    fn print(&self, limit: Option<&Self>) {
        let ratio = limit.map_or(String::from("-"), |limit| format!("{:.2}", self.cost() / limit.cost()));
        let [p50, p99, max] = self.latency.map(|latency| latency.as_secs_f64() * 1e3);
        let Done { scenario, unit, kind, clients, expected } = self.done;
        let (lost, rate, cost, memory) = (self.lost(), self.per_second(), self.cost(), self.memory());
        let [subject, tool] = self.load();
        let held_up = if self.is_held_up_by_the_tool() { " the tool is the bottleneck" } else { "" };
        let note = self.note.as_deref().unwrap_or_default();
        println!(
            "{scenario:<10} {clients:>6} {kind:<8} {expected:>9} {unit:<11} {lost:>4} {rate:>9.0} {cost:>9.2} {ratio:>6} {p50:>8.2} {p99:>8.2} {max:>8.2} {memory:>8.1} {subject:>5.2} {tool:>5.2} {note}{held_up}",
        );
    }

    fn json(&self) -> serde_json::Value {
        let [p50, p99, max] = self.latency.map(|latency| latency.as_secs_f64() * 1e3);
        let [subject, tool] = self.load();
        serde_json::json!({
            "scenario": self.done.scenario,
            "subject": self.done.kind.to_string(),
            "clients": self.done.clients,
            "unit": self.done.unit,
            "expected": self.done.expected,
            "lost": self.lost(),
            "seconds": self.spent.elapsed.as_secs_f64(),
            "per_second": self.per_second(),
            "cpu_us_each": self.cost(),
            "p50_ms": p50,
            "p99_ms": p99,
            "max_ms": max,
            "resident_kib": self.spent.resident,
            "grown_kib_per_client": self.memory(),
            "cores_used": subject,
            "cores_used_by_the_tool": tool,
            "note": self.note,
            "the_tool_is_the_bottleneck": self.is_held_up_by_the_tool(),
        })
    }
}

/// What a scenario came to: the relay's runs, if there were any, and the server's.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Says what the columns are.
    pub(crate) fn head() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        println!(
            "{cores} cores, shared by what is measured and this tool; medians of the runs, by processor time"
        );
        if cfg!(debug_assertions) {
            println!("note: a debug build; use --release for figures that mean something");
        }
        println!(
            "{:<10} {:>6} {:<8} {:>21} {:>4} {:>9} {:>9} {:>6} {:>8} {:>8} {:>8} {:>8} {:>5} {:>5}",
            "",
            "N",
            "",
            "",
            "lost",
            "per s",
            "CPU µs",
            "ratio",
            "p50 ms",
            "p99",
            "max",
            "KiB each",
            "cores",
            "tool"
        );
    }

    /// So many runs of each kind, in turn.
    pub(crate) async fn of(
        (runs, kinds): (usize, &[Kind]),
        mut run: impl AsyncFnMut(Kind) -> anyhow::Result<Row>,
    ) -> anyhow::Result<Self> {
        let mut report = Self::default();
        for _ in 0..runs {
            for kind in kinds {
                report.rows.push(run(*kind).await?);
            }
        }
        Ok(report)
    }

    /// Nothing that should have come has not.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.lost() == 0)
    }

    /// Prints the medians.
    pub(crate) fn print(&self) {
        let limit = self.median(Kind::Relay);
        let mut kinds = Vec::new();
        for kind in self.rows.iter().map(|row| row.done.kind) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        for median in kinds.into_iter().filter_map(|kind| self.median(kind)) {
            median.print(limit.filter(|_| median.done.kind != Kind::Relay));
        }
    }

    /// Every run, as lines of JSON.
    pub(crate) fn json(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", row.json())).collect()
    }

    fn median(&self, kind: Kind) -> Option<&Row> {
        let mut rows: Vec<_> = self.rows.iter().filter(|row| row.done.kind == kind).collect();
        rows.sort_by(|left, right| left.cost().total_cmp(&right.cost()));
        rows.get(rows.len() / 2).copied()
    }
}

/// A count, for dividing by it: never 0.
pub(crate) fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX))
}
