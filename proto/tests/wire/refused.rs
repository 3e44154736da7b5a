//! What is not a frame, what is a frame and not a request, and which of the two ends a connection.

use bytes::{Bytes, BytesMut};
use sotto_proto::{DecodeError, Decoder, Frame, Reply, Request, ValueError, limits};

#[test]
fn a_length_over_the_limit_is_refused_on_its_four_bytes() {
    for announced in [65_537, 1_000_000_000, 1 << 31, u32::MAX - 3, u32::MAX] {
        let refused = DecodeError::TooLong { announced, limit: 65_536 };
        assert_eq!(decode(&Decoder::after_login(), &announced.to_be_bytes()), Err(refused.clone()));
        assert!(refused.ends_connection());
    }
    let http = decode(&Decoder::after_login(), b"GET / HTTP/1.1\r\n\r\n");
    assert!(matches!(http, Err(DecodeError::TooLong { announced: 0x4745_5420, .. })));
}

#[test]
fn a_length_alone_takes_no_memory() {
    for announced in [65_536_u32, 65_537, u32::MAX] {
        let mut stream = BytesMut::from(&announced.to_be_bytes()[..]);
        let capacity = stream.capacity();
        let _ = Decoder::after_login().next(&mut stream);
        assert_eq!((stream.len(), stream.capacity()), (4, capacity));
    }
}

#[test]
fn a_payload_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    let mut decoder = Decoder::before_login();
    assert_eq!(decode(&decoder, &ping_of(4096)).unwrap().unwrap().body().len(), 4096 - 5);
    assert_eq!(
        decode(&decoder, &ping_of(4097)),
        Err(DecodeError::TooLong { announced: 4097, limit: limits::MAX_PAYLOAD_BEFORE_LOGIN })
    );
    decoder.logged_in();
    assert_eq!(decode(&decoder, &ping_of(65_536)).unwrap().unwrap().body().len(), 65_536 - 5);
    assert_eq!(
        decode(&decoder, &ping_of(65_537)),
        Err(DecodeError::TooLong { announced: 65_537, limit: limits::MAX_PAYLOAD })
    );
}

#[test]
fn a_head_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    for body in ["", "\r\n", "\r\nbody\r\n"] {
        assert!(parse(head_of(1024) + body).is_ok());
        assert_eq!(parse(head_of(1025) + body), Err(DecodeError::Head("over 1,024 bytes")));
        assert_eq!(parse(head_of(4000) + body), Err(DecodeError::Head("over 1,024 bytes")));
    }
}

#[test]
fn a_message_has_a_place_and_places_begin_with_1() {
    for (head, body) in [
        ("209 conv=1 at=0 seq=", "\r\nann\r\nhi"),
        ("212 conv=1 at=0 cid=000102030405060708090a0b0c0d0e0f seq=", ""),
    ] {
        let reply = |seq: &str| Reply::from_frame(&parse(format!("{head}{seq}{body}")).unwrap());
        assert!(reply("0").is_err());
        assert!(reply("1").is_ok() && reply("9223372036854775807").is_ok());
    }
}

#[test]
fn a_wait_counts_up_to_a_day() {
    for (said, counts) in [(0, 0), (86_400, 86_400), (86_401, 86_400), (u64::MAX, 86_400)] {
        let Ok(Reply::Refused(refusal)) =
            Reply::from_frame(&parse(format!("216 retry-after={said}")).unwrap())
        else {
            panic!("no 216")
        };
        assert_eq!(refusal.retry_after.unwrap().as_secs(), counts);
    }
}

const MALFORMED: &[&[u8]] = &[
    // no code
    b"",
    b"\r\n",
    b"\r\nann",
    b"1",
    b"10",
    b"10\r\n1",
    b" 100",
    b"abc",
    b"1a0",
    b"-10",
    b"+10",
    b"1.0",
    b"\xef\xbc\x91",
    // something other than a space after it
    b"1000",
    b"100x",
    b"100\tref=1",
    b"100=1",
    b"100\rref=1",
    b"100\nref=1",
    b"100\0",
    b"100\n",
    b"100\r",
    // keys
    b"100 ",
    b"100  ref=1",
    b"100 ref=1 ",
    b"100 ref",
    b"100 =1",
    b"100 Ref=1",
    b"100 r_f=1",
    b"100 \xc3\xa9=1",
    b"100 abcdefghijklmnopq=1",
    b"100 r\tf=1",
    b"100 a%62=1",
    // values
    b"100 ref=a=b",
    b"100 ref=a\tb",
    b"100 ref=a\rb",
    b"100 ref=a\nb",
    b"100 ref=a\0b",
    b"100 ref=\x7f",
    b"100 ref=\xc2\x85",
    b"100 ref=a b",
    // percent-encoding
    b"100 ref=%",
    b"100 ref=%2",
    b"100 ref=%zz",
    b"100 ref=%+1",
    b"100 ref=% 1",
    b"100 ref=%%41",
    b"100 ref=%\xc2\xb2",
    b"100 ref=%ff",
    b"100 ref=%c3",
    b"100 ref=%c0%80",
    b"100 ref=%ed%a0%80",
    // not UTF-8
    b"100 ref=\xff",
    b"100 ref=\xc0\x80",
    b"100 ref=\xe5\xbc",
    b"\xff\xff\xff",
    // the same tag twice
    b"100 ref=1 ref=1",
    b"100 ref=1 cid=2 ref=3",
];

#[test]
fn a_head_that_breaks_the_grammar_ends_the_connection() {
    for payload in MALFORMED {
        let refused = parse(payload.to_vec()).unwrap_err();
        assert!(matches!(refused, DecodeError::Head(_)), "{refused}: {}", payload.escape_ascii());
        assert!(refused.ends_connection());
    }
}

#[test]
fn the_bounds_of_tags_are_taken_and_one_more_is_not() {
    let tags = |count| (0..count).map(|n| format!(" k{n}=")).collect::<String>();
    assert!(parse("100".to_owned() + &tags(limits::MAX_TAGS)).is_ok());
    assert_eq!(
        parse("100".to_owned() + &tags(limits::MAX_TAGS + 1)),
        Err(DecodeError::Head("too many tags"))
    );
    assert!(parse(format!("100 {}=", "k".repeat(limits::MAX_TAG_KEY))).is_ok());
}

#[test]
fn a_payload_of_no_bytes_is_malformed() {
    assert_eq!(decode(&Decoder::after_login(), &[0, 0, 0, 0]), Err(DecodeError::Head("no code")));
}

#[test]
fn a_head_may_be_written_in_more_than_one_way() {
    let frame = parse("100 ref=%41%e5%BC%a0%7F x=").unwrap();
    assert_eq!(frame.tag("ref").as_deref(), Some("A张\u{7f}"));
    assert_eq!(frame.tag("x").as_deref(), Some(""));
    assert_eq!(frame.tag("y"), None);
}

const BAD_REQUESTS: &[&str] = &[
    "999",
    "000",
    "109",
    "200",
    "204\r\nann",
    "101",
    "101\r\nann",
    "101\r\n\r\npw",
    "101 peek=2\r\nann\r\npw",
    "101 take-over=\r\nann\r\npw",
    "102\r\nann",
    "103",
    "106",
    "106\r\n*",
    "106\r\n*\r\n",
    "106\r\n\r\nhi",
    "106\r\n#room\r\nhi",
    "106\r\nann\t\r\nhi",
    "106\r\nann\t*\r\nhi",
    "106 cid=1\r\n*\r\nhi",
    "106 cid=000102030405060708090A0B0C0D0E0F\r\n*\r\nhi",
    "107",
    "107 conv=0",
    "107 conv=01",
    "107 conv=x",
    "107 conv=1 before=2 after=1",
    "107 conv=1 limit=0",
    "107 conv=1 limit=201",
    "107 conv=1 limit=70000",
    "107 conv=1 limit=",
    "107 conv=1 limit=+5",
    "107 conv=1 before=-1",
    "107 conv=9223372036854775808",
    "108 all=2",
];

#[test]
fn a_bad_request_in_a_good_frame_does_not_end_the_connection() {
    let long_name = format!("101\r\n{}\r\npw", "a".repeat(33));
    let long_password = format!("101\r\nann\r\n{}", "x".repeat(1025));
    let long_text = format!("106\r\n*\r\n{}", "x".repeat(16_385));
    let long_invite = format!("102 invite={}\r\nann\r\npw", "x".repeat(65));
    let crowd = (0..257).map(|n| n.to_string()).collect::<Vec<_>>().join("\t");
    let crowd = format!("106\r\n{crowd}\r\nhi");
    let token = "token=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let cursors = |lines: &str| format!("103 user=ann {token} epoch=0123456789abcdef\r\n{lines}");
    let refused: Vec<Vec<u8>> = [
        &long_name,
        &long_password,
        &long_text,
        &long_invite,
        &crowd,
        &cursors("1"),
        &cursors("1 2 3"),
        &cursors("1  2"),
        &cursors("0 2"),
        &cursors("1 2\n3 4"),
        &cursors(&"1 2\r\n".repeat(513)),
        &format!("103 user=ann {token}%3d epoch=0123456789abcdef"),
        &format!("103 user=ann {token} epoch=123"),
        &format!("103 {token} epoch=0123456789abcdef"),
        &format!("103 user=* {token} epoch=0123456789abcdef"),
    ]
    .map(String::as_str)
    .iter()
    .chain(BAD_REQUESTS)
    .map(|payload| payload.as_bytes().to_vec())
    .chain([
        b"101\r\n\xff\r\npw".to_vec(),
        b"106\r\n*\r\n\xed\xa0\x80".to_vec(),
        b"106\r\n*\r\n\xc0\x80".to_vec(),
    ])
    .collect();
    for payload in refused {
        let outcome = Request::from_frame(&parse(payload.clone()).unwrap());
        let refused = outcome.expect_err(&payload.escape_ascii().to_string());
        assert!(!refused.ends_connection(), "{refused}");
    }
}

#[test]
fn a_bad_reply_is_told_from_one_to_be_ignored() {
    let long_address = format!("202 since=1 from={}", "x".repeat(65)).into_bytes();
    let faults: &[&[u8]] = &[
        &long_address,
        b"202 since=x",
        b"203\r\n*",
        b"204 token=x epoch=0123456789abcdef max=65536\r\nann",
        b"208\r\n\xff",
        b"209 conv=1 seq=1 at=1\r\nann",
        b"209 conv=1 seq=1\r\nann\r\nhi",
        b"209 conv=1 at=1\r\nann\r\nhi",
        b"209 conv=1 seq=1 at=1\r\nann\r\n",
        b"209 conv=1 seq=1 at=1\r\na\tb\r\nhi",
        b"210 all=1\r\nann",
        b"212 conv=1 seq=1 at=1",
        b"214 conv=1 from=1",
        b"214 conv=1 from=2 to=1",
        b"214 conv=1 from=0 to=1",
        b"215 conv=0",
        b"216 retry-after=soon\r\nNo.",
        b"220 conv=1 kind=party head=0 after=0",
        b"220 conv=1 kind=lobby head=0",
        b"221\r\n*",
    ];
    for payload in faults {
        let fault = Reply::from_frame(&parse(payload.to_vec()).unwrap())
            .expect_err(&payload.escape_ascii().to_string());
        assert!(!matches!(fault, DecodeError::UnknownCode(_)), "{fault}");
    }
    let unknown = Reply::from_frame(&parse("299 what=ever\r\n\u{1}").unwrap());
    assert_eq!(unknown, Err(DecodeError::UnknownCode(299)));
}

#[test]
fn unknown_tags_are_ignored() {
    let frame = parse("108 all=1 colour=red x-1=%20").unwrap();
    assert_eq!(Request::from_frame(&frame), Ok(Request::Who { all: true }));
    let frame = parse("218 more=1 colour=red").unwrap();
    assert_eq!(Reply::from_frame(&frame), Ok(Reply::End { more: true }));
}

#[test]
fn a_name_cannot_smuggle_another_field_into_a_frame() {
    for forged in ["ann\r\nbob", "ann\tbob", "ann\nbob", "ann\0", "ann\u{2028}", "ann\u{85}", "a=\r\n209"] {
        let tagged = parse(format!("103 user={} ", percent(forged)).trim_end().to_owned()).unwrap();
        let fault = tagged.required::<sotto_proto::Username>("user");
        assert_eq!(fault, Err(DecodeError::Value(ValueError::NameCharacter)), "{forged:?}");
    }
    let sender = Reply::from_frame(&parse("209 conv=1 seq=1 at=1\r\nann\nbob\r\nhi").unwrap());
    assert_eq!(sender, Err(DecodeError::Value(ValueError::NameCharacter)));
}

#[test]
fn what_is_no_part_of_a_file_is_a_bad_request_and_no_more() {
    let id = "000102030405060708090a0b0c0d0e0f";
    for bad in [
        format!("109 file={id} off=0"),
        format!("109 file={id} off=0\r\n{}", "x".repeat(limits::MAX_CHUNK + 1)),
        format!("109 file={id}\r\nx"),
        format!("109 file={id} off=-1\r\nx"),
        format!("109 file={id} off=18446744073709551616\r\nx"),
        "109 file=00 off=0\r\nx".to_owned(),
        format!("110 cid={id} size=9223372036854775808 hash={id}{id}\r\n*\r\nx"),
        format!("110 cid={id} size=1 hash={id}\r\n*\r\nx"),
        format!("110 size=1 hash={id}{id}\r\n*\r\nx"),
        format!("110 cid={id} size=1 hash={id}{id}\r\n*\r\na/b"),
        format!("110 cid={id} size=1 hash={id}{id}\r\n*\r\n"),
        format!("110 cid={id} size=1 hash={id}{id}\r\n\r\na"),
        format!("111 file={id}"),
        format!("111 file={id} say=perhaps"),
        "112 off=0".to_owned(),
    ] {
        let refused = Request::from_frame(&parse(bad.clone()).unwrap()).unwrap_err();
        assert!(!refused.ends_connection(), "{bad}");
    }
    let offered = format!("209 conv=1 seq=1 at=1 file={id} size=1 hash={id}{id} until=1\r\nann\r\n../x");
    assert!(Reply::from_frame(&parse(offered).unwrap()).is_err());
    let odd = parse(format!("223 file={id} stage=stored off=1\r\nann\tpuzzled\r\nbob\tdeclined")).unwrap();
    assert!(matches!(Reply::from_frame(&odd), Ok(Reply::FileState(state)) if state.people.len() == 1));
}

#[test]
fn a_reference_of_33_characters_is_refused_as_a_request() {
    let frame = parse(format!("108 ref={}", "张".repeat(33))).unwrap();
    let refused = Request::reference(&frame).unwrap_err();
    assert_eq!(refused, DecodeError::Value(ValueError::Invalid("ref")));
    assert!(!refused.ends_connection());
}

fn parse(payload: impl Into<Vec<u8>>) -> Result<Frame, DecodeError> {
    Frame::parse(Bytes::from(payload.into()))
}

fn decode(decoder: &Decoder, bytes: &[u8]) -> Result<Option<Frame>, DecodeError> {
    decoder.next(&mut BytesMut::from(bytes))
}

/// A ping whose payload has this many bytes.
fn ping_of(payload: usize) -> Bytes {
    Request::Ping { body: Bytes::from(vec![b'x'; payload - 5]) }.encode(None)
}

fn head_of(bytes: usize) -> String {
    format!("100 x={:y<1$}", "", bytes - 6)
}

fn percent(value: &str) -> String {
    value.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
