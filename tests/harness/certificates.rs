//! Certificates as somebody might put them in a server's way.

use std::path::Path;
use std::time::SystemTime;

use rcgen::{CertificateParams, Issuer, KeyPair, SanType};

/// A certificate of the identity in `dir` with its chain, and its key, valid for a time of its own.
///
/// # Errors
/// When there is no identity.
pub fn issued(dir: &Path, (from, to): (SystemTime, SystemTime)) -> anyhow::Result<(String, String)> {
    let identity = std::fs::read_to_string(dir.join(sotto_certs::IDENTITY_CERTIFICATE))?;
    let identity_key = std::fs::read_to_string(dir.join(sotto_certs::IDENTITY_KEY))?;
    let issuer = Issuer::from_ca_cert_pem(&identity, KeyPair::from_pem(&identity_key)?)?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
    (params.not_before, params.not_after) = (from.into(), to.into());
    let leaf = params.signed_by(&key, &issuer)?;
    Ok((format!("{}{identity}", leaf.pem()), key.serialize_pem()))
}
