//! What holds for all bytes and all values.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use sotto_proto::{
    Audience, Decoder, Frame, FrameBuilder, Link, Message, MessageText, Pin, Reply, Request, Username,
};

use crate::table;

proptest! {
    #[test]
    fn no_bytes_make_anything_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everything(&bytes);
    }

    #[test]
    fn nothing_that_looks_like_a_frame_makes_anything_panic(payload in payload()) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        read_everything(&[&length, payload.as_bytes()].concat());
    }

    #[test]
    fn a_frame_that_was_read_is_written_as_the_same_bytes(payload in payload()) {
        if let Ok(frame) = Frame::parse(Bytes::from(payload.clone())) {
            let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
            prop_assert_eq!(Bytes::from(&frame), [&length, payload.as_bytes()].concat());
        }
    }

    #[test]
    fn any_value_survives_in_a_tag(value in "\\PC{0,20}|(?s).{0,20}") {
        let bytes = FrameBuilder::new(106).tag("x", &value).tag("y", 1).body(b"body");
        let frame = Frame::parse(bytes.slice(4..)).unwrap();
        prop_assert_eq!((frame.tag("x").unwrap(), frame.tag("y").unwrap()), ((&value).into(), "1".into()));
        prop_assert_eq!(frame.body(), &b"body"[..]);
    }

    #[test]
    fn a_username_reads_back_from_its_display_and_from_its_key(typed in typed_name()) {
        if let Ok(name) = typed.parse::<Username>() {
            check_name(&name);
        }
    }

    #[test]
    fn any_text_survives_in_a_message(said in "(?s).{1,300}") {
        let text = MessageText::new(&said).unwrap();
        let send = Request::Send { cid: None, to: Audience::Everyone, text: text.clone() };
        let sent = Request::from_frame(&Frame::parse(send.encode(None).slice(4..)).unwrap());
        prop_assert_eq!(sent, Ok(send));
        let (conv, seq, from) = (table::conv(1), table::seq(1), table::name("李 雷"));
        let message = Reply::Message(Message { conv, seq, at: 0, cid: None, from, text, clear: false, file: None });
        let got = Reply::from_frame(&Frame::parse(message.encode(None).slice(4..)).unwrap());
        prop_assert_eq!(got, Ok(message));
    }

    #[test]
    fn an_audience_survives_in_a_message(typed in prop::collection::vec(typed_name(), 1..20)) {
        let names: Vec<Username> = typed.iter().filter_map(|name| name.parse().ok()).collect();
        if let Ok(to) = Audience::set(names) {
            let send = Request::Send { cid: None, to, text: table::text("hi") };
            let sent = Request::from_frame(&Frame::parse(send.encode(None).slice(4..)).unwrap());
            prop_assert_eq!(sent, Ok(send));
        }
    }

    #[test]
    fn a_link_reads_back_as_it_is_printed(
        host in "[a-z0-9._-]{1,60}|[0-9]{1,3}(\\.[0-9]{1,3}){3}|fe80::[1-9a-f]|::1|[a-z张]{1,9}",
        port in 1..=u16::MAX,
        pin in any::<Option<[u8; 32]>>(),
        invite in prop::option::of("(?s).{1,64}"),
    ) {
        let link = Link { host, port, pin: pin.map(Pin::from_bytes), invite };
        prop_assert_eq!(link.to_string().parse(), Ok(link));
    }

    #[test]
    fn whatever_is_typed_is_a_link_that_reads_back_or_none(
        typed in "(?s).{0,60}|(sotto://)?\\[?[a-z0-9:.%-]{1,20}\\]?(:[0-9+]{0,6})?[/?]{0,2}((pin|invite|x)=[A-Za-z0-9%+=]{0,9}&?){0,3}"
    ) {
        if let Ok(link) = typed.parse::<Link>() {
            prop_assert_eq!(link.to_string().parse(), Ok(link));
        }
    }
}

#[test]
fn every_character_that_can_be_a_name_reads_back_from_its_display_and_from_its_key() {
    // Beyond this there are only tags and private use.
    let names = ('\0'..='\u{3ffff}').filter_map(|c| c.to_string().parse::<Username>().ok());
    let mut letters = 0;
    for name in names {
        check_name(&name);
        letters += 1;
    }
    assert!(letters > 90_000, "{letters}");
}

fn check_name(name: &Username) {
    let shown: Username = name.as_str().parse().unwrap_or_else(|error| panic!("{name:?}: {error}"));
    assert_eq!((shown.as_str(), shown.key()), (name.as_str(), name.key()));
    let key: Username = name.key().parse().unwrap_or_else(|error| panic!("the key of {name:?}: {error}"));
    assert_eq!((&key, key.key()), (name, name.key()));
    assert!(!name.as_str().contains(['\r', '\n', '\t', '\0']));
}

/// As a server and as a client would.
fn read_everything(bytes: &[u8]) {
    for decoder in [Decoder::before_login(), Decoder::after_login()] {
        let mut stream = BytesMut::from(bytes);
        while let Ok(Some(frame)) = decoder.next(&mut stream) {
            let _ = (Request::from_frame(&frame), Request::reference(&frame), Reply::from_frame(&frame));
        }
    }
}

/// Payloads most of which are nearly, or really, frames.
fn payload() -> impl Strategy<Value = String> {
    let key = "ref|cid|conv|seq|at|from|to|token|epoch|max|user|reason|who|after|limit|all|more|kind|[a-z0-9-]{0,17}";
    let value = "[0-9]{1,3}|1|set|lobby|[0-9a-f]{16}|[0-9a-f]{32}|(\\PC|%[0-9a-f]{2}){0,8}";
    let tags = prop::collection::vec((key, value).prop_map(|(key, value)| format!(" {key}={value}")), 0..6);
    let body = "(\r\n(\\*|[a-z]{1,3}|\\PC{0,5}|[0-9] [0-9])(\t[a-z]{0,3})?){0,3}";
    ("[12][0-2][0-9]", tags, body).prop_map(|(code, tags, body)| code + &tags.concat() + &body)
}

/// Names of letters from many scripts, with what joins and accompanies them.
fn typed_name() -> impl Strategy<Value = String> {
    let letter = prop_oneof![
        8 => "[a-zA-Z0-9]",
        4 => "[À-ɏͰ-ϿЀ-ӿ]",
        4 => "[一-鿿ぁ-ヿ가-힣]",
        2 => "[！-ￜ]",
        2 => "[\u{300}-\u{36f}]",
        2 => "[ ·.\u{387}・-]",
        1 => "[\u{590}-\u{8ff}]",
        1 => "[\u{900}-\u{1fff}]",
        1 => "\\PC",
    ];
    prop_oneof![
        prop::collection::vec(letter, 1..34).prop_map(|letters| letters.concat()),
        "[a-zA-Z一-鿿]{1,8}([ ·][a-zA-Z一-鿿]{1,8}){0,2}",
    ]
}
