//! Many strangers at the door, from many addresses: whoever has a password gets in all the same.

use std::net::SocketAddr;

use sotto_proto::{Reason, Reply, Request};
use sotto_tests::{House, Person, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

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

#[tokio::test]
async fn a_stranger_who_reads_no_answer_is_sent_away_in_time_as_well() {
    let house = House::with_limits(&["login-seconds=1"]).await;
    let (mut deaf, _) = Person::stranger(&house.dial()).await.into_parts();
    let ping = Request::Ping { body: vec![b'x'; 4000].into() }.encode(None);
    soon("the server to hang up", async { while deaf.write_all(&ping).await.is_ok() {} }).await;
}
