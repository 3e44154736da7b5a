//! A TLS connection to a server that is believed, or the reason why there is none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, version};
use rustls_pki_types::ServerName;
use sotto_proto::Link;
use tokio::io::BufReader;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::trust::{Seen, Trust, TrustError, Verifier};

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"sotto/1";
/// For a TCP connection and the handshake on it.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is read of the socket at once, in bytes: TLS asks for 4 KiB at a time.
const READ_AHEAD: usize = 64 * 1024;

/// A connection to a server that is believed.
pub type Connection = TlsStream<BufReader<TcpStream>>;

/// Where to connect, and what to believe.
#[derive(Clone, Debug)]
pub struct Dial {
    /// A host name or IP address.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// What makes the server the right one.
    pub trust: Trust,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// It cannot be reached; trying again may help.
    #[error("cannot reach {address}: {why}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// What is in the way.
        why: Obstacle,
    },
    /// It is not believed; trying again does not help.
    #[error(transparent)]
    NotTrusted(#[from] TrustError),
}

/// What is between a client and a server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Obstacle {
    /// What should be a host name or an address is neither.
    #[error("that is not a host name or address")]
    BadAddress,
    /// No name server knows the host.
    #[error("there is no host of that name")]
    UnknownHost,
    /// The host answers, and has nothing on that port.
    #[error("nothing listens there")]
    Refused,
    /// Nothing came back in time.
    #[error("no answer")]
    NoAnswer,
    /// Something answers that does not speak Sotto's TLS.
    #[error("it does not speak Sotto's TLS ({0})")]
    NotSotto(String),
    /// It closed the connection before it was one.
    #[error("it closed the connection")]
    Closed,
    /// Anything else, in the system's words.
    #[error("{0}")]
    Network(String),
}

impl Dial {
    /// What a link says, with `trust` for one without a pin.
    #[must_use]
    pub fn new(link: &Link, trust: Trust) -> Self {
        let trust = link.pin.map_or(trust, Trust::Pin);
        Self { host: link.host.clone(), port: link.port, trust }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        Link { host: self.host.clone(), port: self.port, pin: None, invite: None }.address()
    }

    /// Connects and shakes hands. When this fails, the server has been sent nothing but the greeting of TLS.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self) -> Result<Connection, ConnectError> {
        let unreachable = |why: Obstacle| ConnectError::Unreachable { address: self.address(), why };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new(self.trust.clone(), &provider)
            .map_err(|why| unreachable(Obstacle::Network(why)))?;
        let verifier = Arc::new(verifier);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| unreachable(Obstacle::Network(error.to_string())))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Every connection proves the identity anew.
        config.resumption = rustls::client::Resumption::disabled();
        let name = ServerName::try_from(self.host.clone()).map_err(|_| unreachable(Obstacle::BadAddress))?;
        let connecting = async {
            let addresses: Vec<_> = lookup_host((self.host.as_str(), self.port))
                .await
                .map_err(|_| Failed::Stopped(Obstacle::UnknownHost))?
                .collect();
            let stream = TcpStream::connect(addresses.as_slice()).await?;
            stream.set_nodelay(true)?;
            let stream = BufReader::with_capacity(READ_AHEAD, stream);
            Ok(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)
        };
        match timeout(PATIENCE, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(Failed::Stopped(why))) => Err(unreachable(why)),
            Ok(Err(Failed::Io(error))) => match tls_error(&error).and_then(|tls| verifier.verdict(tls)) {
                Some(verdict) => Err(verdict.into()),
                None => Err(unreachable(explain(&error))),
            },
            Err(_) => Err(unreachable(Obstacle::NoAnswer)),
        }
    }
}

enum Failed {
    Stopped(Obstacle),
    Io(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Looks at what a server shows of itself, and sends it nothing.
///
/// # Errors
/// [`ConnectError::Unreachable`] when there is nothing to see.
pub async fn inspect(link: &Link) -> Result<Seen, ConnectError> {
    let dial = Dial { host: link.host.clone(), port: link.port, trust: Trust::Nothing };
    match dial.connect().await {
        Err(ConnectError::NotTrusted(TrustError::Unknown(seen))) => Ok(seen),
        Err(error) => Err(error),
        Ok(_) => {
            let why = Obstacle::NotSotto("it showed no certificate".to_owned());
            Err(ConnectError::Unreachable { address: dial.address(), why })
        }
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn explain(error: &io::Error) -> Obstacle {
    match (error.kind(), tls_error(error)) {
        (_, Some(tls)) => Obstacle::NotSotto(tls.to_string()),
        (io::ErrorKind::ConnectionRefused, _) => Obstacle::Refused,
        (io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset, _) => Obstacle::Closed,
        (io::ErrorKind::TimedOut, _) => Obstacle::NoAnswer,
        _ => Obstacle::Network(error.to_string()),
    }
}
