//! The stream against rustls' own client, over a pipe that is as narrow as a test wants it.

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::{TlsConnector, client};

use super::*;
use crate::tls::{Identity, provider, server_config};

type Client = client::TlsStream<DuplexStream>;

/// A server and what a client needs to believe it.
struct Ends {
    server: Arc<ServerConfig>,
    client: ClientConfig,
}

impl Ends {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::own(dir.path()).unwrap();
        let mut roots = RootCertStore::empty();
        let file = dir.path().join(sotto_certs::IDENTITY_CERTIFICATE);
        roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
        let client = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { server: server_config(Arc::new(identity)).unwrap(), client }
    }

    /// Both ends of a connection over a pipe that holds so many bytes.
    async fn meet(&self, pipe: usize) -> (Client, TlsStream<DuplexStream>) {
        let (far, near) = duplex(pipe);
        let connector = TlsConnector::from(Arc::new(self.client.clone()));
        let (client, server) = tokio::join!(
            connector.connect("localhost".try_into().unwrap(), far),
            accept(near, Arc::clone(&self.server)),
        );
        (client.unwrap(), server.unwrap())
    }
}

fn text(bytes: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_le_bytes).take(bytes).collect()
}

/// Sends one way all that is given, while the other end reads it.
async fn carry(
    from: &mut (impl AsyncWrite + Unpin),
    to: &mut (impl AsyncRead + Unpin),
    text: &[u8],
) -> Vec<u8> {
    let mut heard = vec![0; text.len()];
    let sending = async {
        from.write_all(text).await.unwrap();
        from.flush().await.unwrap();
    };
    let ((), read) = tokio::join!(sending, to.read_exact(&mut heard));
    read.unwrap();
    heard
}

fn holds_nothing(stream: &TlsStream<DuplexStream>) -> bool {
    [&stream.incoming, &stream.heard, &stream.outgoing].iter().all(|buffer| buffer.capacity() == 0)
}

/// Whether it waits for more, as whoever is silent makes it wait.
async fn waits(stream: &mut TlsStream<DuplexStream>) -> bool {
    let mut piece = [0; 1];
    poll_fn(|cx| {
        let mut piece = ReadBuf::new(&mut piece);
        Poll::Ready(Pin::new(&mut *stream).poll_read(cx, &mut piece).is_pending())
    })
    .await
}

#[tokio::test]
async fn what_is_said_arrives_whole_both_ways_however_the_bytes_come() {
    let text = text(300_000);
    let ends = Ends::new();
    for pipe in [11, 37, 5000, 1 << 20] {
        let text = &text[..text.len().min(pipe * 3000)];
        let (mut client, mut server) = ends.meet(pipe).await;
        assert!(carry(&mut client, &mut server, text).await == text, "to the server, {pipe} bytes at a time");
        assert!(carry(&mut server, &mut client, text).await == text, "to the client, {pipe} bytes at a time");
    }
}

#[tokio::test]
async fn a_handshake_in_small_pieces_is_put_together() {
    let mut ends = Ends::new();
    ends.client.max_fragment_size = Some(32);
    let (mut client, mut server) = ends.meet(11).await;
    assert!(carry(&mut client, &mut server, &text(1000)).await == text(1000));
}

#[tokio::test]
async fn pieces_that_are_given_together_are_one_text() {
    let (mut client, mut server) = Ends::new().meet(1 << 20).await;
    let parts = [text(10), Vec::new(), text(70_000)];
    let slices = parts.each_ref().map(|part| IoSlice::new(part));
    let taken = server.write_vectored(&slices).await.unwrap();
    assert_eq!(taken, MOST_WRITTEN);
    server.flush().await.unwrap();
    let mut heard = vec![0; taken];
    client.read_exact(&mut heard).await.unwrap();
    assert!(heard == parts.concat()[..taken]);
}

#[tokio::test]
async fn whoever_is_silent_costs_no_buffer() {
    let (mut client, mut server) = Ends::new().meet(1 << 20).await;
    assert!(waits(&mut server).await && holds_nothing(&server), "after the handshake");
    for bytes in [1, 300_000] {
        carry(&mut client, &mut server, &text(bytes)).await;
        carry(&mut server, &mut client, &text(bytes)).await;
        assert!(waits(&mut server).await && holds_nothing(&server), "after {bytes} bytes");
    }
}

#[tokio::test]
async fn at_most_one_write_is_encrypted_before_its_time() {
    let (_client, mut server) = Ends::new().meet(1000).await;
    let text = text(1 << 20);
    let mut taken = 0;
    poll_fn(|cx| {
        while let Poll::Ready(count) = Pin::new(&mut server).poll_write(cx, &text) {
            taken += count.unwrap();
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(taken, MOST_WRITTEN);
    assert!(server.outgoing.len() < MOST_WRITTEN + 4 * OVERHEAD);
}

#[tokio::test]
async fn new_keys_change_nothing_for_those_who_talk() {
    let (mut client, mut server) = Ends::new().meet(1 << 20).await;
    for _ in 0..3 {
        client.get_mut().1.refresh_traffic_keys().unwrap();
        assert!(carry(&mut client, &mut server, &text(5000)).await == text(5000));
        assert!(carry(&mut server, &mut client, &text(5000)).await == text(5000));
    }
}

#[tokio::test]
async fn an_end_is_an_end_only_with_a_good_bye() {
    let ends = Ends::new();
    let (mut client, mut server) = ends.meet(1 << 20).await;
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut heard = Vec::new();
    server.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"last words");
    server.write_all(b"so long").await.unwrap();
    server.shutdown().await.unwrap();
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).await.unwrap();
    assert_eq!(heard, b"so long");
    assert!(server.write_all(b"and").await.is_err(), "nothing is said after a good-bye");

    let (client, mut server) = ends.meet(1 << 20).await;
    drop(client);
    let cut = server.read_u8().await.unwrap_err();
    assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn whoever_breaks_the_rules_is_told_so() {
    const ALERT: u8 = 21;
    let ends = Ends::new();
    let (mut far, near) = duplex(1 << 20);
    far.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let fault = accept(near, Arc::clone(&ends.server)).await.err().unwrap();
    assert_eq!(fault.kind(), io::ErrorKind::InvalidData);
    assert_eq!(far.read_u8().await.unwrap(), ALERT);

    let (client, mut server) = ends.meet(1 << 20).await;
    let mut far = client.into_inner().0;
    far.write_all(&[23, 3, 3, 0, 32]).await.unwrap();
    far.write_all(&[7; 32]).await.unwrap();
    assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert!(far.read_u8().await.is_ok(), "an alert, encrypted");
}
