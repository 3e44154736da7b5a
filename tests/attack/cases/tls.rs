//! What the usual scanners find: sslscan and testssl.sh, as Debian has them. Neither knows the post-quantum key exchange, so our own
//! client looks for that.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::Context;
use rustls::NamedGroup;
use serde_json::Value;
use sotto_certs::IDENTITY_CERTIFICATE;
use sotto_tests::Person;
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{Row, Scale};
use crate::stage::Stage;

/// What testssl.sh says of every server that is not on the web, and of itself.
const EXPECTED: [&str; 3] = [
    // An identity is one server's: it is replaced, and its clients are told. There is nobody to publish a list of it.
    "cert_revocation",
    // Nobody on the web may vouch for this server anyway.
    "DNS_CAArecord",
    "engine_problem",
];

/// All that they complain of.
pub(crate) async fn tls(scale: Scale) -> anyhow::Result<Vec<Row>> {
    let stage = Stage::set(&["strangers-per-source=0", "connections-per-source=0"])?;
    let address = stage.address()?.to_string();
    let identity = stage.identity().join(IDENTITY_CERTIFICATE);
    let mut hybrid = 0;
    for _ in 0..scale.count {
        let stranger = Person::stranger(&stage.dial()).await;
        let group = stranger.stream().get_ref().1.negotiated_key_exchange_group();
        hybrid += usize::from(group.is_some_and(|group| group.name() == NamedGroup::X25519MLKEM768));
    }
    Ok(vec![
        Row::all("handshakes of our own with X25519MLKEM768", (hybrid, scale.count)),
        findings("sslscan complains of", sslscan(&address).await?),
        findings("testssl.sh complains of", testssl(&address, &identity).await?),
    ])
}

/// `None`: it is not installed.
fn findings(what: &'static str, found: Option<Vec<String>>) -> Row {
    let kept = found.as_ref().is_none_or(Vec::is_empty);
    let measured = match found {
        None => "not installed".to_owned(),
        Some(found) if found.is_empty() => "nothing".to_owned(),
        Some(found) => found.join(", "),
    };
    Row { what, measured, target: "nothing".to_owned(), kept }
}

async fn sslscan(address: &str) -> anyhow::Result<Option<Vec<String>>> {
    let mut scan = Command::new("sslscan");
    scan.args(["--no-colour", address]);
    let Some(output) = run(scan).await? else { return Ok(None) };
    let report = String::from_utf8_lossy(&output.stdout);
    anyhow::ensure!(
        report.lines().any(|line| line.starts_with("TLSv1.3 ") && line.ends_with("enabled")),
        "{report}"
    );
    Ok(Some(report.lines().filter(|line| is_bad(line)).map(|line| line.trim().to_owned()).collect()))
}

/// A version below 1.3 that is spoken, a cipher of one, or a hole.
fn is_bad(line: &str) -> bool {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        [version, "enabled"] => version != "TLSv1.3",
        ["Accepted" | "Preferred", version, ..] => version != "TLSv1.3",
        [_, "vulnerable", ..] => true,
        ["Insecure", ..] => true,
        _ => false,
    }
}

async fn testssl(address: &str, identity: &Path) -> anyhow::Result<Option<Vec<String>>> {
    let dir = TempDir::new()?;
    let report = dir.path().join("report.json");
    let quietly = ["--quiet", "--color", "0", "--warnings", "off", "--openssl-timeout", "5"];
    let asked =
        ["--protocols", "--standard", "--pfs", "--server-preference", "--server-defaults", "--vulnerable"];
    for program in ["testssl", "testssl.sh"] {
        let mut scan = Command::new(program);
        scan.args(quietly)
            .arg("--add-ca")
            .arg(identity)
            .arg("--jsonfile")
            .arg(&report)
            .args(asked)
            .arg(address);
        if run(scan).await?.is_some() {
            let report = std::fs::read(&report).context("testssl.sh has written no report")?;
            return complaints(&serde_json::from_slice(&report)?).map(Some);
        }
    }
    Ok(None)
}

fn complaints(report: &Value) -> anyhow::Result<Vec<String>> {
    let entries = report.as_array().context("a report is a list")?;
    let is_there = |id| entries.iter().any(|entry| entry["id"] == id);
    anyhow::ensure!(is_there("TLS1_3") && is_there("heartbleed"), "testssl.sh has not looked at everything");
    let complaint = |entry: &Value| {
        let (id, severity) = (entry["id"].as_str()?, entry["severity"].as_str()?);
        let fine = matches!(severity, "OK" | "INFO" | "DEBUG") || EXPECTED.contains(&id);
        (!fine).then(|| format!("{id} ({severity})"))
    };
    Ok(entries.iter().filter_map(complaint).collect())
}

/// `None`: there is no such program.
async fn run(mut command: Command) -> anyhow::Result<Option<Output>> {
    match spawn_blocking(move || command.stdin(Stdio::null()).output()).await? {
        Ok(output) => Ok(Some(output)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
