//! Schedules by the thousand, and proofs that they find what is wrong.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use sotto_proto::{Audience, Cid, Decoder, MessageText, Password, Reply, Request, limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::disk::Lie;
use super::schedule::{Report, run};
use super::world::Detail;
use super::{Bench, PASSWORD, Terms};
use crate::Registration;

/// How many schedules there are when nobody asks for more.
const SCHEDULES: u64 = 3000;
/// The first seed. Any will do; this one is always the same, so that a change that breaks something breaks it everywhere.
const FIRST: u64 = 1;

fn asked(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|value| value.parse().unwrap())
}

/// Fails with what was found, what led to it, and how to see it again.
fn show(seed: u64) {
    let Report { findings, trace, .. } = run(seed, (Detail::Lines, None));
    let lines: Vec<_> = trace.lines().collect();
    let findings = findings.join("\n  ");
    panic!(
        "seed {seed}:\n{}\n\nseed {seed} finds:\n  {findings}\n\nto see it again:\n  SOTTO_SIM_SEED={seed} cargo test -p sotto-server \
         nothing_is_lost -- --nocapture",
        lines[lines.len().saturating_sub(60)..].join("\n")
    );
}

#[test]
fn nothing_is_lost_doubled_or_out_of_order_whatever_a_seed_breaks() {
    if let Some(seed) = asked("SOTTO_SIM_SEED") {
        let report = run(seed, (Detail::Lines, None));
        println!("{}", report.trace);
        assert!(report.findings.is_empty(), "seed {seed} finds:\n  {}", report.findings.join("\n  "));
        return;
    }
    let (began, mut sent, mut acknowledged) = (Instant::now(), 0, 0);
    let schedules = asked("SOTTO_SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let first = asked("SOTTO_SIM_FIRST").unwrap_or(FIRST);
    for seed in first..first + schedules {
        let report = run(seed, (Detail::Nothing, None));
        if !report.findings.is_empty() {
            show(seed);
        }
        sent += report.sent;
        acknowledged += report.acknowledged;
    }
    println!(
        "{schedules} schedules, {sent} messages, {acknowledged} acknowledgements, {:.1?}",
        began.elapsed()
    );
    assert!(acknowledged > sent / 2, "hardly anything was said");
}

#[test]
fn a_seed_gives_the_same_schedule_every_time() {
    for seed in FIRST..FIRST + 30 {
        let [once, again] = [(); 2].map(|()| run(seed, (Detail::Lines, None)).trace);
        for (number, (one, other)) in once.lines().zip(again.lines()).enumerate() {
            assert_eq!(one, other, "seed {seed}, line {number}");
        }
        assert_eq!(once.len(), again.len(), "seed {seed}");
    }
}

/// Within how many schedules a lie comes out.
fn comes_out(lie: Lie) -> Option<u64> {
    (1..=50).find(|seed| !run(*seed, (Detail::Nothing, Some(lie))).findings.is_empty())
}

#[test]
fn a_store_that_forgets_what_it_has_acknowledged_is_found() {
    assert!(comes_out(Lie::Forgets).is_some());
}

#[test]
fn a_store_that_stores_a_message_twice_is_found() {
    assert!(comes_out(Lie::StoresTwice).is_some());
}

#[test]
fn a_store_that_gives_a_place_twice_is_found() {
    assert!(comes_out(Lie::GivesAPlaceTwice).is_some());
}

/// Says this, and reads until all of it has been answered with a 212.
async fn says(mut line: impl AsyncRead + AsyncWrite + Unpin, texts: &[MessageText]) {
    let mut out = log_in("ann");
    for (number, text) in (0..).zip(texts) {
        let cid = Some(Cid::from_bytes([number; 16]));
        let request = Request::Send { cid, to: Audience::Everyone, text: text.clone() };
        out.extend_from_slice(&request.encode(None));
    }
    line.write_all(&out).await.unwrap();
    let (decoder, mut buffer, mut missing) = (Decoder::after_login(), BytesMut::new(), texts.len());
    while missing > 0 {
        assert!(line.read_buf(&mut buffer).await.unwrap() > 0, "{missing} are not acknowledged");
        while let Some(frame) = decoder.next(&mut buffer).unwrap() {
            missing -= usize::from(matches!(Reply::from_frame(&frame), Ok(Reply::Stored { .. })));
        }
    }
}

fn log_in(name: &str) -> BytesMut {
    let (user, password) = (name.parse().unwrap(), Password::new(PASSWORD).unwrap());
    let request = Request::LogIn { user, password, take_over: false, peek: false, device: None };
    BytesMut::from(&request.encode(None)[..])
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_to_somebody_who_reads_nothing_is_a_page_whatever_the_texts_are() {
    let limits = vec![("messages-per-second", 0), ("outbox-bytes", 65536)];
    let terms = Terms { seed: 1, registration: Registration::Closed, limits, window: 4096 };
    let bench = Bench::open(&terms, &["ann", "bob"]);
    let texts = vec![MessageText::new(&"x".repeat(limits::MAX_TEXT_BYTES)).unwrap(); 60];
    says(bench.connect().unwrap(), &texts).await;
    let mut deaf = bench.connect().unwrap();
    deaf.write_all(&log_in("bob")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let [_, fed] = bench.fullest();
    assert!(fed > 65536, "{fed} bytes wait for somebody who is fed");
    assert!(fed < 65536 / 4 + limits::MAX_PAGE_BYTES + 2 * limits::MAX_TEXT_BYTES, "{fed} bytes wait");
}
