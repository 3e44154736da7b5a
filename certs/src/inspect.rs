//! Looking at certificates: whose they are, what they name, how long they last. Nothing here decides
//! whether to trust one; that takes the handshake's signature as well, and is the client's.

use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls_pki_types::CertificateDer;
use sotto_proto::Pin;
use time::OffsetDateTime;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;

use crate::authority::{COMMON_NAME, ORGANIZATION};
use crate::error::CertError;
use crate::{SERVER_CERTIFICATE, files};

/// Seconds in a day.
pub(crate) const DAY: u64 = 24 * 60 * 60;

/// What there is to know about the chain that a server presents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// The identity that clients see.
    pub pin: Pin,
    /// The DNS names and addresses in the TLS certificate, in its order.
    pub names: Vec<String>,
    /// When the TLS certificate starts to be valid.
    pub not_before: SystemTime,
    /// When it expires.
    pub not_after: SystemTime,
    /// How many days it still has; one that has begun counts, and 0 is over.
    pub days_left: u64,
}

impl Summary {
    /// The day the TLS certificate starts to be valid, in UTC: `2026-11-21`.
    #[must_use]
    pub fn not_before_date(&self) -> String {
        date(self.not_before)
    }

    /// The day the TLS certificate expires, in UTC: `2027-02-21`.
    #[must_use]
    pub fn not_after_date(&self) -> String {
        date(self.not_after)
    }
}

/// What `server.pem` in `dir` says.
///
/// # Errors
/// When the file cannot be read or holds no certificates.
pub fn show(dir: &Path) -> Result<Summary, CertError> {
    summary_of_chain(&files::read_chain(&dir.join(SERVER_CERTIFICATE))?)
}

/// What a chain says, the server's own certificate first.
///
/// # Errors
/// [`CertError::EmptyChain`]; [`CertError::Certificate`] when the first cannot be understood.
pub fn summary_of_chain(chain: &[CertificateDer<'_>]) -> Result<Summary, CertError> {
    let first = chain.first().ok_or(CertError::EmptyChain)?;
    let leaf = parse(first)?;
    Ok(Summary {
        pin: pin_of_chain(chain)?,
        names: names(&leaf)?,
        not_before: system_time(leaf.validity().not_before),
        not_after: system_time(leaf.validity().not_after),
        days_left: remaining(first, SystemTime::now())?.as_secs().div_ceil(DAY),
    })
}

/// The pin of a server that presents `chain`, its own certificate first.
///
/// It is the identity's when the chain has one that signed the first certificate, so that it stays the same
/// through renewals. Otherwise the certificate is the operator's own, and the pin is that certificate's:
/// the pin of a public authority would let in everything it signs.
///
/// The identity's signature is checked, so a chain that merely shows somebody's identity does not get its
/// pin. Dates, names and the handshake are not looked at.
///
/// # Errors
/// [`CertError::EmptyChain`]; [`CertError::Certificate`] when the first cannot be understood.
pub fn pin_of_chain(chain: &[CertificateDer<'_>]) -> Result<Pin, CertError> {
    let (first, above) = chain.split_first().ok_or(CertError::EmptyChain)?;
    let leaf = parse(first)?;
    // What cannot be understood up there is no identity, and rustls may still know what to do with it.
    for issuer in above.iter().flat_map(parse) {
        if is_identity(&issuer) && signed(&issuer, &leaf) {
            return Ok(pin_of_key(issuer.public_key().raw));
        }
    }
    Ok(pin_of_key(leaf.public_key().raw))
}

/// The SHA-256 of the certificate's SubjectPublicKeyInfo, whoever issued it.
///
/// # Errors
/// [`CertError::Certificate`] when it cannot be understood.
pub fn spki_pin(certificate: &CertificateDer<'_>) -> Result<Pin, CertError> {
    Ok(pin_of_key(parse(certificate)?.public_key().raw))
}

/// How long the certificate is still valid at `now`; zero when it is over.
///
/// # Errors
/// [`CertError::Certificate`] when it cannot be understood.
pub fn remaining(certificate: &CertificateDer<'_>, now: SystemTime) -> Result<Duration, CertError> {
    let not_after = system_time(parse(certificate)?.validity().not_after);
    Ok(not_after.duration_since(now).unwrap_or_default())
}

/// How long until the certificate is valid at `now`; zero when it has been before.
///
/// # Errors
/// [`CertError::Certificate`] when it cannot be understood.
pub fn until_valid(certificate: &CertificateDer<'_>, now: SystemTime) -> Result<Duration, CertError> {
    let not_before = system_time(parse(certificate)?.validity().not_before);
    Ok(not_before.duration_since(now).unwrap_or_default())
}

/// Whether the certificate is that of an identity with this SubjectPublicKeyInfo.
pub(crate) fn is_identity_of(certificate: &CertificateDer<'_>, spki: &[u8]) -> Result<bool, CertError> {
    let certificate = parse(certificate)?;
    Ok(is_identity(&certificate) && certificate.public_key().raw == spki)
}

/// Whether the key of this certificate, whose pin has to be `pin`, signed a statement.
pub(crate) fn has_signed(
    certificate: &CertificateDer<'_>,
    (pin, statement): (Pin, &[u8]),
    signature: &[u8],
) -> bool {
    parse(certificate).is_ok_and(|certificate| {
        let key = &certificate.public_key().subject_public_key.data;
        pin_of_key(certificate.public_key().raw) == pin
            && UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key).verify(statement, signature).is_ok()
    })
}

/// The UTC date of a moment in a certificate, `2027-02-21`.
pub(crate) fn date(time: SystemTime) -> String {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(seconds)
        .map_or_else(|_| "after the year 9999".to_owned(), |time| time.date().to_string())
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, CertError> {
    match x509_parser::parse_x509_certificate(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertError::Certificate),
    }
}

fn pin_of_key(spki: &[u8]) -> Pin {
    let hash = digest::digest(&digest::SHA256, spki);
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
    Pin::from_bytes(bytes)
}

/// Whether the certificate looks like one that this crate mints for an identity.
fn is_identity(certificate: &X509Certificate<'_>) -> bool {
    let subject = certificate.subject();
    let organization = subject.iter_organization().next().and_then(|value| value.as_str().ok());
    let common_name = subject.iter_common_name().next().and_then(|value| value.as_str().ok());
    certificate.is_ca()
        && subject.as_raw() == certificate.issuer().as_raw()
        && organization == Some(ORGANIZATION)
        && common_name.is_some_and(|name| name.starts_with(COMMON_NAME))
}

/// Whether `issuer`, whose key is an identity's and thus ECDSA P-256, issued `certificate`.
fn signed(issuer: &X509Certificate<'_>, certificate: &X509Certificate<'_>) -> bool {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &issuer.public_key().subject_public_key.data);
    certificate.issuer().as_raw() == issuer.subject().as_raw()
        && key.verify(certificate.tbs_certificate.as_ref(), &certificate.signature_value.data).is_ok()
}

fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, CertError> {
    let names = certificate.subject_alternative_name().map_err(|_| CertError::Certificate)?;
    Ok(names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect())
}

/// DNS names and addresses; a TLS server goes by no other kind.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => address(octets).map(|address| address.to_string()),
        _ => None,
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// Dates before 1970 become 1970: not every system can express them.
fn system_time(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
    };

    use super::*;
    use crate::authority::Authority;
    use crate::names::Names;

    type Chain = [CertificateDer<'static>; 2];

    #[test]
    fn the_pin_of_an_own_chain_is_the_identitys() {
        let chain = own_chain();
        assert_eq!(pin_of_chain(&chain).unwrap(), spki_pin(&chain[1]).unwrap());
    }

    #[test]
    fn the_pin_of_a_foreign_chain_is_the_leafs() {
        let chain = foreign_chain("Example Trust", "Example Root");
        assert_eq!(pin_of_chain(&chain).unwrap(), spki_pin(&chain[0]).unwrap());
    }

    #[test]
    fn showing_an_identity_without_its_signature_does_not_get_its_pin() {
        let [_, identity] = own_chain();
        let parsed = parse(&identity).unwrap();
        let name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap();
        // Signed by an authority of the same name, and the real identity shown in its place.
        let [leaf, _] = foreign_chain(ORGANIZATION, name);
        assert_eq!(parse(&leaf).unwrap().issuer().as_raw(), parsed.subject().as_raw());
        let pin = spki_pin(&leaf).unwrap();
        assert_eq!(pin_of_chain(&[leaf, identity.clone()]).unwrap(), pin);
    }

    #[test]
    fn nonsense_above_a_leaf_is_no_identity() {
        let [leaf, identity] = own_chain();
        let pin = spki_pin(&identity).unwrap();
        let chain = [leaf, CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]), identity];
        assert_eq!(pin_of_chain(&chain).unwrap(), pin);
    }

    #[test]
    fn what_is_no_chain_has_no_pin() {
        assert!(matches!(pin_of_chain(&[]), Err(CertError::EmptyChain)));
        let nonsense = CertificateDer::from(vec![0x30, 0x03, 1, 2, 3]);
        assert!(matches!(pin_of_chain(&[nonsense]), Err(CertError::Certificate)));
    }

    #[test]
    fn dates_are_days_in_utc() {
        let day = |seconds| date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(1_803_167_999), "2027-02-20");
        assert_eq!(day(1_803_168_000), "2027-02-21");
    }

    fn own_chain() -> Chain {
        let authority = Authority::generate().unwrap();
        let leaf = authority.issue(&Names::of_this_machine()).unwrap();
        [leaf.certificate, authority.certificate().clone()]
    }

    fn foreign_chain(organization: &str, common_name: &str) -> Chain {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, organization);
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let params = CertificateParams::new(["chat.example.org".to_owned()]).unwrap();
        let leaf = params.signed_by(&KeyPair::generate().unwrap(), &authority).unwrap();
        [leaf.into(), authority.der().clone()]
    }
}
