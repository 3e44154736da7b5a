//! A store that has been kept for years, beside an empty one: how long a start takes, a page of history, and a message more; and what
//! each message takes on disk.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use rusqlite::Connection as Database;
use sotto_judge::Random;
use sotto_proto::{ConvId, Page, Request, Seq, code, limits};
use sotto_tests::process;

use crate::figures::{Done, Meter, Report, Row, Spent, real};
use crate::pairs;
use crate::past::{House, LOBBY, Past};
use crate::subject::{Kind, Subject};

/// A store with so many messages.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Messages that have been said before, of 100 bytes each, by everybody in turn
    #[arg(long, default_value_t = 1_000_000)]
    messages: usize,
    /// Pages of history that are read, at random places
    #[arg(long, default_value_t = 1000)]
    pages: usize,
    /// Pairs of people who talk
    #[arg(long, default_value_t = 200)]
    pairs: usize,
    /// Messages of each pair
    #[arg(long, default_value_t = 100)]
    appends: usize,
    /// Runs of the empty and of the full store, one after the other
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

pub(crate) async fn measure(asked: &Arguments) -> anyhow::Result<Report> {
    let past = Past { people: 2 * asked.pairs, messages: asked.messages };
    let mut empty = House::with(Past { messages: 0, ..past }).await?;
    let mut full = House::with(past).await?;
    let takes = on_disk(full.dir.path(), asked.messages)?;
    let mut report = Report::default();
    for _ in 0..asked.runs {
        let (started, subject) = start("start-empty", empty)?;
        report.add(started);
        let baseline = append("add-empty", &subject, asked).await?;
        empty = stop(subject)?;
        let (started, subject) = start("start", full)?;
        report.add(started.with_note(takes.clone()));
        if asked.messages > usize::from(limits::MAX_PAGE) {
            report.add(leaf(&subject, asked).await?);
        }
        let appended = append("add", &subject, asked).await?;
        full = stop(subject)?;
        let note = format!(
            "{:.2} of the empty store's rate, {:.2} of its CPU",
            appended.per_second() / baseline.per_second(),
            appended.cost() / baseline.cost()
        );
        report.add(baseline);
        report.add(appended.with_note(note));
    }
    Ok(report)
}

/// From the command to the line that says it is ready.
fn start(scenario: &'static str, house: House) -> anyhow::Result<(Row, Arc<Subject>)> {
    let began = Instant::now();
    let subject = Subject::at(house)?;
    let spent = Spent { elapsed: began.elapsed(), subject: process::cpu(subject.id)?, ..Spent::default() };
    let done = Done { scenario, unit: "starts", kind: Kind::Sotto, clients: 0, expected: 1 };
    Ok((Row::new(done, spent, vec![spent.elapsed]), Arc::new(subject)))
}

fn stop(subject: Arc<Subject>) -> anyhow::Result<House> {
    let subject = Arc::into_inner(subject).context("nobody uses the server any more")?;
    subject.stop().context("a server with data")
}

async fn append(scenario: &'static str, subject: &Arc<Subject>, asked: &Arguments) -> anyhow::Result<Row> {
    pairs::chat(scenario, subject, (asked.pairs, asked.appends, 100)).await
}

/// Somebody leafs through the lobby, a page here and a page there.
async fn leaf(subject: &Subject, asked: &Arguments) -> anyhow::Result<Row> {
    let head = u64::try_from(asked.messages)?;
    let mut reader = subject.joins(0).await?;
    let (mut random, conv) = (Random::new(2), ConvId::new(LOBBY.cast_unsigned())?);
    let (meter, mut latencies) = (Meter::start(subject)?, Vec::with_capacity(asked.pages));
    let page = u64::from(limits::MAX_PAGE);
    for _ in 0..asked.pages {
        let before = Seq::new(page + 1 + random.below(head - page))?;
        let asks = Request::History { conv, page: Page::Before(before), limit: limits::MAX_PAGE };
        let (began, mut messages) = (Instant::now(), 0);
        reader.send(&asks.encode(None)).await?;
        loop {
            match reader.next().await?.code() {
                code::MESSAGE => messages += 1,
                code::END => break,
                _ => {}
            }
        }
        if messages == page {
            latencies.push(began.elapsed());
        }
    }
    let done =
        Done { scenario: "history", unit: "pages", kind: Kind::Sotto, clients: 1, expected: asked.pages };
    Ok(Row::new(done, meter.stop()?, latencies))
}

/// What each message takes beyond its text, and what takes it.
fn on_disk(dir: &Path, messages: usize) -> anyhow::Result<String> {
    let database = Database::open(dir.join("sotto.db"))?;
    let text: f64 =
        database.query_row("SELECT TOTAL(octet_length(text)) FROM message", [], |row| row.get(0))?;
    let mut statement = database.prepare(
        "SELECT d.name, CAST(d.pgsize AS REAL) FROM dbstat d JOIN sqlite_schema s ON s.name = d.name
         WHERE d.aggregate = TRUE AND s.tbl_name IN ('message', 'sent')",
    )?;
    let parts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let parts = parts.collect::<Result<Vec<(String, f64)>, _>>()?;
    let each = |bytes: f64| bytes / real(messages);
    let beyond = each(parts.iter().map(|(_, bytes)| bytes).sum::<f64>() - text);
    let parts: Vec<_> = parts.iter().map(|(name, bytes)| format!("{name} {:.1}", each(*bytes))).collect();
    Ok(format!("{beyond:.1} bytes a message beyond its text ({}, text {:.1})", parts.join(", "), each(text)))
}
