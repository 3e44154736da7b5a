//! The original's programs, unchanged, at the second door.

use std::collections::HashMap;
use std::net::SocketAddr;

use sotto_client::{Dial, Trust};
use sotto_proto::{Reply, Request};
use sotto_tests::binaries::{Cli, ServerProcess};
use sotto_tests::{House, Original, PASSWORD, Person, Read, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::identity::connector;

async fn house() -> (House, SocketAddr) {
    let house = House::with_plaintext(&[]).await;
    let door = house.plaintext.unwrap();
    (house, door)
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_programs_chat_in_every_direction() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let mut tom = Original::newcomer(door, "tom").await;
    assert_eq!(tom.next().await, Read::Code(210, vec!["ann".to_owned()]));
    ann.sees_coming(["tom"].into_iter()).await;
    let mut wei = Original::newcomer(door, "李雷").await;
    assert_eq!(tom.waits_for(205).await, ["李雷"]);
    ann.sees_coming(["李雷"].into_iter()).await;

    tom.tells(&["ann", "李雷"], "早上好\n大家").await;
    ann.reads("tom", "早上好\n大家").await;
    assert_eq!(wei.reads().await, ("tom".to_owned(), "早上好\n大家".to_owned()));
    ann.posts("to everyone").await;
    for old in [&mut tom, &mut wei] {
        assert_eq!(old.reads().await, ("ann".to_owned(), "to everyone".to_owned()));
    }
    ann.tells(&["tom"], "only you,\r\ntom").await;
    assert_eq!(tom.reads().await, ("ann".to_owned(), "only you,\ntom".to_owned()), "a CRLF would cut it off");
    wei.tells(&["tom"], "psst").await;
    assert_eq!(tom.reads().await, ("李雷".to_owned(), "psst".to_owned()));

    wei.sends("100").await;
    assert_eq!(tom.waits_for(203).await, ["李雷"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_is_the_same_behind_both_doors() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let tom = Original::newcomer(door, "tom").await;
    let mut again = Original::connect(door).await;
    again.sends(&format!("101\r\ntom\r\n{PASSWORD}")).await;
    assert_eq!(again.next().await, Read::Code(202, Vec::new()), "he is logged in");
    again.sends("101\r\ntom\r\nwrong password").await;
    assert_eq!(again.next().await, Read::Code(201, Vec::new()));
    again.sends(&format!("102\r\nann\r\n{PASSWORD}")).await;
    assert_eq!(again.next().await, Read::Code(207, Vec::new()), "a name taken behind the other door");
    let mut elsewhere = Person::stranger(&house.dial()).await;
    assert!(matches!(elsewhere.logs_in("tom", PASSWORD).await, Reply::AlreadyLoggedIn { .. }));
    drop(tom);
    ann.tells(&["tom"], "while you were away").await;
    let mut back = Person::logged_in(&house, "tom").await;
    back.reads("ann", "while you were away").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_gets_what_was_missed_and_logging_out_frees_the_account_at_once() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let mut tom = Original::newcomer(door, "tom").await;
    for round in 0..3 {
        tom.sends("100").await;
        assert_eq!(tom.waits_for_the_end().await, Read::Closed);
        ann.posts(&format!("round {round}")).await;
        tom = Original::connect(door).await;
        tom.comes_in("tom").await;
        assert_eq!(tom.reads().await, ("ann".to_owned(), format!("round {round}")), "once, and no other");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_original_server_died_of_gets_an_answer() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let mut tom = Original::newcomer(door, "tom").await;
    tom.waits_for(210).await;
    let too_long = format!("106\r\nann\r\n{}", "字".repeat(10_000));
    for wrong in ["106\r\n\r\nto nobody", "106\r\nzoe\r\nto a stranger", "106\r\nann\r\n", &too_long] {
        tom.sends(wrong).await;
        assert_eq!(tom.waits_for(208).await, [""; 0], "{wrong:?}");
    }
    for garbage in [&b"\xff\xfe\x00garbage"[..], b"999", b"10", b"101\r\n"] {
        let mut stranger = Original::connect(door).await;
        stranger.sends_bytes(garbage).await;
        drop(stranger);
    }
    let mut silent = Original::connect(door).await;
    silent.sends("106\r\nann\r\nwithout logging in").await;
    assert_eq!(silent.next().await, Read::Code(208, Vec::new()));
    tom.tells(&["ann"], "still here").await;
    ann.reads("tom", "still here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_any_length_arrive_whole_in_pieces_that_a_read_can_take() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let mut tom = Original::newcomer(door, "tom").await;
    for characters in [1, 4_000, 5_000] {
        let text = "字".repeat(characters);
        ann.posts(&text).await;
        let mut got = String::new();
        while got.len() < text.len() {
            got += &tom.reads().await.1;
        }
        assert_eq!(got, text);
        tom.tells(&["ann"], &text).await;
        ann.reads("tom", &text).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_be_cut_anywhere_and_follow_each_other_at_once() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    Original::newcomer(door, "tom").await.sends("100").await;
    let request = format!("101\r\ntom\r\n{PASSWORD}");
    for at in 1..request.len() {
        let mut tom = Original::connect(door).await;
        let (one, two) = request.split_at(at);
        tom.sends(one).await;
        tom.sends(two).await;
        assert_eq!(tom.next().await, Read::Code(204, vec!["tom".to_owned()]), "cut at {at}");
        tom.sends("100").await;
        tom.waits_for_the_end().await;
    }
    let mut tom = Original::connect(door).await;
    tom.sends(&format!("{request}106\r\nann\r\none106\r\nann\r\ntwo")).await;
    ann.reads("tom", "one").await;
    ann.reads("tom", "two").await;
}

/// What `stunnel` or `socat` would do for an old program.
async fn tunnel(house: &House) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = rustls_pki_types::ServerName::from(house.address.ip());
    let connecting = connector(house, vec![b"chatroom/0".to_vec()]).connect(name, stream);
    soon("a handshake", connecting).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_original_inside_tls_is_served_by_the_same_adapter() {
    let (house, _) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let mut tunnel = tunnel(&house).await;
    let says = async |tunnel: &mut TlsStream<TcpStream>, text: &str| {
        tunnel.write_all(text.as_bytes()).await.unwrap();
        tunnel.flush().await.unwrap();
    };
    let hears = async |tunnel: &mut TlsStream<TcpStream>| {
        let mut piece = [0; 4096];
        let length = soon("a piece", tunnel.read(&mut piece)).await.unwrap();
        String::from_utf8_lossy(&piece[..length]).into_owned()
    };
    says(&mut tunnel, &format!("102\r\ntom\r\n{PASSWORD}")).await;
    assert_eq!(hears(&mut tunnel).await, "206");
    says(&mut tunnel, &format!("101\r\ntom\r\n{PASSWORD}")).await;
    assert_eq!(hears(&mut tunnel).await, "204\r\ntom");
    says(&mut tunnel, "106\r\nann\r\nnot overheard").await;
    ann.reads("tom", "not overheard").await;
    ann.tells(&["tom"], "indeed").await;
    assert_eq!(hears(&mut tunnel).await, "209\r\nann\r\nindeed");
}

/// Eight old programs and four new ones in one room, all talking at once.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_crowd_nothing_is_lost_merged_or_out_of_order() {
    const OLD: usize = 8;
    const NEW: usize = 4;
    const EACH: usize = 500;
    let (house, door) = house().await;
    let old: Vec<_> = (0..OLD).map(|number| format!("old{number}")).collect();
    let new: Vec<_> = (0..NEW).map(|number| format!("new{number}")).collect();
    let mut people = Vec::new();
    for name in &new {
        people.push(Person::newcomer(&house, name).await);
    }
    let mut programs = Vec::new();
    for name in &old {
        let mut program = Original::newcomer(door, name).await;
        program.waits_for(210).await;
        programs.push(program);
    }
    let everybody: Vec<_> = old.iter().chain(&new).cloned().collect();
    let programs = old.clone().into_iter().zip(programs).map(|(name, mut program)| {
        let everybody = everybody.clone();
        tokio::spawn(async move {
            let others: Vec<_> =
                everybody.iter().filter(|other| **other != name).map(String::as_str).collect();
            for number in 0..EACH {
                program.tells(&others, &format!("{number}")).await;
            }
            let mut heard: HashMap<String, usize> = HashMap::new();
            for _ in 0..(OLD + NEW - 1) * EACH {
                let (from, text) = program.reads().await;
                let next = heard.entry(from.clone()).or_default();
                assert_eq!(text, next.to_string(), "{name} hears {from} in order, nothing lost or merged");
                *next += 1;
            }
        })
    });
    let programs: Vec<_> = programs.collect();
    let people = people.into_iter().map(|mut person| {
        tokio::spawn(async move {
            for number in 0..EACH {
                person.drops_in(&[], &format!("{number}")).await;
            }
            let mut heard: HashMap<String, usize> = HashMap::new();
            for _ in 0..(OLD + NEW - 1) * EACH {
                let seen = person.next_message().await;
                let next = heard.entry(seen.from.clone()).or_default();
                assert_eq!(seen.text, next.to_string(), "{} hears {} in order", person.name(), seen.from);
                *next += 1;
            }
        })
    });
    for task in people.collect::<Vec<_>>().into_iter().chain(programs) {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_programs_that_stall_flood_or_vanish_harm_nobody() {
    let (house, door) = house().await;
    let [mut ann, mut bob] = house.join(["ann", "bob"]).await;
    let mut stalled = Vec::new();
    for number in 0..20 {
        let mut program = Original::newcomer(door, &format!("stalled{number}")).await;
        program.stops_reading();
        stalled.push(program);
    }
    let mut flooding = Original::newcomer(door, "flood").await;
    flooding.sends("109").await;
    let content = vec![b'x'; 1 << 20];
    for _ in 0..10 {
        flooding.sends_bytes(&content).await;
    }
    let mut half = Original::newcomer(door, "half").await;
    half.sends("106\r\nann\r\n").await;
    drop(half);
    let text = "0123456789".repeat(1000);
    for _ in 0..200 {
        ann.drops_in(&[], &text).await;
    }
    for _ in 0..200 {
        bob.next_message().await;
    }
    let barrier = ann.asks(&Request::Who { all: false });
    let _ = barrier.await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_reached_without_encryption_is_told_and_what_came_so_is_marked() {
    let (house, door) = house().await;
    let mut ann = Person::newcomer(&house, "ann").await;
    let mut tom = Original::newcomer(door, "tom").await;
    let clear = |names: &'static [&'static str]| {
        move |reply: &Reply| match reply {
            Reply::InTheClear(people) => people.iter().map(ToString::to_string).collect::<Vec<_>>() == names,
            _ => false,
        }
    };
    ann.waits_for("221 with tom", clear(&["tom"])).await;
    tom.tells(&["ann"], "in the clear").await;
    let marked = |reply: &Reply| matches!(reply, Reply::Message(message) if message.clear);
    ann.waits_for("a message that is marked", marked).await;
    let mut late = Person::stranger(&house.dial()).await;
    late.registers("late", PASSWORD).await;
    late.logs_in("late", PASSWORD).await;
    late.waits_for("221 at log-in", clear(&["tom"])).await;
    tom.sends("100").await;
    ann.waits_for("221 with nobody", clear(&[])).await;
    // It stays marked in the history; what came over TLS is not.
    let (conv, _) = ann.tells(&["tom"], "over TLS").await;
    let page = Request::History { conv, page: sotto_proto::Page::Latest, limit: 10 };
    let mut marks = Vec::new();
    ann.sends(&page).await;
    for _ in 0..2 {
        if let Reply::Message(message) =
            ann.waits_for("a page", |reply| matches!(reply, Reply::Message(_))).await
        {
            marks.push((message.text.as_str().to_owned(), message.clear));
        }
    }
    assert_eq!(marks, [("in the clear".to_owned(), true), ("over TLS".to_owned(), false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_client_shows_what_is_not_encrypted() {
    let (house, door) = house().await;
    let profiles = tempfile::TempDir::new().unwrap();
    let ann = Cli::new(&house.link, "ann", profiles.path());
    let run = |arguments: &'static [&'static str]| {
        let ann = ann.clone();
        tokio::task::spawn_blocking(move || ann.json(arguments))
    };
    run(&["register"]).await.unwrap();
    let mut tom = Original::newcomer(door, "tom").await;
    tom.waits_for(210).await;
    tom.tells(&["ann"], "plain words").await;
    let heard = run(&["listen", "--count", "1"]).await.unwrap();
    let message = heard.iter().find(|line| line["type"] == "message").unwrap();
    assert_eq!((message["text"].as_str(), message["clear"].as_bool()), (Some("plain words"), Some(true)));
    let users = run(&["users"]).await.unwrap();
    let clear: Vec<_> =
        users.iter().filter(|user| user["clear"] == true).map(|user| user["user"].clone()).collect();
    assert_eq!(clear, ["tom"]);
}

/// Resident memory of a process, in MiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    kib.split_whitespace().next().unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_that_never_read_cost_a_bounded_amount_of_memory() {
    const TALK: usize = 1500;
    let data = tempfile::TempDir::new().unwrap();
    let server = ServerProcess::start(
        data.path(),
        &["--plaintext-compat", "127.0.0.1:0", "--limit", "registrations-per-source=0"],
    );
    let door = server.ready.split("plaintext=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let mut stalled = Vec::new();
    for number in 0..64 {
        let mut program = Original::newcomer(door, &format!("stalled{number}")).await;
        program.stops_reading();
        stalled.push(program);
    }
    let mut ann = Person::stranger(&Dial::new(&server.link, Trust::Nothing)).await;
    ann.registers("ann", PASSWORD).await;
    ann.logs_in("ann", PASSWORD).await;
    let before = resident(server.id());
    // 15 MB for each of them: a gigabyte, if all of it were kept.
    let text = "0123456789".repeat(1000);
    for _ in 0..TALK {
        ann.drops_in(&[], &text).await;
    }
    ann.posts("the last word").await;
    let grown = resident(server.id()).saturating_sub(before);
    assert!(grown < 150, "grew by {grown} MiB, from {before}");
}
