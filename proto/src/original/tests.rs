use proptest::prelude::*;

use super::*;
use crate::id::{ConvId, Seq};
use crate::reply::Message;

/// What one read after the other means, with quiet at the end.
fn heard(chunks: &[&[u8]]) -> Vec<String> {
    let mut reader = OriginalReader::new(1000);
    let mut wishes: Vec<_> = chunks.iter().flat_map(|chunk| reader.read(chunk)).collect();
    wishes.extend(reader.quiet());
    assert_eq!(reader.patience(), None, "nothing is left");
    wishes.iter().map(name).collect()
}

fn name(wish: &Wish) -> String {
    match wish {
        Wish::Ask(Request::LogIn { user, password, .. }) => format!("in {user} {}", password.reveal()),
        Wish::Ask(Request::Register { user, password, .. }) => format!("new {user} {}", password.reveal()),
        Wish::Ask(Request::Send { to: Audience::Everyone, text, .. }) => format!("all: {}", text.as_str()),
        Wish::Ask(Request::Send { to: Audience::Set(names), text, .. }) => {
            let names: Vec<_> = names.iter().map(Username::as_str).collect();
            format!("{}: {}", names.join("+"), text.as_str())
        }
        Wish::Ask(Request::Who { all: false }) => "who".to_owned(),
        Wish::Ask(Request::LogOut { .. }) => "out".to_owned(),
        Wish::File(content) => format!("file {:?}", content.as_ref().map(Bytes::len)),
        Wish::Refuse(answer) => String::from_utf8_lossy(answer).into_owned(),
        other => format!("{other:?}"),
    }
}

#[test]
fn every_header_of_the_original_is_understood_as_its_programs_send_it() {
    let cases: [(&[u8], &str); 9] = [
        (b"101\r\nann\r\npassword", "in ann password"),
        (b"102\r\nann\r\npassword", "new ann password"),
        (b"108", "who"),
        (b"106\r\nbob\tcarol\r\nhi\nthere", "bob+carol: hi\nthere"),
        (b"106\r\n*\r\nhi", "all: hi"),
        (b"100", "out"),
        (b"100\r\nann", "out"),
        (b"109content", "file Some(7)"),
        (b"109\r\ncontent", "file Some(7)"),
    ];
    for (bytes, meant) in cases {
        assert_eq!(heard(&[bytes]), [meant]);
    }
    assert_eq!(heard(&["106\r\n李雷\r\n作业".as_bytes()]), ["李雷: 作业"]);
}

#[test]
fn what_cannot_be_done_gets_the_nearest_answer() {
    let cases: [(&[u8], &str); 9] = [
        (b"106\r\n\r\nto nobody", "208"),
        (b"106\r\nbob\r\n", "208"),
        (b"106", "208"),
        (b"101\r\n\r\npassword", "201"),
        (b"101\r\nann\r\n", "201"),
        (b"101\r\nann\r\n\xff\xff", "201"),
        (b"102\r\n*\r\npassword", "207"),
        (b"106\r\nb\xff\r\nhi", "208"),
        (b"\x00\xff garbage", "Nonsense(10)"),
    ];
    for (bytes, answer) in cases {
        assert_eq!(heard(&[bytes]), [answer], "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn requests_that_come_in_one_read_are_told_apart_where_the_bytes_allow_it() {
    let both = b"106\r\nbob\r\none106\r\ncarol\r\ntwo";
    assert_eq!(heard(&[both]), ["bob: one", "carol: two"]);
    let three = b"101\r\nann\r\npassword106\r\nbob\r\none106\r\nbob\r\ntwo";
    assert_eq!(heard(&[three]), ["in ann password", "bob: one", "bob: two"]);
    assert_eq!(heard(&[b"108100"]), ["who", "out"]);
    assert_eq!(heard(&[b"10810", b"6\r\nbob\r\none"]), ["who", "bob: one"]);
    // In reads of their own even those without a CRLF are.
    assert_eq!(heard(&[b"101\r\nann\r\npassword", b"108"]), ["in ann password", "who"]);
    assert_eq!(heard(&[b"106\r\nbob\r\none", b"106\r\nbob\r\ntwo", b"100"]), ["bob: one", "bob: two", "out"]);
    assert_eq!(heard(&[b"106\r\nbob\r\none", b"109xyz", b"abc"]), ["bob: one", "file Some(6)"]);
}

#[test]
fn a_request_may_be_cut_anywhere() {
    for request in ["101\r\nann\r\npassword", "106\r\nbob\t李雷\r\n早上好\n大家", "102\r\n李雷\r\npassword"]
    {
        let whole = heard(&[request.as_bytes()]);
        for at in 1..request.len() {
            let (one, two) = request.as_bytes().split_at(at);
            assert_eq!(heard(&[one, two]), whole, "cut at {at}");
        }
        let bytes: Vec<_> = request.as_bytes().chunks(1).collect();
        assert_eq!(heard(&bytes), whole);
    }
}

#[test]
fn a_file_goes_on_until_it_is_quiet_and_a_long_one_is_passed_over() {
    assert_eq!(heard(&[b"109", b"108", b"106\r\nx\r\ny"]), ["file Some(12)"], "they belong to the file");
    let mut reader = OriginalReader::new(10);
    assert!(reader.read(b"109012345").is_empty());
    assert_eq!(reader.patience(), Some(FILE_ENDS));
    (0..1000).for_each(|_| assert!(reader.read(&[b'x'; 100]).is_empty()));
    assert_eq!(reader.quiet(), Some(Wish::File(None)));
    assert_eq!(reader.read(b"108"), []);
    assert_eq!(reader.quiet(), Some(Wish::Ask(Request::Who { all: false })));
}

#[test]
fn a_request_that_never_ends_is_given_up() {
    let mut reader = OriginalReader::new(10);
    let mut answers = Vec::new();
    answers.extend(reader.read(b"106\r\nbob\r\n"));
    for _ in 0..20 {
        answers.extend(reader.read(&[b'a'; 4096]));
    }
    assert_eq!(answers.iter().map(name).collect::<Vec<_>>(), ["208"]);
}

fn message(text: &str) -> Reply {
    let (conv, seq) = (ConvId::new(1).unwrap(), Seq::new(1).unwrap());
    let (from, text) = ("李雷".parse().unwrap(), MessageText::new(text).unwrap());
    Reply::Message(Message { conv, seq, at: 0, cid: None, from, text, clear: false, file: None })
}

#[test]
fn a_long_text_is_cut_between_characters_into_reads() {
    let text: String = "早上好\r\n".repeat(1000);
    let pieces = pieces(&message(&text), None);
    assert!(pieces.len() > 2 && pieces.iter().all(|piece| piece.len() <= ORIGINAL_READ));
    let texts =
        pieces.iter().map(|piece| std::str::from_utf8(piece).unwrap().splitn(3, "\r\n").nth(2).unwrap());
    assert_eq!(texts.collect::<String>(), text.replace("\r\n", "\n"));
}

#[test]
fn what_has_no_word_in_the_original_is_not_said() {
    assert!(pieces(&Reply::CaughtUp, None).is_empty());
    let many: Vec<Username> = (0..500).map(|n| format!("somebody {n}").parse().unwrap()).collect();
    let online = pieces(&Reply::Online { people: many.clone(), more: false }, None);
    assert!(online.iter().all(|piece| piece.len() <= ORIGINAL_READ));
    assert_eq!(pieces(&Reply::Joined(many), None).len(), 500, "one name each");
    assert!(file_piece(&[0; 4093]).is_some() && file_piece(&[0; 4094]).is_none());
}

proptest! {
    #[test]
    fn nothing_that_comes_in_does_harm(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..64), 0..32)) {
        let mut reader = OriginalReader::new(100);
        for chunk in &chunks {
            reader.read(chunk);
            if chunk.len() % 5 == 0 {
                reader.quiet();
            }
        }
        reader.quiet();
        prop_assert_eq!(reader.patience(), None);
    }
}
