//! What was measured, and how it is said: one row for a scenario and a subject, as a table and as JSON.

use std::time::{Duration, Instant};

use sotto_tests::process;

use crate::subject::{Kind, Subject};

/// A server that had this much of a core was measured at its limit; a machine of whose cores this part was used had no time left.
const BUSY: f64 = 0.9;

/// Time, processor time and memory of a subject from one moment on.
pub(crate) struct Meter {
    id: u32,
    began: Instant,
    subject: Duration,
    tool: Duration,
    machine: Duration,
    empty: u64,
}

/// What was spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) elapsed: Duration,
    /// User and system time of what is measured, and of this tool.
    pub(crate) subject: Duration,
    pub(crate) tool: Duration,
    /// The same of everything on this machine.
    pub(crate) machine: Duration,
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
        Ok(Self { id, began: Instant::now(), subject, tool, machine: process::machine()?, empty })
    }

    pub(crate) fn stop(self) -> anyhow::Result<Spent> {
        let resident = process::resident(self.id)?;
        Ok(Spent {
            elapsed: self.began.elapsed(),
            subject: process::cpu(self.id)?.saturating_sub(self.subject),
            tool: process::cpu(std::process::id())?.saturating_sub(self.tool),
            machine: process::machine()?.saturating_sub(self.machine),
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
    pub(crate) fn cost(&self) -> f64 {
        self.spent.subject.as_secs_f64() * 1e6 / real(self.count)
    }

    pub(crate) fn per_second(&self) -> f64 {
        real(self.count) / self.spent.elapsed.as_secs_f64()
    }

    /// Resident memory that each client added, KiB.
    fn memory(&self) -> f64 {
        real(usize::try_from(self.spent.grown).unwrap_or(usize::MAX)) / real(self.done.clients)
    }

    /// Cores that the subject, the tool, and everybody else on this machine have used.
    fn cores(&self) -> [f64; 3] {
        let Spent { elapsed, subject, tool, machine, .. } = self.spent;
        let others = machine.saturating_sub(subject + tool);
        [subject, tool, others].map(|cpu| cpu.as_secs_f64() / elapsed.as_secs_f64())
    }

    /// Who had the machine while what is measured could have used more of it.
    fn bottleneck(&self) -> Option<&'static str> {
        let [subject, tool, others] = self.cores();
        let is_held_up = subject < BUSY && subject + tool + others >= BUSY * real(machine_cores());
        is_held_up.then_some(if tool > others { "the tool" } else { "others" })
    }

    fn print(&self, limit: Option<&Self>) {
        let ratio = limit.map_or(String::from("-"), |limit| format!("{:.2}", self.cost() / limit.cost()));
        let [p50, p99, max] = self.latency.map(|latency| latency.as_secs_f64() * 1e3);
        let Done { scenario, unit, kind, clients, expected } = self.done;
        let (lost, rate, cost, memory) = (self.lost(), self.per_second(), self.cost(), self.memory());
        let [subject, tool, others] = self.cores();
        let held_up = self.bottleneck().map(|who| format!(" held up by {who}")).unwrap_or_default();
        let note = self.note.as_deref().unwrap_or_default();
        println!(
            "{scenario:<11} {clients:>6} {kind:<8} {expected:>9} {unit:<11} {lost:>4} {rate:>9.0} {cost:>9.2} {ratio:>6} {p50:>8.2} {p99:>8.2} {max:>8.2} {memory:>8.1} {subject:>5.2} {tool:>5.2} {others:>5.2} {note}{held_up}",
        );
    }

    fn json(&self) -> serde_json::Value {
        let [p50, p99, max] = self.latency.map(|latency| latency.as_secs_f64() * 1e3);
        let [subject, tool, others] = self.cores();
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
            "cores_used_by_others": others,
            "note": self.note,
            "held_up_by": self.bottleneck(),
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
        println!(
            "{} cores, shared by what is measured, this tool and others; medians of the runs, by processor time",
            machine_cores()
        );
        if cfg!(debug_assertions) {
            println!("note: a debug build; use --release for figures that mean something");
        }
        println!(
            "{:<11} {:>6} {:<8} {:>21} {:>4} {:>9} {:>9} {:>6} {:>8} {:>8} {:>8} {:>8} {:>5} {:>5} {:>5}",
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
            "tool",
            "other"
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

    /// One run more.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Nothing that should have come has not.
    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.lost() == 0)
    }

    /// Prints the medians of each scenario and kind.
    pub(crate) fn print(&self) {
        let mut printed = Vec::new();
        for Done { scenario, kind, .. } in self.rows.iter().map(|row| row.done) {
            if printed.contains(&(scenario, kind)) {
                continue;
            }
            printed.push((scenario, kind));
            if let Some(median) = self.median(scenario, kind) {
                median.print(self.median(scenario, Kind::Relay).filter(|_| kind != Kind::Relay));
            }
        }
    }

    /// Every run, as lines of JSON.
    pub(crate) fn json(&self) -> String {
        self.rows.iter().map(|row| format!("{}\n", row.json())).collect()
    }

    fn median(&self, scenario: &str, kind: Kind) -> Option<&Row> {
        let of_these = |row: &&Row| row.done.scenario == scenario && row.done.kind == kind;
        let mut rows: Vec<_> = self.rows.iter().filter(of_these).collect();
        rows.sort_by(|left, right| left.cost().total_cmp(&right.cost()));
        rows.get(rows.len() / 2).copied()
    }
}

fn machine_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A count, for dividing by it: never 0.
pub(crate) fn real(count: usize) -> f64 {
    f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX))
}
