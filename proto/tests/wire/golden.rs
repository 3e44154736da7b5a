//! The exact bytes of every code. A change here is a change of the protocol.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use sotto_proto::{
    Answer, Audience, ConvKind, FileStage, FileState, Frame, Message, Page, Pin, Presence, Reason, Refusal,
    Reply, Request, Signature, Standing, Succession,
};

use crate::round_trip::registered_codes;
use crate::table::{AT, cid, conv, epoch, file, name, offer, offered, pass, people, seq, text, token};

#[test]
fn requests_are_these_bytes() {
    for (payload, request) in requests() {
        assert_eq!(request.encode(None), framed(payload));
        assert_eq!(Request::from_frame(&parse(payload)), Ok(request));
    }
}

#[test]
fn replies_are_these_bytes() {
    for (payload, reply) in replies() {
        assert_eq!(reply.encode(None), framed(payload));
        assert_eq!(Reply::from_frame(&parse(payload)), Ok(reply));
    }
}

#[test]
fn the_length_counts_the_payload_and_the_reference_is_the_first_tag() {
    let who = Request::Who { all: true };
    assert_eq!(who.encode(Some("a b")), Bytes::from_static(b"\0\0\0\x13108 ref=a%20b all=1"));
    let ping = Reply::Ping { body: Bytes::from(vec![b'x'; 0x1fb]) };
    assert_eq!(&ping.encode(None)[..9], b"\x00\x00\x02\x00105\r\n");
}

#[test]
fn there_are_golden_bytes_for_every_code_that_is_built() {
    let built = registered_codes();
    let payloads = requests().into_iter().map(|row| row.0).chain(replies().into_iter().map(|row| row.0));
    assert_eq!(payloads.map(|payload| parse(payload).code()).collect::<BTreeSet<_>>(), built);
}

fn requests() -> Vec<(&'static [u8], Request)> {
    let user = || name("ann");
    let mut requests: Vec<(&'static [u8], Request)> = vec![
        (b"100", Request::LogOut { taken: None }),
        (b"100 taken=1\r\n1 7\r\n3 2", Request::LogOut { taken: Some(vec![(conv(1), seq(7)), (conv(3), seq(2))]) }),
        (b"102\r\nann\r\npw", Request::Register { user: user(), password: pass("pw"), invite: None }),
        (
            b"102 invite=a%20b%3d%25%0d%0a%09\xe5\xbc\xa0%c2%85\r\nann\r\npw",
            Request::Register {
                user: user(),
                password: pass("pw"),
                invite: Some("a b=%\r\n\t张\u{85}".into()),
            },
        ),
        (
            b"103 user=J.%20R. token=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 epoch=0123456789abcdef\r\n1 7\r\n3 0",
            Request::Resume {
                user: name("J. R."),
                token: token(),
                epoch: epoch(),
                cursors: vec![(conv(1), seq(7)), (conv(3), seq(0))],
            },
        ),
        (
            b"104 old=3\r\np\r\nhunter22",
            Request::ChangePassword { old: pass("p\r\n"), new: pass("hunter22") },
        ),
        (b"105\r\n\0\xff", Request::Ping { body: Bytes::from_static(b"\0\xff") }),
        (b"211\r\n", Request::Pong { body: Bytes::new() }),
        (b"106\r\n*\r\nhi", Request::Send { cid: None, to: Audience::Everyone, text: text("hi") }),
        (
            b"106 cid=000102030405060708090a0b0c0d0e0f\r\nann\tBob\r\n1\r\n2",
            Request::Send { cid: Some(cid()), to: people(["Bob", "ann"]), text: text("1\r\n2") },
        ),
        (b"107 conv=3 limit=200", Request::History { conv: conv(3), page: Page::Latest, limit: 200 }),
        (
            b"107 conv=3 before=9 limit=1",
            Request::History { conv: conv(3), page: Page::Before(seq(9)), limit: 1 },
        ),
        (
            b"107 conv=3 after=0 limit=50",
            Request::History { conv: conv(3), page: Page::After(seq(0)), limit: 50 },
        ),
        (b"108", Request::Who { all: false }),
        (b"108 all=1", Request::Who { all: true }),
    ];
    requests.extend(log_ins());
    requests.extend(files_asked());
    requests
}

fn log_ins() -> Vec<(&'static [u8], Request)> {
    let user = || name("ann");
    vec![
        (
            b"101\r\nann\r\npw\r\n",
            Request::LogIn {
                user: user(),
                password: pass("pw\r\n"),
                take_over: false,
                peek: false,
                device: None,
            },
        ),
        (
            b"101 take-over=1 peek=1\r\n\xe5\xbc\xa0\xe4\xbc\x9f\r\n",
            Request::LogIn {
                user: name("张伟"),
                password: pass(""),
                take_over: true,
                peek: true,
                device: None,
            },
        ),
        (
            b"101 device=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\r\nann\r\npw",
            Request::LogIn {
                user: user(),
                password: pass("pw"),
                take_over: false,
                peek: false,
                device: Some(token()),
            },
        ),
    ]
}

fn files_asked() -> Vec<(&'static [u8], Request)> {
    let (file, bytes) = (file(), Bytes::from_static(b"\r\n\0"));
    vec![
        (b"109\r\n\r\n\0", Request::SmallFile { content: bytes.clone() }),
        (b"109 file=000102030405060708090a0b0c0d0e0f off=7\r\n\r\n\0", Request::Chunk { file, off: 7, bytes }),
        (
            b"110 cid=000102030405060708090a0b0c0d0e0f size=7 hash=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f media=text/plain\r\nann\tBob\r\na b.txt",
            Request::Offer(offer(people(["ann", "Bob"]), "a b.txt", 7)),
        ),
        (
            b"111 file=000102030405060708090a0b0c0d0e0f say=accept",
            Request::Answer { file, answer: Answer::Accept, who: None },
        ),
        (
            b"111 file=000102030405060708090a0b0c0d0e0f say=cancel who=J.%20R.",
            Request::Answer { file, answer: Answer::Cancel, who: Some(name("J. R.")) },
        ),
        (
            b"112 file=000102030405060708090a0b0c0d0e0f off=0",
            Request::Ready { file, off: 0, upto: None },
        ),
        (
            b"112 file=000102030405060708090a0b0c0d0e0f off=5 upto=9",
            Request::Ready { file, off: 5, upto: Some(9) },
        ),
        (b"113", Request::Files),
    ]
}

fn replies() -> Vec<(&'static [u8], Reply)> {
    let (cid, conv) = (cid(), conv(3));
    let [ann, bob] = ["ann", "Bob"].map(name);
    let both = || vec![ann.clone(), bob.clone()];
    let busy = Refusal::new(Reason::Busy, "Later.").retry(Duration::from_secs(2));
    let not_sent =
        |cid, who| Reply::NotSent { cid, reason: Reason::UnknownRecipient, who, sentence: "Who?".into() };
    let conversation =
        |kind, members| Reply::Conversation { conv, kind, members, head: seq(5), after: seq(4) };
    let mut replies: Vec<(&'static [u8], Reply)> = vec![
        (b"201", Reply::WrongPassword),
        (b"202 since=1767225600123 from=192.0.2.7", Reply::AlreadyLoggedIn { since: AT, from: "192.0.2.7".into() }),
        (b"203\r\nann\r\nBob", Reply::Left(both())),
        (b"205\r\nann\r\nBob", Reply::Joined(both())),
        (b"206", Reply::Registered),
        (b"219", Reply::PasswordChanged),
        (b"207", Reply::NameTaken),
        (b"208 reason=unknown-recipient\r\nWho?", not_sent(None, vec![])),
        (
            b"208 cid=000102030405060708090a0b0c0d0e0f reason=unknown-recipient who=zo\xc3\xab%09J.%20R.\r\nWho?",
            not_sent(Some(cid), vec!["zoë".into(), "J. R.".into()]),
        ),
        (b"210", Reply::Online { people: vec![], more: false }),
        (b"210 more=1\r\nann\r\nBob", Reply::Online { people: both(), more: true }),
        (
            b"210 all=1\r\nann\tonline\r\nBob\taway",
            Reply::Everyone {
                people: vec![(ann.clone(), Presence::Online), (bob.clone(), Presence::Away)],
                more: false,
            },
        ),
        (b"210 all=1 more=1", Reply::Everyone { people: vec![], more: true }),
        (b"105\r\n", Reply::Ping { body: Bytes::new() }),
        (b"211\r\n\0\xff", Reply::Pong { body: Bytes::from_static(b"\0\xff") }),
        (
            b"212 cid=000102030405060708090a0b0c0d0e0f conv=3 seq=5 at=1767225600123",
            Reply::Stored { cid, conv, seq: seq(5), at: AT, file: None },
        ),
        (
            b"212 cid=000102030405060708090a0b0c0d0e0f conv=3 seq=5 at=1767225600123 file=000102030405060708090a0b0c0d0e0f",
            Reply::Stored { cid, conv, seq: seq(5), at: AT, file: Some(file()) },
        ),
        (b"213", Reply::CaughtUp),
        (b"214 conv=3 from=1 to=4", Reply::Hole { conv, from: seq(1), to: seq(4) }),
        (b"215", Reply::StartOver { conv: None }),
        (b"215 conv=3", Reply::StartOver { conv: Some(conv) }),
        (b"216 reason=bad-request\r\nNo.", Reply::Refused(Refusal::new(Reason::BadRequest, "No."))),
        (b"216 reason=busy retry-after=2\r\nLater.", Reply::Refused(busy.clone())),
        (b"217 reason=busy retry-after=2\r\nLater.", Reply::Goodbye(busy)),
        (b"218 more=0", Reply::End { more: false }),
        (b"218 more=1", Reply::End { more: true }),
        (b"220 conv=3 kind=lobby head=5 after=4", conversation(ConvKind::Lobby, vec![])),
        (b"220 conv=3 kind=set head=5 after=4\r\nann\r\nBob", conversation(ConvKind::Set, both())),
        (b"220 conv=3 kind=room head=5 after=4\r\nann", conversation(ConvKind::Room, vec![ann.clone()])),
    ];
    replies.extend(let_in());
    replies.extend(messages());
    replies.extend(files_told());
    replies
}

fn let_in() -> Vec<(&'static [u8], Reply)> {
    let ann = || name("ann");
    vec![
        (
            b"204 token=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 epoch=0123456789abcdef max=65536\r\nann",
            Reply::LoggedIn { user: ann(), token: token(), epoch: epoch(), max: 65_536, device: None },
        ),
        (
            b"204 token=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 epoch=0123456789abcdef max=65536 device=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\r\nann",
            Reply::LoggedIn { user: ann(), token: token(), epoch: epoch(), max: 65_536, device: Some(token()) },
        ),
    ]
}

fn files_told() -> Vec<(&'static [u8], Reply)> {
    let (file, bytes) = (file(), Bytes::from_static(b"\r\n\0"));
    let [ann, bob] = ["ann", "Bob"].map(name);
    let state = |stage, people| Reply::FileState(FileState { file, stage, off: 7, people });
    vec![
        (
            b"209 conv=3 seq=5 at=1767225600123 file=000102030405060708090a0b0c0d0e0f size=7 hash=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f media=text/plain until=1767225600123\r\nann\r\na b.txt",
            Reply::Message(offered("a b.txt", false)),
        ),
        (
            b"209 conv=3 seq=5 at=1767225600123 file=000102030405060708090a0b0c0d0e0f size=7 hash=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f media=text/plain until=1767225600123 gone=1\r\nann\r\na b.txt",
            Reply::Message(offered("a b.txt", true)),
        ),
        (b"200\r\n\r\n\0", Reply::SmallFile { content: bytes.clone() }),
        (b"200 file=000102030405060708090a0b0c0d0e0f off=7\r\n\r\n\0", Reply::Chunk { file, off: 7, bytes }),
        (b"222 file=000102030405060708090a0b0c0d0e0f off=5 upto=9", Reply::GoOn { file, off: 5, upto: 9 }),
        (b"223 file=000102030405060708090a0b0c0d0e0f stage=gone off=7", state(FileStage::Gone, vec![])),
        (
            b"223 file=000102030405060708090a0b0c0d0e0f stage=uploading off=7\r\nann\taccepted\t3\r\nBob\tdeclined",
            state(FileStage::Uploading, vec![(ann.clone(), Standing::Accepted(3)), (bob.clone(), Standing::Declined)]),
        ),
        (
            b"223 file=000102030405060708090a0b0c0d0e0f stage=stored off=7\r\nann\treceived\r\nBob\tcancelled",
            state(FileStage::Stored, vec![(ann, Standing::Received), (bob, Standing::Cancelled)]),
        ),
        (
            b"224 file=000102030405060708090a0b0c0d0e0f reason=disk-full retry-after=9\r\nFull.",
            Reply::FileRefused {
                file,
                refusal: Refusal::new(Reason::DiskFull, "Full.").retry(Duration::from_secs(9)),
            },
        ),
    ]
}

/// Messages, and who is reached without encryption.
fn messages() -> Vec<(&'static [u8], Reply)> {
    let (cid, conv) = (cid(), conv(3));
    let [ann, bob] = ["ann", "Bob"].map(name);
    let message = |cid| Message {
        conv,
        seq: seq(5),
        at: AT,
        cid,
        from: ann.clone(),
        text: text("1\r\n2"),
        clear: false,
        file: None,
    };
    vec![
        (b"209 conv=3 seq=5 at=1767225600123\r\nann\r\n1\r\n2", Reply::Message(message(None))),
        (
            b"209 conv=3 seq=5 at=1767225600123 cid=000102030405060708090a0b0c0d0e0f\r\nann\r\n1\r\n2",
            Reply::Message(message(Some(cid))),
        ),
        (
            b"209 conv=3 seq=5 at=1767225600123 clear=1\r\nann\r\n1\r\n2",
            Reply::Message(Message { clear: true, ..message(None) }),
        ),
        (b"221", Reply::InTheClear(vec![])),
        (b"221\r\nann\r\nBob", Reply::InTheClear(vec![ann.clone(), bob])),
        (
            b"225 next=_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v7-_v4 signature=MAYCAQECAfs",
            Reply::NextIdentity(Succession {
                next: Pin::from_bytes([0xfe; 32]),
                signature: Signature::new(&[0x30, 6, 2, 1, 1, 2, 1, 0xfb]).unwrap(),
            }),
        ),
    ]
}

fn framed(payload: &[u8]) -> Bytes {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], payload].concat().into()
}

fn parse(payload: &'static [u8]) -> Frame {
    Frame::parse(Bytes::from_static(payload)).unwrap()
}
