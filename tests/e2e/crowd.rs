//! Many strangers at the door, from many addresses: whoever has a password gets in all the same. And people who ask and do not listen.

use std::net::SocketAddr;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use socket2::SockRef;
use sotto_client::{Account, Client, Dial, Options, Patience, Trust, Update};
use sotto_proto::{Page, Password, Reason, Reply, Request};
use sotto_tests::binaries::ServerProcess;
use sotto_tests::{House, PASSWORD, Person, soon};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::identity::{client_config, connector};

/// A connection from another of this machine's addresses.
async fn comes_from(source: [u8; 4], house: &House) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((source, 0))).unwrap();
    soon("a connection", socket.connect(house.address)).await.unwrap()
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(soon("a connection to be closed", stream.read(&mut [0])).await, Ok(0) | Err(_))
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_when_to_come_back() {
    let house = House::with_limits(&["connections-per-source=1"]).await;
    let [mut ann] = house.join(["ann"]).await;
    let said = Person::stranger(&house.dial()).await.until_the_end().await;
    let [Reply::Goodbye(refusal)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(refusal.reason, Reason::TooManyConnections);
    assert!(refusal.retry_after.is_some());
    ann.posts("in first").await;
}

#[tokio::test]
async fn silent_strangers_from_everywhere_keep_nobody_out() {
    let house = House::with_limits(&["strangers=8"]).await;
    let mut silent = Vec::new();
    for host in 1..=8 {
        silent.push(comes_from([127, 0, 1, host], &house).await);
    }
    let [mut ann] = house.join(["ann"]).await;
    assert!(is_closed(&mut silent[0]).await, "the oldest has made room");
    ann.posts("no waiting").await;
}

#[tokio::test]
async fn who_is_sent_away_for_somebody_else_is_told_so() {
    let house = House::with_limits(&["strangers=2"]).await;
    let mut ann = Person::stranger(&house.dial()).await;
    let _second = Person::stranger(&house.dial()).await;
    let _from_elsewhere = comes_from([127, 0, 1, 1], &house).await;
    let said = ann.until_the_end().await;
    let [Reply::Goodbye(refusal)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(refusal.reason, Reason::TooManyConnections);
}

/// Somebody from another address who has come as far as TLS.
async fn stranger_from(source: [u8; 4], house: &House) -> Person {
    let stream = BufReader::new(comes_from(source, house).await);
    let tls = connector(house, vec![sotto_server::ALPN.to_vec()]);
    let name = "localhost".try_into().unwrap();
    Person::connected(soon("a handshake", tls.connect(name, stream)).await.unwrap())
}

#[tokio::test]
async fn a_flood_of_log_ins_from_one_place_keeps_nobody_else_waiting() {
    let house = House::with_limits(&["password-hashes=1", "password-queue=4", "logins-per-source=0"]).await;
    Person::newcomer(&house, "bob").await.leaves().await;
    let mut flood = Vec::new();
    for _ in 0..20 {
        flood.push(stranger_from([127, 0, 1, 1], &house).await);
    }
    for (number, one) in flood.iter_mut().enumerate() {
        let (user, password) = (format!("nobody{number}").parse().unwrap(), Password::new(PASSWORD).unwrap());
        one.sends(&Request::LogIn { user, password, take_over: false, peek: false, device: None }).await;
    }
    Person::logged_in(&house, "bob").await;
    for one in &mut flood {
        match one.next().await {
            Reply::WrongPassword => {}
            Reply::Refused(told) => assert!(told.reason == Reason::Busy && told.retry_after.is_some()),
            other => panic!("{other:?}"),
        }
    }
}

/// A limit as it is when nothing is said.
fn as_it_comes(limit: &str) -> String {
    let limit = sotto_server::Limits::TABLE.iter().find(|row| row.name == limit).unwrap();
    format!("{}={}", limit.name, limit.default)
}

/// For all of them, one after the other, on a machine that does something else as well.
const A_MINUTE: Duration = Duration::from_secs(60);

/// All that somebody's client is told from its start until it is let in.
async fn told_until_in(dial: Dial, name: String) -> Vec<Update> {
    let proof = Password::new(PASSWORD).unwrap().into();
    let account = Account { user: name.parse().unwrap(), proof, take_over: false, peek: false };
    let patience = Patience::AfterLogIn;
    let mut client = Client::start(Options { dial, account, patience, memory: None, device: None }, || {});
    let mut told = Vec::new();
    loop {
        let update = timeout(A_MINUTE, client.update()).await.unwrap().unwrap();
        if let Update::LoggedIn { .. } | Update::Ended(_) = update {
            return told.into_iter().chain([update]).collect();
        }
        told.push(update);
    }
}

/// A hundred pupils, all at eight o'clock, on machines that have never been here.
#[tokio::test(flavor = "multi_thread")]
async fn people_who_come_at_once_through_one_address_get_in_and_see_no_error() {
    const PEOPLE: usize = 100;
    let doors = ["connections-per-source", "strangers-per-source", "logins-per-source"].map(as_it_comes);
    let house = House::with_limits(&doors.each_ref().map(String::as_str)).await;
    let names: Vec<_> = (0..PEOPLE).map(|number| format!("pupil{number}")).collect();
    for names in names.chunks(10) {
        let mut office = Person::stranger(&house.dial()).await;
        for name in names {
            assert_eq!(office.registers(name, PASSWORD).await, Reply::Registered);
        }
    }
    let class: Vec<_> =
        names.into_iter().map(|name| tokio::spawn(told_until_in(house.dial(), name))).collect();
    for pupil in class {
        let told = pupil.await.unwrap();
        assert!(matches!(told[..], [Update::Connected, Update::LoggedIn { .. }]), "{told:?}");
    }
}

/// How far somebody gets before the connection is reset.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Connected,
    HalfAHello,
    Hello,
    HandsShaken,
    HalfALogIn,
    LoggingIn,
    LoggedIn,
    HalfAMessage,
}

/// What a TLS client says first.
fn hello(house: &House) -> Vec<u8> {
    let config = client_config(aws_lc_rs::default_provider(), house, vec![sotto_server::ALPN.to_vec()]);
    let mut client = rustls::ClientConnection::new(config, "localhost".try_into().unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// Vanishes with a reset: nothing that is still in its socket is sent.
fn reset(stream: &TcpStream) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

async fn is_reset_at(stage: Stage, house: &House) {
    let mut stream = comes_from([127, 0, 0, 1], house).await;
    reset(&stream);
    let hello = hello(house);
    match stage {
        Stage::Connected => return,
        Stage::HalfAHello => return stream.write_all(&hello[..hello.len() / 2]).await.unwrap(),
        Stage::Hello => return stream.write_all(&hello).await.unwrap(),
        _ => {}
    }
    let tls = connector(house, vec![sotto_server::ALPN.to_vec()]);
    let name = "localhost".try_into().unwrap();
    let handshake = tls.connect(name, BufReader::new(stream));
    let mut person = Person::connected(soon("a handshake", handshake).await.unwrap());
    let log_in = framed(format!("101\r\nbob\r\n{PASSWORD}").as_bytes());
    let message = framed(b"106\r\n*\r\nhalf of this");
    match stage {
        Stage::HalfALogIn => person.sends_bytes(&log_in[..10]).await,
        Stage::LoggingIn => person.sends_bytes(&log_in).await,
        Stage::LoggedIn | Stage::HalfAMessage => {
            assert!(matches!(person.logs_in("bob", PASSWORD).await, Reply::LoggedIn { .. }));
        }
        _ => {}
    }
    if let Stage::HalfAMessage = stage {
        person.sends_bytes(&message[..message.len() / 2]).await;
    }
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], payload].concat()
}

/// Of a connection that is reset nothing stays: there are fewer places than are reset at any stage.
#[tokio::test]
async fn who_is_reset_at_whatever_stage_leaves_no_place_behind_and_holds_up_nobody() {
    const STAGES: [Stage; 8] = [
        Stage::Connected,
        Stage::HalfAHello,
        Stage::Hello,
        Stage::HandsShaken,
        Stage::HalfALogIn,
        Stage::LoggingIn,
        Stage::LoggedIn,
        Stage::HalfAMessage,
    ];
    let house = House::with_limits(&["connections=16", "logins-per-source=0", "logins-per-account=0"]).await;
    let [mut ann] = house.join(["ann"]).await;
    Person::newcomer(&house, "bob").await.leaves().await;
    for stage in STAGES.into_iter().cycle().take(160) {
        is_reset_at(stage, &house).await;
        ann.posts(&format!("unmoved by {stage:?}")).await;
    }
    let mut bob = Person::logged_in(&house, "bob").await;
    bob.posts("back again").await;
    ann.reads("bob", "back again").await;
}

#[tokio::test]
async fn a_stranger_who_reads_no_answer_is_sent_away_in_time_as_well() {
    let house = House::with_limits(&["login-seconds=1"]).await;
    let (mut deaf, _) = Person::stranger(&house.dial()).await.into_parts();
    let ping = Request::Ping { body: vec![b'x'; 4000].into() }.encode(None);
    soon("the server to hang up", async { while deaf.write_all(&ping).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_member_who_asks_and_does_not_listen_is_answered_later_and_holds_up_nobody() {
    const ASKED: usize = 300;
    let house = House::open().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    for _ in 0..20 {
        ann.posts(&"x".repeat(4000)).await;
    }
    let (conv, _) = ann.posts("the last of many").await;
    let asked = Request::History { conv, page: Page::Latest, limit: 20 }.encode(None);
    bob.sends_bytes(&asked.repeat(ASKED)).await;
    for _ in 0..10 {
        ann.posts("unmoved").await;
    }
    for _ in 0..ASKED {
        bob.waits_for("218", |reply| matches!(reply, Reply::End { .. })).await;
    }
    ann.posts("and now?").await;
    bob.waits_for(
        "the news",
        |reply| matches!(reply, Reply::Message(news) if news.text.as_str() == "and now?"),
    )
    .await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_server_that_can_open_nothing_more_serves_who_is_in_and_then_others() {
    let dir = TempDir::new().unwrap();
    let few = ["prlimit", "--nofile=64:64"].map(str::to_owned);
    let server = ServerProcess::start_under(&few, dir.path(), &[]).unwrap();
    let dial = Dial::new(&server.link, Trust::Nothing);
    let mut ann = Person::stranger(&dial).await;
    assert_eq!(ann.registers("ann", PASSWORD).await, Reply::Registered);
    assert!(matches!(ann.logs_in("ann", PASSWORD).await, Reply::LoggedIn { .. }));
    let mut crowd = Vec::new();
    for _ in 0..100 {
        crowd.push(TcpStream::connect(("127.0.0.1", server.link.port)).await.unwrap());
    }
    ann.posts("still here").await;
    drop(crowd);
    let mut bob = Person::stranger(&dial).await;
    assert_eq!(bob.registers("bob", PASSWORD).await, Reply::Registered);
}
