//! Certificates that are replaced under a running server: who is there stays there, and nothing unfit is ever shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sotto_certs::{Existing, Names, SERVER_CERTIFICATE, SERVER_KEY};
use sotto_client::{
    Account, Client, ConnectError, Dial, Options, Patience, Registration, Trust, TrustError, Update,
};
use sotto_proto::{Password, Reply, Username};
use sotto_server::Reloaded;
use sotto_tests::binaries::ServerProcess;
use sotto_tests::certificates::issued;
use sotto_tests::{House, PASSWORD, Person, soon};
use tempfile::TempDir;

/// Files are read when that is asked for, and not by themselves.
const ASKED_ONLY: [&str; 1] = ["certificate-watch-millis=0"];
const DAY: Duration = Duration::from_secs(24 * 3600);

fn identity_of(house: &House) -> PathBuf {
    house.dir().join("identity")
}

fn renew(identity: &Path) {
    sotto_certs::renew(identity, &Names::of_this_machine()).unwrap();
}

/// The certificate that a new connection gets.
async fn shown(dial: &Dial) -> CertificateDer<'static> {
    let person = Person::stranger(dial).await;
    person.stream().get_ref().1.peer_certificates().unwrap()[0].clone()
}

async fn another_is_shown(dial: &Dial, than: &CertificateDer<'static>) {
    soon("another certificate", async { while shown(dial).await == *than {} }).await;
}

#[tokio::test]
async fn fifty_renewals_under_sessions_end_none_of_them() {
    let house = House::with_limits(&ASKED_ONLY).await;
    let mut people = Vec::new();
    for index in 0..20 {
        people.push(Person::newcomer(&house, &format!("person{index}")).await);
    }
    let mut before = shown(&house.dial()).await;
    for round in 0..50 {
        renew(&identity_of(&house));
        let reloaded = house.reload.certificate().await.unwrap();
        assert!(matches!(reloaded, Reloaded::Replaced(left) if left > DAY * 89), "{reloaded:?}");
        people[0].posts(&format!("round {round}")).await;
        let now = shown(&house.dial()).await;
        assert_ne!(now, before, "round {round}");
        before = now;
    }
    for person in &mut people[1..] {
        for round in 0..50 {
            person.reads("person0", &format!("round {round}")).await;
        }
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_certificate_in_use() {
    let house = House::with_limits(&ASKED_ONLY).await;
    let dir = identity_of(&house);
    let [cert, key] = [SERVER_CERTIFICATE, SERVER_KEY].map(|name| dir.join(name));
    let in_use = shown(&house.dial()).await;
    let (good_cert, good_key) = (fs::read_to_string(&cert).unwrap(), fs::read_to_string(&key).unwrap());
    let other = TempDir::new().unwrap();
    sotto_certs::mint(other.path(), &Names::of_this_machine(), Existing::Keep).unwrap();
    let others = |name: &str| fs::read_to_string(other.path().join(name)).unwrap();
    let (end, now) = (good_cert.find("-----END").unwrap(), SystemTime::now());
    let leaf_alone = beginning(&good_cert, good_cert.rfind("-----BEGIN").unwrap());
    let (expired, expired_key) = issued(&dir, (now - 90 * DAY, now - DAY)).unwrap();
    let (early, early_key) = issued(&dir, (now + DAY, now + 90 * DAY)).unwrap();
    for (cert_pem, key_pem, complaint) in [
        (beginning(&good_cert, end / 2), &*good_key, "server.pem"),
        (leaf_alone, &good_key, "another identity"),
        ("", &good_key, "holds no certificate"),
        (&good_cert, "", "cannot read the private key"),
        (&good_cert, beginning(&good_key, 60), "cannot read the private key"),
        (&good_cert, &others(SERVER_KEY), "does not belong"),
        (&others(SERVER_CERTIFICATE), &others(SERVER_KEY), "every client that has this server pinned"),
        (&expired, &expired_key, "has expired"),
        (&early, &early_key, "not valid yet, for another 24 hours"),
    ] {
        fs::write(&cert, cert_pem).unwrap();
        fs::write(&key, key_pem).unwrap();
        let refusal = format!("{:#}", house.reload.certificate().await.unwrap_err());
        assert!(refusal.contains(complaint), "{refusal:?} does not say {complaint:?}");
        assert_eq!(shown(&house.dial()).await, in_use, "{complaint}");
    }
    fs::write(&cert, &good_cert).unwrap();
    fs::write(&key, &good_key).unwrap();
    assert_eq!(house.reload.certificate().await.unwrap(), Reloaded::Same);
    renew(&dir);
    assert!(matches!(house.reload.certificate().await.unwrap(), Reloaded::Replaced(_)));
    assert_ne!(shown(&house.dial()).await, in_use);
}

fn beginning(text: &str, bytes: usize) -> &str {
    text.get(..bytes).unwrap()
}

#[tokio::test]
async fn changed_files_are_noticed_without_a_signal() {
    let house = House::with_limits(&["certificate-watch-millis=10"]).await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let before = shown(&house.dial()).await;
    renew(&identity_of(&house));
    another_is_shown(&house.dial(), &before).await;
    ann.hears_nothing().await;
}

#[tokio::test]
async fn a_hang_up_signal_has_the_certificate_read_again() {
    let (data, certs) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    sotto_certs::mint(certs.path(), &Names::of_this_machine(), Existing::Keep).unwrap();
    let [cert, key] = [SERVER_CERTIFICATE, SERVER_KEY].map(|name| certs.path().join(name));
    let watch = ["--limit", "certificate-watch-millis=0"];
    let cert_and_key = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let server = ServerProcess::start(data.path(), &[&watch[..], &cert_and_key].concat());
    let dial = Dial::new(&server.link, Trust::Nothing);
    let before = shown(&dial).await;
    renew(certs.path());
    assert_eq!(shown(&dial).await, before, "without a signal it is not looked at");
    server.signal("HUP");
    another_is_shown(&dial, &before).await;
}

/// What a client with the old pin does when the identity of its server changes as planned.
#[tokio::test]
async fn a_client_goes_along_with_a_change_that_its_server_has_announced() {
    let dir = TempDir::new().unwrap();
    let mut server = ServerProcess::start(dir.path(), &["--limit", "certificate-watch-millis=10"]);
    let address = format!("127.0.0.1:{}", server.link.port);
    let (dial, before) = (Dial::new(&server.link, Trust::Nothing), server.link.pin.unwrap());
    let identity = dir.path().join("identity");
    let user = "ann".parse::<Username>().unwrap();
    let password = Password::new(PASSWORD).unwrap();
    let asked = Registration { user: user.clone(), password: password.clone(), invite: None };
    Client::register(&dial, asked).await.unwrap();
    let account = Account { user, proof: password.into(), take_over: false, peek: false };
    let options =
        Options { dial: dial.clone(), account, patience: Patience::Always, memory: None, device: None };
    let mut ann = Client::start(options, || {});
    hears(&mut ann, |update| *update == Update::CaughtUp).await;
    let next = sotto_certs::announce(&identity, &Names::of_this_machine()).unwrap().pin;
    hears(&mut ann, |update| matches!(update, Update::NextIdentity(said) if said.next == next)).await;
    sotto_certs::change_over(&identity, &Names::of_this_machine()).unwrap();
    let new_link = Dial { trust: Trust::Pin(next), ..dial.clone() };
    soon("the new identity", async { while new_link.connect().await.is_err() {} }).await;
    server.kill();
    let mut server = ServerProcess::start(dir.path(), &["--listen", &address]);
    assert_eq!(server.link.pin, Some(next));
    hears(&mut ann, |update| *update == Update::IdentityChanged(next)).await;
    hears(&mut ann, |update| *update == Update::CaughtUp).await;
    // Who has not heard of it stops, as at any other change.
    let Err(ConnectError::NotTrusted(TrustError::Changed { expected, seen })) = dial.connect().await else {
        panic!("the old pin is believed")
    };
    assert_eq!((expected, seen.pin), (before, next));
    server.signal("TERM");
    server.wait();
}

async fn hears(client: &mut Client, is_it: impl Fn(&Update) -> bool) {
    let hearing = async {
        loop {
            match client.update().await.expect("a client that goes on") {
                Update::Ended(problem) => panic!("{problem:?}"),
                update if is_it(&update) => return,
                _ => {}
            }
        }
    };
    soon("an update", hearing).await;
}

#[tokio::test]
async fn a_running_server_changes_over_to_the_identity_it_has_announced() {
    let house = House::with_limits(&ASKED_ONLY).await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let names = Names::of_this_machine();
    let next = sotto_certs::announce(&identity_of(&house), &names).unwrap().pin;
    assert_eq!(house.reload.certificate().await.unwrap(), Reloaded::Announced(next));
    ann.waits_for("225", |reply| matches!(reply, Reply::NextIdentity(said) if said.next == next)).await;
    ann.leaves().await;
    let mut ann = Person::logged_in(&house, "ann").await;
    ann.waits_for("225", |reply| matches!(reply, Reply::NextIdentity(said) if said.next == next)).await;
    sotto_certs::change_over(&identity_of(&house), &names).unwrap();
    assert!(matches!(house.reload.certificate().await.unwrap(), Reloaded::Replaced(_)));
    ann.hears_nothing().await;
    let either = Dial { trust: Trust::Succession { current: house.pin, next }, ..house.dial() };
    drop(soon("a connection", either.connect()).await.unwrap());
    let link = soon("the link", async {
        loop {
            let link = fs::read_to_string(house.dir().join("link")).unwrap();
            if link.contains(&next.to_base64url()) {
                return link;
            }
            tokio::task::yield_now().await;
        }
    });
    link.await;
}

#[tokio::test]
async fn an_announcement_that_the_identity_has_not_signed_is_not_made_and_not_believed() {
    let house = House::with_limits(&ASKED_ONLY).await;
    let names = Names::of_this_machine();
    let (ours, theirs) = (identity_of(&house), TempDir::new().unwrap());
    sotto_certs::mint(theirs.path(), &names, Existing::Keep).unwrap();
    sotto_certs::announce(theirs.path(), &names).unwrap();
    let announcement = Path::new("next").join("announcement");
    fs::create_dir(ours.join("next")).unwrap();
    fs::copy(theirs.path().join(&announcement), ours.join(&announcement)).unwrap();
    assert_eq!(house.reload.certificate().await.unwrap(), Reloaded::Same);
    let mut ann = Person::newcomer(&house, "ann").await;
    ann.hears_nothing().await;
    assert!(!ann.passed_over.iter().any(|reply| matches!(reply, Reply::NextIdentity(_))));
    let forged = fs::read_to_string(theirs.path().join(&announcement)).unwrap().parse().unwrap();
    let chain = chain_in(&ours);
    assert!(!sotto_certs::vouches(&chain, &forged));
    assert!(sotto_certs::vouches(&chain_in(theirs.path()), &forged));
}

pub(crate) fn chain_in(dir: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(dir.join(SERVER_CERTIFICATE)).unwrap().map(Result::unwrap).collect()
}
