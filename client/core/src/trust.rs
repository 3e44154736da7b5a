//! Whom a client believes. A server is an identity key; its pin is the SHA-256 of that key's
//! SubjectPublicKeyInfo. No host name, no public authority and no first use decides.
//!
//! A certificate is public: comparing it proves nothing. So the chain from the pinned key to the certificate
//! and the signature under the handshake are verified, always. Until they are, nothing has been sent.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sotto_proto::{Pin, Succession};

/// What makes a server the right one.
#[derive(Clone, Debug)]
pub enum Trust {
    /// This key signed the certificate, or is the certificate's own.
    Pin(Pin),
    /// As [`Self::Pin`], or the key that this one has announced to follow it.
    Succession {
        /// The key that is pinned.
        current: Pin,
        /// The key that follows.
        next: Pin,
    },
    /// One of these authorities (PEM) vouches for the host name.
    Authorities(Vec<CertificateDer<'static>>),
    /// Nothing is known yet: look, and do not go on.
    Nothing,
}

impl Trust {
    /// The key that is pinned.
    #[must_use]
    pub fn pin(&self) -> Option<Pin> {
        match self {
            Self::Pin(pin) | Self::Succession { current: pin, .. } => Some(*pin),
            Self::Authorities(_) | Self::Nothing => None,
        }
    }

    /// Trusts the authorities in a PEM file.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub fn from_ca_file(path: &std::path::Path) -> Result<Self, String> {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(authorities) if authorities.is_empty() => {
                Err(format!("{} holds no certificate", path.display()))
            }
            Ok(authorities) => Ok(Self::Authorities(authorities)),
            Err(error) => Err(format!("cannot read the certificates in {}: {error}", path.display())),
        }
    }
}

/// What a server showed of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Seen {
    /// The pin to compare, and to store: the identity's, or the certificate's own where there is none.
    pub pin: Pin,
}

/// Why a server is not believed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrustError {
    /// There is nothing to compare with.
    #[error("this server is not known yet; it shows the fingerprint {}", .0.pin)]
    Unknown(Seen),
    /// It is not the server that was pinned. This may be an attack.
    #[error("this is not the server that was trusted: its fingerprint is {}, expected was {expected}", .seen.pin)]
    Changed {
        /// What was pinned.
        expected: Pin,
        /// What was shown.
        seen: Seen,
    },
    /// The certificate or the handshake's signature is not valid.
    #[error("{0}")]
    Invalid(String),
}

/// The pinned key that a connection has proven: what an announcement of the next one is verified with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proven {
    pub(crate) pin: Pin,
    spki: Vec<u8>,
}

impl Proven {
    /// Of the chain of a connection that has been verified. The key that follows comes first, as it does there: whoever shows
    /// both proves that one.
    pub(crate) fn of(trust: &Trust, chain: &[CertificateDer<'_>]) -> Option<Self> {
        let follows = if let Trust::Succession { next, .. } = trust { Some(*next) } else { None };
        let keys: Vec<_> = chain.iter().filter_map(|certificate| spki(certificate).ok()).collect();
        let proven = |pin: Pin| {
            keys.iter()
                .find(|spki| pin_of(spki).is_ok_and(|found| found == pin))
                .map(|spki| Self { pin, spki: spki.clone() })
        };
        follows.and_then(proven).or_else(|| trust.pin().and_then(proven))
    }

    /// Whether this key has signed that announcement.
    pub(crate) fn announces(&self, succession: &Succession) -> bool {
        let statement = Succession::statement(self.pin, succession.next);
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.spki);
        key.verify(&statement, succession.signature.as_bytes()).is_ok()
    }
}

/// Checks a server for rustls, and remembers what it saw.
#[derive(Debug)]
pub(crate) struct Verifier {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    authorities: Option<Arc<WebPkiServerVerifier>>,
    seen: Mutex<Option<Seen>>,
}

impl Verifier {
    pub(crate) fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let authorities = match &trust {
            Trust::Authorities(certificates) => Some(webpki(certificates, provider)?),
            Trust::Pin(_) | Trust::Succession { .. } | Trust::Nothing => None,
        };
        let algorithms = provider.signature_verification_algorithms;
        Ok(Self { trust, algorithms, authorities, seen: Mutex::default() })
    }

    /// Why the handshake failed, in terms of trust; `None` if it was something else.
    pub(crate) fn verdict(&self, error: &Error) -> Option<TrustError> {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Error::InvalidCertificate(reason) = error else {
            return None;
        };
        Some(match (self.trust.pin(), reason, seen) {
            (None, _, Some(seen)) if matches!(self.trust, Trust::Nothing) => TrustError::Unknown(seen),
            (Some(expected), CertificateError::ApplicationVerificationFailure, Some(seen)) => {
                TrustError::Changed { expected, seen }
            }
            _ => TrustError::Invalid(explain(reason)),
        })
    }

    fn check_pin(&self, pin: Pin, chain: &[CertificateDer<'_>], now: UnixTime) -> Result<(), Error> {
        let Some((leaf, issuers)) = chain.split_first() else {
            return Err(CertificateError::BadEncoding.into());
        };
        let anchors: Vec<_> = if spki_pin(leaf)? == pin {
            // The certificate's own key is pinned: whoever issued it, as long as it is well issued.
            chain.iter().collect()
        } else {
            issuers.iter().filter(|issuer| spki_pin(issuer).is_ok_and(|found| found == pin)).collect()
        };
        if anchors.is_empty() {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        self.check_chain((leaf, issuers), &anchors, now)
    }

    fn check_chain(
        &self,
        (leaf, issuers): (&CertificateDer<'_>, &[CertificateDer<'_>]),
        anchors: &[&CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(anchors.iter().map(|anchor| CertificateDer::from(anchor.to_vec())));
        let leaf = ParsedCertificate::try_from(leaf)?;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, issuers, now, self.algorithms.all)
    }

    /// The pin that stands for a chain: its Sotto identity's, if that signed the certificate, otherwise the
    /// certificate's own. Pinning any other issuer would trust all that it signs.
    fn pin_of(&self, chain: &[CertificateDer<'_>], now: UnixTime) -> Option<Pin> {
        let (leaf, issuers) = chain.split_first()?;
        let signed = |issuer: &&CertificateDer<'_>| self.check_chain((leaf, issuers), &[issuer], now).is_ok();
        let identity = issuers.iter().filter(|issuer| is_identity(issuer)).find(signed);
        spki_pin(identity.unwrap_or(leaf)).ok()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain: Vec<_> = std::iter::once(leaf).chain(issuers).cloned().collect();
        let seen = self.pin_of(&chain, now).map(|pin| Seen { pin });
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        match (&self.trust, &self.authorities) {
            (Trust::Pin(pin), _) => self.check_pin(*pin, &chain, now)?,
            (Trust::Succession { current, next }, _) => {
                self.check_pin(*next, &chain, now).or_else(|_| self.check_pin(*current, &chain, now))?;
            }
            (_, Some(webpki)) => return webpki.verify_server_cert(leaf, issuers, server_name, ocsp, now),
            _ => return Err(CertificateError::UnknownIssuer.into()),
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn webpki(
    authorities: &[CertificateDer<'static>],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().cloned());
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| format!("the given authorities cannot be used: {error}"))
}

fn spki_pin(cert: &CertificateDer<'_>) -> Result<Pin, Error> {
    pin_of(&spki(cert)?)
}

fn spki(cert: &CertificateDer<'_>) -> Result<Vec<u8>, Error> {
    Ok(ParsedCertificate::try_from(cert)?.subject_public_key_info().as_ref().to_vec())
}

fn pin_of(spki: &[u8]) -> Result<Pin, Error> {
    let hash = digest::digest(&digest::SHA256, spki);
    let bytes = hash.as_ref().try_into().map_err(|_| Error::General("SHA-256 is 32 bytes".into()))?;
    Ok(Pin::from_bytes(bytes))
}

/// Whether `sotto-certs` minted this as a server's identity: it says so in its subject.
fn is_identity(cert: &CertificateDer<'_>) -> bool {
    const NAME: &[u8] = b"Sotto identity";
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates([CertificateDer::from(cert.to_vec())]);
    roots.roots.first().is_some_and(|anchor| anchor.subject.windows(NAME.len()).any(|part| part == NAME))
}

fn explain(reason: &CertificateError) -> String {
    match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired, or this computer's clock is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet, or this computer's clock is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "the server's certificate is for another host name".to_owned()
        }
        CertificateError::UnknownIssuer => "no trusted authority vouches for the server".to_owned(),
        CertificateError::BadSignature => {
            "the server does not have the key of the certificate it shows".to_owned()
        }
        other => format!("the server's certificate is not valid: {other}"),
    }
}
