//! TLS: how the server shakes hands, and who it is.
//!
//! TLS 1.3 only, X25519MLKEM768 first, no tickets and no early data: every connection proves the identity.

mod identity;
mod pair;
mod stream;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ServerConfig, version};

pub(crate) use identity::Identity;
pub use identity::{Reload, Reloaded};
pub(crate) use pair::Pair;
pub(crate) use stream::accept;

/// The protocol's name in the handshake. A client that offers none is served, too.
pub const ALPN: &[u8] = b"sotto/1";

/// The original's bytes, carried inside TLS by a tunnel.
pub(crate) const ORIGINAL_ALPN: &[u8] = b"chatroom/0";

/// How the server shakes hands.
///
/// # Errors
/// When rustls was built without what this asks for.
pub(crate) fn server_config(identity: Arc<Identity>) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&version::TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![ALPN.to_vec(), ORIGINAL_ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
