//! What minting and renewing promise, seen through the files they leave.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy allows it in tests, but not in what they call"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, KeyPair};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sotto_certs::{
    CERTIFICATE_DAYS, CertError, Existing, IDENTITY_CERTIFICATE, IDENTITY_DAYS, IDENTITY_KEY, Minted, Names,
    SERVER_CERTIFICATE, SERVER_KEY, mint, pin_of_chain, remaining, renew, show, spki_pin,
};
use tempfile::TempDir;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;

const FILES: [&str; 4] = [IDENTITY_CERTIFICATE, IDENTITY_KEY, SERVER_CERTIFICATE, SERVER_KEY];
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Chain = Vec<CertificateDer<'static>>;

#[test]
fn the_identity_signs_the_leaf() {
    let (dir, _) = minted();
    let chain = chain(dir.path());
    let [leaf, identity] = [0, 1].map(|at| parse(&chain[at]));
    assert_eq!(chain.len(), 2);
    assert_eq!(leaf.issuer().as_raw(), identity.subject().as_raw());
    assert_eq!(authority_key_id(&leaf), subject_key_id(&identity));
    leaf.verify_signature(Some(identity.public_key())).unwrap();
    identity.verify_signature(None).unwrap();
}

#[test]
fn the_identity_may_sign_certificates_and_nothing_below_them() {
    let (dir, minted) = minted();
    let pem = fs::read(dir.path().join(IDENTITY_CERTIFICATE)).unwrap();
    let der = CertificateDer::from_pem_slice(&pem).unwrap();
    let identity = parse(&der);
    let constraints = identity.basic_constraints().unwrap().unwrap().value;
    let usage = identity.key_usage().unwrap().unwrap().value;
    assert!(constraints.ca && constraints.path_len_constraint == Some(0));
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    let hex: String = minted.pin.as_bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(identity.subject().to_string(), format!("O=Sotto, CN=Sotto identity {hex}"));
    assert!(lasts_days(&der, IDENTITY_DAYS));
}

#[test]
fn the_leaf_is_for_tls_servers_under_these_names() {
    let dir = tempfile::tempdir().unwrap();
    let names =
        Names::of_this_machine().with(["chat.example.org".to_owned(), "203.0.113.7".to_owned()]).unwrap();
    let minted = mint(dir.path(), &names, Existing::Keep).unwrap();
    let chain = chain(dir.path());
    let leaf = parse(&chain[0]);
    assert!(leaf.extended_key_usage().unwrap().unwrap().value.server_auth);
    assert!(leaf.key_usage().unwrap().unwrap().value.digital_signature() && !leaf.is_ca());
    assert_eq!(minted.names.join(", "), names.to_string());
    for name in ["localhost", "127.0.0.1", "::1", "chat.example.org", "203.0.113.7"] {
        assert!(minted.names.iter().any(|one| one == name), "{name} is not in {names}");
    }
}

#[test]
fn the_leaf_lasts_ninety_days_from_now_and_started_two_days_ago() {
    let (dir, minted) = minted();
    let summary = show(dir.path()).unwrap();
    assert_eq!(summary.days_left, 90);
    assert_eq!(summary.not_after.duration_since(summary.not_before).unwrap(), DAY * 92);
    assert_eq!((summary.not_after, summary.pin), (minted.not_after, minted.pin));
    assert_eq!(summary.not_after_date(), minted.not_after_date());
}

#[test]
fn nothing_remains_of_a_leaf_that_is_over() {
    let (dir, minted) = minted();
    let leaf = &chain(dir.path())[0];
    assert_eq!(remaining(leaf, minted.not_after - DAY).unwrap(), DAY);
    assert_eq!(remaining(leaf, minted.not_after + DAY).unwrap(), Duration::ZERO);
}

#[test]
fn the_key_is_the_leafs() {
    let (dir, _) = minted();
    let pem = fs::read_to_string(dir.path().join(SERVER_KEY)).unwrap();
    assert!(PrivateKeyDer::from_pem_slice(pem.as_bytes()).is_ok());
    let key = KeyPair::from_pem(&pem).unwrap();
    assert_eq!(
        key.public_key_raw(),
        parse(&chain(dir.path())[0]).public_key().subject_public_key.data.as_ref()
    );
}

#[cfg(unix)]
#[test]
fn keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (dir, _) = minted();
    renew(dir.path(), &Names::of_this_machine()).unwrap();
    for key in [IDENTITY_KEY, SERVER_KEY] {
        let mode = dir.path().join(key).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
}

#[test]
fn a_file_that_is_there_is_kept_and_named() {
    for file in FILES {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(file), "precious").unwrap();
        let error = mint(dir.path(), &Names::of_this_machine(), Existing::Keep).unwrap_err().to_string();
        assert!(error.contains(file) && error.contains("--force"), "{error}");
        assert_eq!(fs::read_to_string(dir.path().join(file)).unwrap(), "precious");
    }
}

#[test]
fn replacing_makes_another_identity() {
    let (dir, first) = minted();
    let second = mint(dir.path(), &Names::of_this_machine(), Existing::Replace).unwrap();
    assert_ne!(first.pin, second.pin);
    assert_eq!(pin_of_chain(&chain(dir.path())).unwrap(), second.pin);
}

#[test]
fn renewing_keeps_the_identity_and_changes_the_leaf() {
    let (dir, minted) = minted();
    let before = chain(dir.path());
    let renewed = renew(dir.path(), &Names::of_this_machine()).unwrap();
    let after = chain(dir.path());
    assert_eq!((renewed.pin, &after[1]), (minted.pin, &before[1]));
    assert_ne!(parse(&before[0]).raw_serial(), parse(&after[0]).raw_serial());
    assert_ne!(spki_pin(&before[0]).unwrap(), spki_pin(&after[0]).unwrap());
    assert!(renewed.not_after >= minted.not_after);
}

#[test]
fn renewing_moves_the_expiry() {
    let (dir, _) = minted();
    let identity = KeyPair::from_pem(&fs::read_to_string(dir.path().join(IDENTITY_KEY)).unwrap()).unwrap();
    let old = self_signed(&identity, SystemTime::now() + DAY);
    fs::write(dir.path().join(SERVER_CERTIFICATE), old.pem()).unwrap();
    assert_eq!(show(dir.path()).unwrap().days_left, 1);
    renew(dir.path(), &Names::of_this_machine()).unwrap();
    assert_eq!(show(dir.path()).unwrap().days_left, u64::from(CERTIFICATE_DAYS));
}

#[test]
fn renewing_keeps_names_given_earlier() {
    let dir = tempfile::tempdir().unwrap();
    let names = Names::of_this_machine().with(["chat.example.org".to_owned()]).unwrap();
    mint(dir.path(), &names, Existing::Keep).unwrap();
    let renewed = renew(dir.path(), &Names::of_this_machine()).unwrap();
    assert!(renewed.names.iter().any(|name| name == "chat.example.org"), "{:?}", renewed.names);
}

#[test]
fn the_key_alone_is_the_identity() {
    let (dir, minted) = minted();
    for file in [IDENTITY_CERTIFICATE, SERVER_CERTIFICATE, SERVER_KEY] {
        fs::remove_file(dir.path().join(file)).unwrap();
    }
    let renewed = renew(dir.path(), &Names::of_this_machine()).unwrap();
    assert_eq!(renewed.pin, minted.pin);
    assert_eq!(pin_of_chain(&chain(dir.path())).unwrap(), minted.pin);
}

#[test]
fn an_identity_about_to_expire_is_issued_again_with_its_pin() {
    let (dir, minted) = minted();
    let path = dir.path().join(IDENTITY_CERTIFICATE);
    let key = KeyPair::from_pem(&fs::read_to_string(dir.path().join(IDENTITY_KEY)).unwrap()).unwrap();
    let old = self_signed(&key, SystemTime::now() + DAY * 89);
    fs::write(&path, old.pem()).unwrap();
    assert_eq!(renew(dir.path(), &Names::of_this_machine()).unwrap().pin, minted.pin);
    assert!(lasts_days(&CertificateDer::from_pem_file(&path).unwrap(), IDENTITY_DAYS));
}

#[test]
fn a_certificate_of_another_identity_is_not_renewed() {
    let [(dir, _), (other, _)] = [minted(), minted()];
    fs::copy(other.path().join(IDENTITY_CERTIFICATE), dir.path().join(IDENTITY_CERTIFICATE)).unwrap();
    let before = chain(dir.path());
    let error = renew(dir.path(), &Names::of_this_machine()).unwrap_err();
    assert!(matches!(error, CertError::Mismatch { .. }), "{error}");
    assert_eq!(chain(dir.path()), before);
}

#[test]
fn renewing_without_an_identity_says_so_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let error = renew(&missing, &Names::of_this_machine()).unwrap_err().to_string();
    assert!(error.contains("identity.key does not exist") && error.contains("sotto-certs mint"), "{error}");
    assert!(!missing.exists());
}

#[test]
fn a_broken_file_is_named() {
    let (dir, _) = minted();
    for file in [IDENTITY_CERTIFICATE, IDENTITY_KEY] {
        fs::write(dir.path().join(file), "not PEM").unwrap();
        let error = renew(dir.path(), &Names::of_this_machine()).unwrap_err().to_string();
        assert!(error.contains(file), "{error}");
    }
    fs::write(dir.path().join(SERVER_CERTIFICATE), "not PEM").unwrap();
    assert!(show(dir.path()).unwrap_err().to_string().contains(SERVER_CERTIFICATE));
}

#[test]
fn writers_at_once_leave_a_pair_that_matches() {
    let (dir, minted) = minted();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| renew(dir.path(), &Names::of_this_machine()).unwrap());
        }
    });
    let key = KeyPair::from_pem(&fs::read_to_string(dir.path().join(SERVER_KEY)).unwrap()).unwrap();
    let chain = chain(dir.path());
    assert_eq!(key.public_key_raw(), parse(&chain[0]).public_key().subject_public_key.data.as_ref());
    assert_eq!(pin_of_chain(&chain).unwrap(), minted.pin);
}

#[test]
fn of_mints_at_once_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let mint_here = || mint(dir.path(), &Names::of_this_machine(), Existing::Keep);
    let outcomes = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(mint_here));
        threads.map(|thread| thread.join().unwrap())
    });
    let [winner] = outcomes.iter().flatten().collect::<Vec<_>>()[..] else { panic!("{outcomes:?}") };
    assert_eq!(show(dir.path()).unwrap().pin, winner.pin);
}

fn minted() -> (TempDir, Minted) {
    let dir = tempfile::tempdir().unwrap();
    let minted = mint(dir.path(), &Names::of_this_machine(), Existing::Keep).unwrap();
    (dir, minted)
}

fn chain(dir: &Path) -> Chain {
    CertificateDer::pem_file_iter(dir.join(SERVER_CERTIFICATE)).unwrap().map(Result::unwrap).collect()
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> X509Certificate<'a> {
    x509_parser::parse_x509_certificate(der).unwrap().1
}

fn lasts_days(certificate: &CertificateDer<'_>, days: u16) -> bool {
    let left = remaining(certificate, SystemTime::now()).unwrap();
    left.as_secs().div_ceil(DAY.as_secs()) == u64::from(days)
}

fn authority_key_id(certificate: &X509Certificate<'_>) -> Vec<u8> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                Some(id.key_identifier.as_ref().unwrap().0.to_vec())
            }
            _ => None,
        })
        .unwrap()
}

fn subject_key_id(certificate: &X509Certificate<'_>) -> Vec<u8> {
    certificate
        .iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        })
        .unwrap()
}

/// The certificate of an identity with another expiry than a minted one has.
fn self_signed(key: &KeyPair, not_after: SystemTime) -> rcgen::Certificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Sotto");
    params.distinguished_name.push(DnType::CommonName, "Sotto identity of old");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.not_after = not_after.into();
    params.self_signed(key).unwrap()
}
