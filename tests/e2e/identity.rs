//! Who a client believes, and what it has sent by then.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{NamedGroup, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sotto_certs::{Existing, Names};
use sotto_client::{ConnectError, Dial, Trust, TrustError, inspect};
use sotto_proto::{Link, Pin};
use sotto_tests::{House, Person, soon};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

async fn verdict(dial: &Dial) -> TrustError {
    match soon("a verdict", dial.connect()).await {
        Err(ConnectError::NotTrusted(verdict)) => verdict,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_handshake_is_post_quantum_and_speaks_sotto() {
    let house = House::open().await;
    let person = Person::stranger(&house.dial()).await;
    let tls = person.stream().get_ref().1;
    assert_eq!(tls.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    assert_eq!(tls.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(tls.alpn_protocol(), Some(sotto_server::ALPN));
}

#[tokio::test]
async fn a_server_with_another_pin_is_a_hard_stop() {
    let house = House::open().await;
    let expected = Pin::from_bytes([1; 32]);
    let dial = Dial { trust: Trust::Pin(expected), ..house.dial() };
    let TrustError::Changed { expected: wanted, seen } = verdict(&dial).await else { panic!("not changed") };
    assert_eq!((wanted, seen.pin), (expected, house.pin));
}

#[tokio::test]
async fn without_a_pin_there_is_a_fingerprint_and_no_connection() {
    let house = House::open().await;
    let dial = Dial { trust: Trust::Nothing, ..house.dial() };
    assert!(matches!(verdict(&dial).await, TrustError::Unknown(seen) if seen.pin == house.pin));
    assert_eq!(inspect(&house.link).await.unwrap().pin, house.pin);
}

/// A server that shows a genuine certificate chain and signs with a key of its own.
async fn impostor(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> (u16, tokio::task::JoinHandle<usize>) {
    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);
    impl ResolvesServerCert for Shows {
        fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }
    let provider = aws_lc_rs::default_provider();
    let key = provider.key_provider.load_private_key(key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(Arc::new(CertifiedKey::new(chain, key)))));
    // All of loopback, to be reached under another address as well.
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        if let Ok(mut tls) = TlsAcceptor::from(Arc::new(config)).accept(stream).await {
            let _ = tls.read_to_end(&mut bytes).await;
        }
        bytes.len()
    });
    (port, received)
}

fn minted() -> (TempDir, Pin) {
    let dir = TempDir::new().unwrap();
    let minted = sotto_certs::mint(dir.path(), &Names::of_this_machine(), Existing::Keep).unwrap();
    (dir, minted.pin)
}

fn chain_of(dir: &TempDir) -> Vec<CertificateDer<'static>> {
    let file = dir.path().join(sotto_certs::SERVER_CERTIFICATE);
    CertificateDer::pem_file_iter(file).unwrap().map(Result::unwrap).collect()
}

fn key_of(dir: &TempDir) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_file(dir.path().join(sotto_certs::SERVER_KEY)).unwrap()
}

fn dial(port: u16, trust: Trust) -> Dial {
    Dial { host: "127.0.0.1".into(), port, trust }
}

#[tokio::test]
async fn the_right_certificate_with_the_wrong_key_is_not_believed() {
    let ((genuine, pin), (rogue, _)) = (minted(), minted());
    let (port, received) = impostor(chain_of(&genuine), key_of(&rogue)).await;
    let verdict = verdict(&dial(port, Trust::Pin(pin))).await;
    assert!(matches!(verdict, TrustError::Invalid(why) if why.contains("does not have the key")));
    assert_eq!(soon("the impostor", received).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stolen_identity_certificate_beside_a_certificate_it_never_signed_is_not_believed() {
    let ((genuine, pin), (rogue, _)) = (minted(), minted());
    let chain = vec![chain_of(&rogue).remove(0), chain_of(&genuine).remove(1)];
    let (port, received) = impostor(chain, key_of(&rogue)).await;
    assert!(matches!(verdict(&dial(port, Trust::Pin(pin))).await, TrustError::Invalid(_)));
    assert_eq!(soon("the impostor", received).await.unwrap(), 0);
}

#[tokio::test]
async fn a_renewed_certificate_is_the_same_server() {
    let (dir, pin) = minted();
    sotto_certs::renew(dir.path(), &Names::of_this_machine()).unwrap();
    let (port, received) = impostor(chain_of(&dir), key_of(&dir)).await;
    let stream = dial(port, Trust::Pin(pin)).connect().await.unwrap();
    drop(stream);
    soon("the server", received).await.unwrap();
}

#[tokio::test]
async fn the_certificate_s_own_key_can_be_pinned_as_well() {
    let (dir, _) = minted();
    let chain = chain_of(&dir);
    let pin = sotto_certs::spki_pin(&chain[0]).unwrap();
    let (port, received) = impostor(chain, key_of(&dir)).await;
    drop(dial(port, Trust::Pin(pin)).connect().await.unwrap());
    soon("the server", received).await.unwrap();
}

#[tokio::test]
async fn an_authority_vouches_for_host_names_and_not_for_others() {
    let (dir, _) = minted();
    let authority = Trust::from_ca_file(&dir.path().join(sotto_certs::IDENTITY_CERTIFICATE)).unwrap();
    let (port, _received) = impostor(chain_of(&dir), key_of(&dir)).await;
    drop(dial(port, authority.clone()).connect().await.unwrap());
    let (port, _received) = impostor(chain_of(&dir), key_of(&dir)).await;
    let elsewhere = Dial { host: "127.0.0.2".into(), port, trust: authority };
    assert!(
        matches!(verdict(&elsewhere).await, TrustError::Invalid(why) if why.contains("another host name"))
    );
}

#[tokio::test]
async fn tls_1_2_gets_an_alert_and_no_handshake() {
    let house = House::open().await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&client_hello_of_tls_1_2()).await.unwrap();
    let mut answer = Vec::new();
    soon("an alert", stream.read_to_end(&mut answer)).await.unwrap();
    const FATAL_PROTOCOL_VERSION: [u8; 2] = [2, 70];
    assert_eq!((answer[0], &answer[5..]), (21, &FATAL_PROTOCOL_VERSION[..]));
}

#[tokio::test]
async fn a_client_of_another_protocol_gets_an_alert_and_one_of_none_is_served() {
    let house = House::open().await;
    for (alpn, served) in [(vec![], true), (vec![b"http/1.1".to_vec()], false)] {
        let stream = TcpStream::connect(house.address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let accepted = soon("an answer", connector(&house, alpn).connect(name, stream)).await;
        assert_eq!(accepted.is_ok(), served, "{accepted:?}");
    }
}

#[tokio::test]
async fn a_hello_that_comes_byte_by_byte_is_understood() {
    let house = House::open().await;
    let (near, mut pieces) = tokio::io::duplex(1);
    let mut server = TcpStream::connect(house.address).await.unwrap();
    server.set_nodelay(true).unwrap();
    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut pieces, &mut server).await });
    let tls = connector(&house, vec![sotto_server::ALPN.to_vec()]);
    let stream = soon("a handshake", tls.connect("localhost".try_into().unwrap(), near)).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
}

#[tokio::test]
async fn a_client_that_knows_no_post_quantum_exchange_is_served() {
    let house = House::open().await;
    let old =
        CryptoProvider { kx_groups: vec![aws_lc_rs::kx_group::X25519], ..aws_lc_rs::default_provider() };
    let stream = TcpStream::connect(house.address).await.unwrap();
    let tls = connector_with(old, &house, vec![sotto_server::ALPN.to_vec()]);
    let stream = soon("a handshake", tls.connect("localhost".try_into().unwrap(), stream)).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519);
}

/// A client that believes the house's identity as an authority, with an ALPN of its own.
pub(crate) fn connector(house: &House, alpn: Vec<Vec<u8>>) -> tokio_rustls::TlsConnector {
    connector_with(aws_lc_rs::default_provider(), house, alpn)
}

fn connector_with(provider: CryptoProvider, house: &House, alpn: Vec<Vec<u8>>) -> tokio_rustls::TlsConnector {
    client_config(provider, house, alpn).into()
}

pub(crate) fn client_config(
    provider: CryptoProvider,
    house: &House,
    alpn: Vec<Vec<u8>>,
) -> Arc<rustls::ClientConfig> {
    let file = house.dir().join("identity").join(sotto_certs::IDENTITY_CERTIFICATE);
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn;
    Arc::new(config)
}

#[tokio::test]
async fn a_link_says_all_that_a_client_needs() {
    let house = House::open().await;
    let link: Link = house.link.to_string().parse().unwrap();
    assert_eq!((link.pin, link.port, link.invite), (Some(house.pin), house.address.port(), None));
}

/// The smallest offer of TLS 1.2: one suite, one group, one signature scheme.
fn client_hello_of_tls_1_2() -> Vec<u8> {
    let extensions =
        [&[0, 10, 0, 4, 0, 2, 0, 29][..], &[0, 13, 0, 4, 0, 2, 4, 3], &[0, 11, 0, 2, 1, 0]].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let handshake = [&[1, 0][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), &body].concat();
    [&[22, 3, 1][..], &u16::try_from(handshake.len()).unwrap().to_be_bytes(), &handshake].concat()
}
