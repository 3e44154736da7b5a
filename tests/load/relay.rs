//! The limits that Sotto is held against: relays over the same TLS that know nothing, each in a process of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sotto_certs::{Existing, IDENTITY_CERTIFICATE, Names};
use sotto_client::{Dial, Trust};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{pipe, room};

/// A relay.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// What it does
    shape: Shape,
    /// Where its certificate is
    dir: PathBuf,
}

/// What a relay does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Shape {
    /// From one connection to another
    Pipe,
    /// From everybody to everybody
    Room,
}

impl Arguments {
    pub(crate) fn serve(&self) -> anyhow::Result<ExitCode> {
        match self.shape {
            Shape::Pipe => crate::runtime()?.block_on(pipe::serve(&self.dir)),
            Shape::Room => room::serve(&self.dir),
        }
    }
}

/// A relay in a process of its own. It ends with this.
pub(crate) struct Relay {
    child: Child,
    /// Where it listens, and who it is.
    pub(crate) dial: Dial,
    certificate: TempDir,
}

impl Relay {
    pub(crate) fn start(shape: Shape) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let minted = sotto_certs::mint(dir.path(), &Names::of_this_machine(), Existing::Keep)?;
        let shape = shape.to_possible_value().context("a shape with a name")?;
        let mut child = std::process::Command::new(std::env::current_exe()?)
            .args(["relay", shape.get_name()])
            .arg(dir.path())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("a pipe")?;
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
        let (host, port) = ("127.0.0.1".to_owned(), line.trim().parse()?);
        Ok(Self { child, dial: Dial { host, port, trust: Trust::Pin(minted.pin) }, certificate: dir })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The certificate of who it is.
    pub(crate) fn identity(&self) -> PathBuf {
        self.certificate.path().join(IDENTITY_CERTIFICATE)
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(&mut self) -> std::io::Result<()> {
        self.child.wait().map(drop)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where a relay's clients come in.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) acceptor: TlsAcceptor,
}

impl Door {
    /// Listens, and says on standard output where.
    pub(crate) async fn open(dir: &Path) -> anyhow::Result<Self> {
        let chain = CertificateDer::pem_file_iter(dir.join("server.pem"))?.collect::<Result<_, _>>()?;
        let key = PrivateKeyDer::from_pem_file(dir.join("server.key"))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // Nobody would read them, and a socket that is closed with something unread is reset.
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"sotto/1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mut stdout = std::io::stdout();
        writeln!(stdout, "{}", listener.local_addr()?.port())?;
        stdout.flush()?;
        Ok(Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }
}
