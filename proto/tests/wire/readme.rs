//! README.md is the specification: what it says cannot drift from the code.

use bytes::Bytes;
use sotto_proto::{
    Audience, Cid, ConvId, ConvKind, Epoch, MessageText, Password, Reason, Refusal, Reply, Request, Seq,
    Token, code, limits,
};

const README: &str = include_str!("../../README.md");

/// The conversation of the worked example: who says it, and the bytes.
fn conversation() -> Vec<(char, Bytes)> {
    let user = || "ann".parse().unwrap();
    let password = || Password::new("correct horse").unwrap();
    let (conv, seq) = (ConvId::new(1).unwrap(), |number| Seq::new(number).unwrap());
    let cid = Cid::from_bytes(std::array::from_fn(|index| u8::try_from(index).unwrap()));
    let token = Token::from_bytes(std::array::from_fn(|index| u8::try_from(index).unwrap()));
    let (epoch, text) = (Epoch::new(0x0123_4567_89ab_cdef), MessageText::new("大家好").unwrap());
    let lobby =
        Reply::Conversation { conv, kind: ConvKind::Lobby, members: Vec::new(), head: seq(4), after: seq(4) };
    let bye = Refusal::new(Reason::LoggedOut, "You are logged out.");
    vec![
        (
            'C',
            Request::Register { user: user(), password: password(), invite: Some("k3y".into()) }.encode(None),
        ),
        ('S', Reply::Registered.encode(None)),
        (
            'C',
            Request::LogIn {
                user: user(),
                password: password(),
                take_over: false,
                peek: false,
                device: None,
            }
            .encode(None),
        ),
        ('S', Reply::LoggedIn { user: user(), token, epoch, max: 65_536, device: None }.encode(None)),
        ('S', lobby.encode(None)),
        ('S', Reply::CaughtUp.encode(None)),
        ('C', Request::Send { cid: Some(cid), to: Audience::Everyone, text }.encode(None)),
        ('S', Reply::Stored { cid, conv, seq: seq(5), at: 1_764_000_000_000, file: None }.encode(None)),
        ('S', Reply::Ping { body: Bytes::new() }.encode(None)),
        ('C', Request::Pong { body: Bytes::new() }.encode(None)),
        ('C', Request::LogOut { taken: None }.encode(None)),
        ('S', Reply::Goodbye(bye).encode(None)),
    ]
}

/// The frames in the README's `wire` block: lines of hex after a C or S; a line that begins with a space goes
/// on with the one before; what follows two spaces is a remark.
fn example() -> Vec<(char, Vec<u8>)> {
    let block = README.split("```wire\n").nth(1).unwrap().split("```").next().unwrap();
    let mut frames: Vec<(char, Vec<u8>)> = Vec::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        let who = line.chars().next().unwrap();
        if who != ' ' {
            frames.push((who, Vec::new()));
        }
        let hex = line.trim_start_matches(['C', 'S', ' ']).split("  ").next().unwrap().replace(' ', "");
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes = hex.as_bytes().chunks(2).map(byte);
        frames.last_mut().unwrap().1.extend(bytes);
    }
    frames
}

#[test]
fn the_worked_example_is_what_the_encoder_makes() {
    let expected: Vec<_> = conversation().into_iter().map(|(who, bytes)| (who, bytes.to_vec())).collect();
    assert_eq!(example(), expected);
}

#[test]
fn every_code_and_every_reason_is_in_the_register() {
    for code in [code::LOG_OUT..=code::FILES, code::FILE..=code::FILE_REFUSED].into_iter().flatten() {
        assert!(README.contains(&format!("\n| {code} |")), "{code}");
    }
    for reason in Reason::ALL {
        assert!(README.contains(&format!("`{reason}`")), "{reason}");
    }
}

#[test]
fn the_bounds_are_those_of_the_code() {
    let bounds = [
        ("payload before log-in", limits::MAX_PAYLOAD_BEFORE_LOGIN),
        ("payload after log-in", limits::MAX_PAYLOAD),
        ("head", limits::MAX_HEAD),
        ("tags in a head", limits::MAX_TAGS),
        ("key of a tag", limits::MAX_TAG_KEY),
        ("`ref=`", limits::MAX_REF_CHARS),
        ("username", limits::MAX_NAME_CHARS),
        ("text of a message", limits::MAX_TEXT_BYTES),
        ("usernames in an audience", limits::MAX_RECIPIENTS),
        ("password", limits::MAX_PASSWORD_BYTES),
        ("page of history", usize::from(limits::MAX_PAGE)),
        ("text in a page of history", limits::MAX_PAGE_BYTES),
        ("`retry-after=`", usize::try_from(limits::MAX_RETRY_SECONDS).unwrap()),
        ("lines in a 103", limits::MAX_CURSORS),
        ("invite code", limits::MAX_INVITE_CHARS),
        ("address in 202 `from=`", limits::MAX_ADDRESS_BYTES),
        ("link", limits::MAX_LINK_BYTES),
        ("content of a file in a 109 or 200", limits::MAX_CHUNK),
        ("name of a file", limits::MAX_FILE_NAME_BYTES),
        ("media type", limits::MAX_MEDIA_BYTES),
    ];
    for (what, most) in bounds {
        assert!(README.contains(&format!("\n| {what} | {most} ")), "{what}: {most}");
    }
}
