//! How the tool's clients reach what is measured: over TLS 1.3, from as many of this machine's addresses as it takes. They believe
//! the identity that was minted for it, and share all that one connection does not need for itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use sotto_client::Connection;
use tokio::io::BufReader;
use tokio::net::TcpSocket;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::client::PATIENCE;

/// Connections from one address: some of the 28,000 ports that Linux has for each.
const PER_ADDRESS: u32 = 8_000;
/// What is read of a socket at once, a TLS record: TLS asks for 4 KiB at a time, and fifty thousand keep what they have once used.
const READ_AHEAD: usize = 16 * 1024;

/// A way to one port.
pub(crate) struct Way {
    to: SocketAddr,
    connector: TlsConnector,
    came: AtomicU32,
}

impl Way {
    /// To this port of this machine, whose certificate is of the identity in a PEM file.
    pub(crate) fn to(port: u16, identity: &Path) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(identity)?)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"sotto/1".to_vec()];
        config.resumption = Resumption::disabled();
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { to: (Ipv4Addr::LOCALHOST, port).into(), connector, came: AtomicU32::new(0) })
    }

    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        let source = self.source(self.came.fetch_add(1, Ordering::Relaxed));
        socket.bind((source, 0).into())?;
        let connecting = async {
            let stream = socket.connect(self.to).await?;
            stream.set_nodelay(true)?;
            let stream = BufReader::with_capacity(READ_AHEAD, stream);
            anyhow::Ok(self.connector.connect(ServerName::from(self.to.ip()), stream).await?)
        };
        timeout(PATIENCE, connecting).await.context("no answer to a connection")?
    }

    /// 127.a.b.c: a and b are those of the port, so that ports which were used a minute ago, and are not free yet, are not in the
    /// way of the next run.
    fn source(&self, number: u32) -> Ipv4Addr {
        let [_, _, a, b] = u32::from(self.to.port()).to_be_bytes();
        let block = u32::from_be_bytes([127, a, b, 1]);
        Ipv4Addr::from_bits(block.saturating_add(number / PER_ADDRESS))
    }
}
