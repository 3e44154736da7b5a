//! Certificates that are replaced, well and badly, while many are connected.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sotto_certs::{Existing, Names, SERVER_CERTIFICATE, SERVER_KEY};
use sotto_client::Dial;
use sotto_proto::Reply;
use sotto_tests::certificates::issued;
use sotto_tests::{Person, soon};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Row, Scale};
use crate::stage::{Stage, comes_in};

const ROUNDS: usize = 50;
/// Fewer than may try a password from one address at once.
const AT_ONCE: usize = 16;
/// Until the server has looked at what it was told to look at.
const LOOKED_AT: Duration = Duration::from_millis(100);
/// Between two looks at what it shows.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
const DAY: Duration = Duration::from_secs(24 * 3600);
const LAST: &str = "that was the last";

/// Who is there stays and misses nothing, what is fit is shown soon, and what is not never.
pub(crate) async fn reloads(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let free = ["connections-per-source=0", "strangers-per-source=0", "registrations-per-source=0"];
    let stage = Stage::set(&[&free[..], &["messages-per-second=0", "certificate-watch-millis=0"]].concat())?;
    let mut staying = everybody(&stage, scale.count).await?;
    let mut ann = comes_in(&stage.dial(), "ann").await?;
    let pair = Pair::of(&stage.identity());
    let (over, looked) = (Arc::new(AtomicBool::new(false)), stage.dial());
    let seen = tokio::spawn(everything_shown(looked, Arc::clone(&over)));
    let (mut fit, mut slowest) = (HashSet::from([pair.certificate()?]), Duration::ZERO);
    for round in 0..ROUNDS {
        pair.spoil(round)?;
        stage.server.signal("HUP");
        sleep(LOOKED_AT).await;
        sotto_certs::renew(&pair.identity, &Names::of_this_machine())?;
        fit.insert(pair.certificate()?);
        stage.server.signal("HUP");
        slowest = slowest.max(is_shown(&stage.dial(), &pair.certificate()?).await);
        ann.posts(&round.to_string()).await;
    }
    ann.posts(LAST).await;
    over.store(true, Ordering::Relaxed);
    let unfit = seen.await?.difference(&fit).count();
    let mut stayed = 0;
    while let Some(missed_nothing) = staying.join_next().await {
        stayed += usize::from(missed_nothing.unwrap_or(false));
    }
    Ok(vec![
        Row::all("sessions that stayed and missed nothing", (stayed, scale.count)),
        Row::at_most("s until another certificate was shown", (slowest.as_secs_f64(), 1.0), "<= 1"),
        Row::at_most("unfit certificates shown", (f64::from(u32::try_from(unfit)?), 0.0), "0"),
    ])
}

/// Where a server has its certificate and key.
struct Pair {
    identity: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn of(identity: &Path) -> Self {
        let [certificate, key] = [SERVER_CERTIFICATE, SERVER_KEY].map(|name| identity.join(name));
        Self { identity: identity.to_owned(), certificate, key }
    }

    fn certificate(&self) -> anyhow::Result<Vec<u8>> {
        Ok(CertificateDer::from_pem_file(&self.certificate)?.to_vec())
    }

    /// Puts something there that must not be used.
    fn spoil(&self, round: usize) -> anyhow::Result<()> {
        let (good, good_key) = (fs::read_to_string(&self.certificate)?, fs::read_to_string(&self.key)?);
        let half = good.get(..good.len() / 4).context("a certificate")?.to_owned();
        let now = SystemTime::now();
        let (certificate, key) = match round % 4 {
            0 => (half, good_key),
            1 => (good, another_key()?),
            2 => issued(&self.identity, (now - 90 * DAY, now - DAY))?,
            _ => (String::new(), String::new()),
        };
        fs::write(&self.certificate, certificate)?;
        Ok(fs::write(&self.key, key)?)
    }
}

fn another_key() -> anyhow::Result<String> {
    let other = TempDir::new()?;
    sotto_certs::mint(other.path(), &Names::of_this_machine(), Existing::Keep)?;
    Ok(fs::read_to_string(other.path().join(SERVER_KEY))?)
}

/// So many people, who come in and stay: each says in the end whether they have been told everything, in order.
async fn everybody(stage: &Stage, count: usize) -> anyhow::Result<JoinSet<bool>> {
    let (mut coming, mut staying) = (JoinSet::new(), JoinSet::new());
    for number in 0..count {
        let dial = stage.dial();
        coming.spawn(async move { comes_in(&dial, &format!("person{number}")).await });
        if coming.len() >= AT_ONCE {
            staying.spawn(hears_all(coming.join_next().await.context("somebody")???));
        }
    }
    while let Some(person) = coming.join_next().await {
        staying.spawn(hears_all(person??));
    }
    Ok(staying)
}

async fn hears_all(mut person: Person) -> bool {
    let expected = (0..ROUNDS).map(|round| round.to_string()).chain([LAST.to_owned()]);
    for text in expected {
        if next_text(&mut person).await.as_ref() != Some(&text) {
            return false;
        }
    }
    true
}

async fn next_text(person: &mut Person) -> Option<String> {
    loop {
        if let Reply::Message(message) = person.next_or_end().await? {
            return Some(message.text.as_str().to_owned());
        }
    }
}

/// What is shown to whoever connects now.
async fn shown(dial: &Dial) -> Option<Vec<u8>> {
    let stream = dial.connect().await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?.first()?.to_vec())
}

/// All that is shown until it is over; nothing at all is unfit as well.
async fn everything_shown(dial: Dial, over: Arc<AtomicBool>) -> HashSet<Vec<u8>> {
    let mut seen = HashSet::new();
    while !over.load(Ordering::Relaxed) {
        seen.insert(shown(&dial).await.unwrap_or_default());
        sleep(LOOK_AGAIN).await;
    }
    seen
}

/// How long it takes until this one is shown.
async fn is_shown(dial: &Dial, certificate: &[u8]) -> Duration {
    let began = Instant::now();
    soon("a certificate", async { while shown(dial).await.as_deref() != Some(certificate) {} }).await;
    began.elapsed()
}
