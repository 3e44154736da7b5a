//! A server inside the test, on a port of its own.

use std::net::SocketAddr;
use std::path::Path;

use sotto_client::{Dial, Trust};
use sotto_proto::{Link, Pin};
use sotto_server::{Config, RawConfig, Registration, Reload};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{Person, soon};

/// A running server. It ends with the test.
pub struct House {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who it is.
    pub pin: Pin,
    /// What it would print.
    pub link: Link,
    /// Where the original's programs are served, by a house that does so.
    pub plaintext: Option<SocketAddr>,
    /// What has it read its certificate again.
    pub reload: Reload,
    dir: TempDir,
    limits: Vec<String>,
    registration: Registration,
    stop: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

impl House {
    /// A server to which anybody may come, with cheap passwords and without rates.
    pub async fn open() -> Self {
        Self::with_limits(&[]).await
    }

    /// As [`Self::open`], with limits of its own.
    pub async fn with_limits(limits: &[&str]) -> Self {
        Self::start(TempDir::new().expect("a directory"), (limits, Registration::Open)).await
    }

    /// As [`Self::open`], with another rule for newcomers.
    pub async fn with_registration(registration: Registration) -> Self {
        Self::start(TempDir::new().expect("a directory"), (&[], registration)).await
    }

    /// As [`Self::with_limits`], with a second door for the original's programs.
    pub async fn with_plaintext(limits: &[&str]) -> Self {
        let dir = TempDir::new().expect("a directory");
        let config = config(dir.path(), (limits, Registration::Open));
        let plaintext = Some("127.0.0.1:0".parse().expect("an address"));
        Self::serve(dir, Config { plaintext, ..config }, (limits, Registration::Open)).await
    }

    async fn start(dir: TempDir, (limits, registration): (&[&str], Registration)) -> Self {
        let config = config(dir.path(), (limits, registration));
        Self::serve(dir, config, (limits, registration)).await
    }

    async fn serve(dir: TempDir, config: Config, (limits, registration): (&[&str], Registration)) -> Self {
        let bound = sotto_server::open(config).await.expect("a server");
        let (address, pin, link) = (bound.address(), bound.pin(), bound.link().expect("a link"));
        let (plaintext, reload) = (bound.plaintext(), bound.reload());
        let stop = CancellationToken::new();
        let running = tokio::spawn(bound.run(stop.clone().cancelled_owned()));
        let limits = limits.iter().map(ToString::to_string).collect();
        Self { address, pin, link, plaintext, reload, dir, limits, registration, stop, running }
    }

    /// Where its data are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// How to get there, believing its pin.
    #[must_use]
    pub fn dial(&self) -> Dial {
        Dial::new(&self.link, Trust::Nothing)
    }

    /// Stops it as a signal does, and waits until it has.
    pub async fn close(self) -> TempDir {
        self.stop.cancel();
        soon("the server to stop", self.running).await.expect("no panic").expect("a clean stop");
        self.dir
    }

    /// Stops it and starts it again on the same data.
    pub async fn reopen(self) -> Self {
        let (limits, registration) = (self.limits.clone(), self.registration);
        let dir = self.close().await;
        let limits: Vec<_> = limits.iter().map(String::as_str).collect();
        Self::start(dir, (&limits, registration)).await
    }

    /// These people, registered, logged in, caught up, and aware of each other.
    pub async fn join<const N: usize>(&self, names: [&'static str; N]) -> [Person; N] {
        let mut people = Vec::new();
        for name in names {
            people.push(Person::newcomer(self, name).await);
        }
        for (index, person) in people.iter_mut().enumerate() {
            person.sees_coming(names.into_iter().skip(index + 1)).await;
        }
        people.try_into().unwrap_or_else(|_| panic!("as many people as names"))
    }
}

fn config(dir: &Path, (limits, registration): (&[&str], Registration)) -> Config {
    let unlimited = [
        "messages-per-second=0",
        "lookups-per-second=0",
        "connections-per-source=0",
        "strangers-per-source=0",
    ];
    let quiet = ["registrations-per-source=0", "linger-seconds=0", "presence-millis=1"];
    let limit = unlimited.iter().chain(&quiet).chain(limits).map(ToString::to_string).collect();
    let raw = RawConfig {
        data_dir: Some(dir.to_owned()),
        listen: Some("127.0.0.1:0".to_owned()),
        argon2: Some("m=19456,t=2,p=1".to_owned()),
        registration: Some(registration),
        limit,
        ..RawConfig::default()
    };
    raw.decide(None).expect("a configuration")
}
