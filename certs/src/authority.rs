//! The identity as a certificate authority: one key that signs this server's TLS certificates.

use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, rand};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber, SigningKey,
};
use rustls_pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::error::CertError;
use crate::names::Names;
use crate::{CERTIFICATE_DAYS, IDENTITY_CERTIFICATE, IDENTITY_DAYS, IDENTITY_KEY, files, inspect};

/// The organization in an identity's name.
pub(crate) const ORGANIZATION: &str = "Sotto";
/// How an identity's common name starts; eight hex digits of its pin follow.
pub(crate) const COMMON_NAME: &str = "Sotto identity";

/// How far before now a certificate starts to be valid: clients' clocks may be behind.
const BACKDATED: time::Duration = time::Duration::days(2);

/// An identity with its key.
pub(crate) struct Authority {
    key: KeyPair,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A TLS certificate with its key.
pub(crate) struct Leaf {
    pub(crate) key_pem: String,
    pub(crate) pem: String,
    pub(crate) certificate: CertificateDer<'static>,
}

impl Authority {
    /// A new identity.
    pub(crate) fn generate() -> Result<Self, CertError> {
        Self::of_key(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
    }

    /// The identity in `dir`. Its key is what counts: a certificate that is missing, or will expire
    /// before the TLS certificates it signs, is made again, and the pin stays the same.
    pub(crate) fn load(dir: &Path) -> Result<Self, CertError> {
        let key = load_key(&dir.join(IDENTITY_KEY))?;
        let path = dir.join(IDENTITY_CERTIFICATE);
        let Some(pem) = files::read(&path)? else {
            return Self::of_key(key);
        };
        let certificate = only_certificate(&pem).ok_or_else(|| CertError::Pem { path: path.clone() })?;
        if !inspect::is_identity_of(&certificate, &key.subject_public_key_info())? {
            return Err(CertError::Mismatch { path });
        }
        let left = inspect::remaining(&certificate, SystemTime::now())?;
        if left < days(CERTIFICATE_DAYS) {
            return Self::of_key(key);
        }
        Ok(Self { key, certificate, pem })
    }

    /// The key's certificate, signed by itself.
    fn of_key(key: KeyPair) -> Result<Self, CertError> {
        let mut params = params(IDENTITY_DAYS)?;
        params.distinguished_name.push(DnType::OrganizationName, ORGANIZATION);
        params.distinguished_name.push(DnType::CommonName, common_name(&key));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self { key, pem: certificate.pem(), certificate: certificate.into() })
    }

    /// Signs a certificate with a new key, for a server that goes by `names`.
    pub(crate) fn issue(&self, names: &Names) -> Result<Leaf, CertError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params(CERTIFICATE_DAYS)?;
        params.distinguished_name.push(DnType::CommonName, "Sotto server");
        params.subject_alt_names = names.to_san()?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.certificate, &self.key)?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Leaf { key_pem: key.serialize_pem(), pem: certificate.pem(), certificate: certificate.into() })
    }

    /// Signs a statement of this identity's own: ECDSA with P-256 and SHA-256, in ASN.1.
    pub(crate) fn sign(&self, statement: &[u8]) -> Result<Vec<u8>, CertError> {
        Ok(self.key.sign(statement)?)
    }

    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

fn load_key(path: &Path) -> Result<KeyPair, CertError> {
    let pem = files::read(path)?.ok_or_else(|| CertError::NoIdentity { path: path.to_owned() })?;
    KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_ECDSA_P256_SHA256)
        .map_err(|source| CertError::Key { path: path.to_owned(), source })
}

fn only_certificate(pem: &str) -> Option<CertificateDer<'static>> {
    let mut chain = files::parse_chain(pem)?;
    let certificate = chain.pop();
    certificate.filter(|_| chain.is_empty())
}

/// What identities and TLS certificates have in common.
fn params(valid_days: u16) -> Result<CertificateParams, CertError> {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.not_before = now - BACKDATED;
    params.not_after = now + days(valid_days);
    params.serial_number = Some(random_serial()?);
    Ok(params)
}

/// 126 random bits between two fixed ones: positive, and never shorter than its 16 bytes.
fn random_serial() -> Result<SerialNumber, CertError> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| CertError::Randomness)?;
    let [first, ..] = &mut bytes;
    *first = (*first & 0x7f) | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn common_name(key: &KeyPair) -> String {
    let hash = digest::digest(&digest::SHA256, &key.subject_public_key_info());
    let hex: String = hash.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{COMMON_NAME} {hex}")
}

fn days(count: u16) -> Duration {
    Duration::from_secs(u64::from(count) * inspect::DAY)
}
