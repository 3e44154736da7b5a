//! A TLS connection to a server that is believed, or the reason why there is none.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, version};
use rustls_pki_types::ServerName;
use sotto_proto::Link;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::trust::{Seen, Trust, TrustError, Verifier};

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"sotto/1";
/// For a TCP connection and the handshake on it.
const PATIENCE: Duration = Duration::from_secs(10);

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
        /// What the system says.
        why: String,
    },
    /// It is not believed; trying again does not help.
    #[error(transparent)]
    NotTrusted(#[from] TrustError),
}

impl Dial {
    /// What a link says, with `trust` for one without a pin.
    #[must_use]
    pub fn new(link: &Link, trust: Trust) -> Self {
        let trust = link.pin.map_or(trust, Trust::Pin);
        Self { host: link.host.clone(), port: link.port, trust }
    }

    fn address(&self) -> String {
        Link { host: self.host.clone(), port: self.port, pin: None, invite: None }.address()
    }

    /// Connects and shakes hands. When this fails, the server has been sent nothing but the greeting of TLS.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(&self) -> Result<TlsStream<TcpStream>, ConnectError> {
        let unreachable = |why: String| ConnectError::Unreachable { address: self.address(), why };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Verifier::new(self.trust.clone(), &provider).map_err(unreachable)?;
        let verifier = Arc::new(verifier);
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(|error| unreachable(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_no_client_auth();
        config.alpn_protocols = vec![ALPN.to_vec()];
        // Every connection proves the identity anew.
        config.resumption = rustls::client::Resumption::disabled();
        let name = ServerName::try_from(self.host.clone())
            .map_err(|_| unreachable("that is not a host name or address".to_owned()))?;
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            TlsConnector::from(Arc::new(config)).connect(name, stream).await
        };
        match timeout(PATIENCE, connecting).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => match tls_error(&error).and_then(|tls| verifier.verdict(tls)) {
                Some(verdict) => Err(verdict.into()),
                None => Err(unreachable(explain(&error))),
            },
            Err(_) => Err(unreachable("no answer".to_owned())),
        }
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
            Err(ConnectError::Unreachable { address: dial.address(), why: "it showed no certificate".into() })
        }
    }
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn explain(error: &io::Error) -> String {
    match (error.kind(), tls_error(error)) {
        (_, Some(tls)) => format!("it does not speak Sotto's TLS ({tls})"),
        (io::ErrorKind::ConnectionRefused, _) => "nothing listens there".to_owned(),
        (io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset, _) => {
            "it closed the connection".to_owned()
        }
        _ => error.to_string(),
    }
}
