//! The limit that files are held against: a relay that takes bytes over one TLS connection and passes them on over another, and
//! knows nothing.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sotto_certs::{Existing, Names};
use sotto_client::{Dial, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// What is read and written at once, in bytes: as much as the server's records hold.
const PIECE: usize = 64 * 1024;

/// The relay.
#[derive(Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// Where its certificate is
    dir: PathBuf,
}

/// Serves one transfer: the first connection sends, the second takes.
pub(crate) async fn serve(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let chain = CertificateDer::pem_file_iter(arguments.dir.join("server.pem"))?.collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_file(arguments.dir.join("server.key"))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Nobody would read them, and a socket that is closed with something unread is reset.
    config.send_tls13_tickets = 0;
    config.alpn_protocols = vec![b"sotto/1".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    let mut source = acceptor.accept(listener.accept().await?.0).await?;
    let mut sink = acceptor.accept(listener.accept().await?.0).await?;
    let mut buffer = vec![0; PIECE];
    loop {
        let read = source.read(&mut buffer).await?;
        if read == 0 {
            sink.shutdown().await?;
            return Ok(ExitCode::SUCCESS);
        }
        sink.write_all(buffer.get(..read).unwrap_or_default()).await?;
    }
}

/// How long `bytes` take through a relay: from memory to nowhere, or from a file to another.
pub(crate) async fn measure(bytes: u64, files: Option<(&Path, &Path)>) -> anyhow::Result<Duration> {
    let dir = tempfile::tempdir()?;
    let minted = sotto_certs::mint(dir.path(), &Names::of_this_machine(), Existing::Keep)?;
    let mut child = std::process::Command::new(std::env::current_exe()?)
        .arg("relay")
        .arg(dir.path())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let stdout = child.stdout.take().context("a pipe")?;
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line)?;
    let dial =
        Dial { host: "127.0.0.1".to_owned(), port: line.trim().parse()?, trust: Trust::Pin(minted.pin) };
    let (mut source, mut sink) = (dial.connect().await?, dial.connect().await?);
    let began = Instant::now();
    let mut from = files.map(|(from, _)| std::fs::File::open(from)).transpose()?;
    let mut to = files.map(|(_, to)| std::fs::File::create(to)).transpose()?;
    let sending = tokio::spawn(async move {
        let mut piece = vec![7; PIECE];
        let mut left = bytes;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            if let Some(from) = &mut from {
                from.read_exact(piece.get_mut(..most).unwrap_or_default())?;
            }
            source.write_all(piece.get(..most).unwrap_or_default()).await?;
            left -= u64::try_from(most).unwrap_or(left);
        }
        source.shutdown().await?;
        Ok::<_, std::io::Error>(source)
    });
    let (mut buffer, mut taken) = (vec![0; PIECE], 0);
    while taken < bytes {
        let read = sink.read(&mut buffer).await?;
        anyhow::ensure!(read > 0, "the relay ended early");
        if let Some(to) = &mut to {
            to.write_all(buffer.get(..read).unwrap_or_default())?;
        }
        taken += u64::try_from(read).unwrap_or(0);
    }
    let elapsed = began.elapsed();
    drop(sending.await??);
    child.wait()?;
    Ok(elapsed)
}
