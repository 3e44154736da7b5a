//! A server in a process of its own, looked at from outside, and as many addresses as an attack needs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sotto_client::{Dial, Trust};
use sotto_proto::{Password, Reply, Request, Token};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::{PASSWORD, Person, process};
use tempfile::TempDir;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

/// How long somebody honest tries to log in.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server under attack.
pub(crate) struct Stage {
    pub(crate) server: ServerProcess,
    dir: TempDir,
}

/// What somebody has who logs in with a password.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: &'a str,
    pub(crate) device: Option<&'a Token>,
}

impl Stage {
    /// A server as it comes, but for the limits named.
    pub(crate) fn set(limits: &[&str]) -> anyhow::Result<Self> {
        let dir = TempDir::new()?;
        let named = limits.iter().flat_map(|limit| ["--limit", limit]);
        let arguments: Vec<_> = ["--log", "warn"].into_iter().chain(named).collect();
        Ok(Self { server: ServerProcess::start_as_it_comes(dir.path(), &arguments), dir })
    }

    pub(crate) fn dial(&self) -> Dial {
        Dial::new(&self.server.link, Trust::Nothing)
    }

    /// Where the server has its identity.
    pub(crate) fn identity(&self) -> PathBuf {
        self.dir.path().join("identity")
    }

    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(format!("127.0.0.1:{}", self.server.link.port).parse()?)
    }

    /// Resident memory, in KiB.
    pub(crate) fn memory(&self) -> anyhow::Result<f64> {
        Ok(f64::from(u32::try_from(process::resident(self.server.id())?)?))
    }

    /// Begins to look for the most resident memory; what there is now, in KiB.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<f64> {
        Ok(f64::from(u32::try_from(process::forget_peak(self.server.id())?)?))
    }

    /// The most resident memory there has been since, in KiB.
    pub(crate) fn peak(&self) -> anyhow::Result<f64> {
        Ok(f64::from(u32::try_from(process::peak(self.server.id())?)?))
    }

    /// Open sockets: the listener, and one for each connection.
    pub(crate) fn sockets(&self) -> anyhow::Result<u32> {
        let open = Path::new(&format!("/proc/{}/fd", self.server.id())).read_dir()?;
        // One that is closed just now is no socket any more.
        let targets = open.flatten().filter_map(|entry| entry.path().read_link().ok());
        Ok(u32::try_from(targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count())?)
    }

    /// Waits until the server has as many sockets as this.
    pub(crate) async fn rises_to(&self, sockets: u32, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while self.sockets()? < sockets {
            anyhow::ensure!(Instant::now() < until, "{} sockets, of {sockets}", self.sockets()?);
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Waits until the server has no more sockets than this; how many it has in the end.
    pub(crate) async fn settles_at(&self, sockets: u32, patience: Duration) -> anyhow::Result<u32> {
        let until = Instant::now() + patience;
        while self.sockets()? > sockets && Instant::now() < until {
            sleep(Duration::from_millis(100)).await;
        }
        self.sockets()
    }
}

/// 127.a.b.c for the so-manyth attacker; never 127.0.x.y.
pub(crate) fn attacker(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7f01_0001 + number)
}

/// A connection from one of this machine's addresses.
pub(crate) async fn connect_from(source: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((source, 0).into())?;
    socket.connect(to).await
}

/// A way to the server on which each connection comes from the next of so many addresses.
pub(crate) async fn from_everywhere(stage: &Stage, addresses: u32) -> anyhow::Result<Dial> {
    let (server, next) = (stage.address()?, Arc::new(AtomicU32::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let source = attacker(next.fetch_add(1, Ordering::Relaxed) % addresses);
            tokio::spawn(async move {
                let mut far = connect_from(source, server).await?;
                copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    Ok(Dial { host: "127.0.0.1".to_owned(), port, ..stage.dial() })
}

pub(crate) fn request(who: Who<'_>) -> anyhow::Result<Request> {
    let (user, password) = (who.name.parse()?, Password::new(who.password)?);
    Ok(Request::LogIn { user, password, take_over: false, peek: true, device: who.device.cloned() })
}

/// Logs in on a connection of its own and leaves; how long that took, and which device it is now. `None`: not let in.
pub(crate) async fn visit(dial: &Dial, who: Who<'_>) -> anyhow::Result<Option<(Duration, Option<Token>)>> {
    let (began, asked) = (Instant::now(), request(who)?.encode(None));
    let logging_in = async {
        let mut stream = dial.connect().await.ok()?;
        stream.write_all(&asked).await.ok()?;
        let mut visitor = Person::connected(stream);
        visitor.next_or_end().await.map(|answer| (visitor, answer))
    };
    let Ok(Some((visitor, Reply::LoggedIn { device, .. }))) = timeout(PATIENCE, logging_in).await else {
        return Ok(None);
    };
    let took = began.elapsed();
    visitor.leaves().await;
    Ok(Some((took, device)))
}

/// Makes an account.
pub(crate) async fn register(dial: &Dial, name: &str) -> anyhow::Result<()> {
    let answer = Person::stranger(dial).await.registers(name, PASSWORD).await;
    anyhow::ensure!(answer == Reply::Registered, "{name} is not registered: {answer:?}");
    Ok(())
}

/// Somebody new, logged in and caught up.
pub(crate) async fn comes_in(dial: &Dial, name: &str) -> anyhow::Result<Person> {
    register(dial, name).await?;
    let mut person = Person::stranger(dial).await;
    let answer = person.logs_in(name, PASSWORD).await;
    anyhow::ensure!(matches!(answer, Reply::LoggedIn { .. }), "{name} is not let in: {answer:?}");
    person.catches_up().await;
    Ok(person)
}

/// The value below which so many per cent are.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let index = (values.len() * percent).div_ceil(100).saturating_sub(1);
    values.get(index).copied().unwrap_or(f64::INFINITY)
}

pub(crate) fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1000.0
}
