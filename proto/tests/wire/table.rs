//! One table of values: for every code several, with every optional tag and the text that breaks naive framing.

use std::time::Duration;

use bytes::Bytes;
use sotto_proto::{
    Answer, Attachment, Audience, Cid, ConvId, ConvKind, Epoch, FileHash, FileId, FileInfo, FileName,
    FileStage, FileState, Message, MessageText, Offer, Page, Password, Pin, Presence, Reason, Refusal, Reply,
    Request, Seq, Signature, Standing, Succession, Token, Username, limits,
};

/// Every character that means something in a frame, and some that do not.
pub(crate) const AWKWARD: &str = "张\r\n106\r\n*\r\n\t\0%41 %zz a=b \u{85}\u{2028}\u{202e}🎉\r\n";

/// What `ref=` may be.
pub(crate) fn references() -> [Option<String>; 4] {
    [None, Some("7".into()), Some("a b=%\r\n\t\0张".into()), Some("张".repeat(limits::MAX_REF_CHARS))]
}

pub(crate) fn requests() -> Vec<Request> {
    let mut table = vec![Request::Who { all: false }, Request::Who { all: true }];
    for (user, password) in [("ann", "hunter22"), ("阿凡提·买买提", AWKWARD), ("李 雷", "")] {
        for (take_over, peek) in [(false, false), (true, false), (false, true), (true, true)] {
            let device = (take_over != peek).then(token);
            table.push(Request::LogIn {
                user: name(user),
                password: pass(password),
                take_over,
                peek,
                device,
            });
        }
        for invite in [None, Some("K7-2".into()), Some("a b=%\r\n\t张".into()), Some("张".repeat(64))] {
            table.push(Request::Register { user: name(user), password: pass(password), invite });
        }
    }
    let longest = "x".repeat(limits::MAX_PASSWORD_BYTES);
    table.push(Request::Register { user: name("ann"), password: pass(&longest), invite: None });
    for cursors in [vec![], vec![(conv(1), Seq::ZERO)], (1..=512).map(|n| (conv(n), seq(n * n))).collect()] {
        table.push(Request::LogOut { taken: Some(cursors.clone()) });
        table.push(Request::Resume { user: name("李 雷"), token: token(), epoch: epoch(), cursors });
    }
    for (old, new) in [("", "x"), (AWKWARD, "hunter22"), ("hunter22", AWKWARD), (&longest, &longest)] {
        table.push(Request::ChangePassword { old: pass(old), new: pass(new) });
    }
    table.push(Request::LogOut { taken: None });
    for body in bodies() {
        table.extend([Request::Ping { body: body.clone() }, Request::Pong { body }]);
    }
    let everybody = (0..limits::MAX_RECIPIENTS).map(|n| name(&format!("{n:0>32}")));
    let audiences =
        [Audience::Everyone, people(["ann"]), people(["张伟", "bob"]), Audience::set(everybody).unwrap()];
    for to in audiences {
        for said in texts() {
            for cid in [None, Some(cid())] {
                table.push(Request::Send { cid, to: to.clone(), text: said.clone() });
            }
        }
    }
    for page in
        [Page::Latest, Page::Before(seq(7)), Page::After(Seq::ZERO), Page::After(seq(i64::MAX as u64))]
    {
        table.extend([1, limits::MAX_PAGE].map(|limit| Request::History { conv: conv(3), page, limit }));
    }
    table.extend(files_asked());
    table
}

pub(crate) fn replies() -> Vec<Reply> {
    let mut table = vec![
        Reply::WrongPassword,
        Reply::Registered,
        Reply::NameTaken,
        Reply::CaughtUp,
        Reply::PasswordChanged,
    ];
    table.extend(
        ["", "192.0.2.7", "2001:db8::7"].map(|from| Reply::AlreadyLoggedIn { since: AT, from: from.into() }),
    );
    for device in [None, Some(token())] {
        let user = name("张伟");
        table.push(Reply::LoggedIn { user, token: token(), epoch: epoch(), max: 65_536, device });
    }
    for names in [vec![], vec![name("ann")], vec![name("张伟"), name("J. R. Hartley")]] {
        table.extend([Reply::Left(names.clone()), Reply::Joined(names.clone())]);
        for more in [false, true] {
            table.push(Reply::Online { people: names.clone(), more });
            let people = names.iter().cloned().zip([Presence::Online, Presence::Away]).collect();
            table.push(Reply::Everyone { people, more });
        }
        for kind in [ConvKind::Lobby, ConvKind::Set, ConvKind::Room] {
            let (head, after) = (seq(5), Seq::ZERO);
            table.push(Reply::Conversation { conv: conv(3), kind, members: names.clone(), head, after });
            table.push(Reply::InTheClear(names.clone()));
        }
    }
    table.extend(announcements());
    for who in [vec![], vec!["zoë".into()], vec!["李 雷".into(), "a=b%".into(), "\r\n".into()]] {
        for (cid, sentence) in [(None, String::new()), (Some(cid()), AWKWARD.into())] {
            let reason = Reason::UnknownRecipient;
            table.push(Reply::NotSent { cid, reason, who: who.clone(), sentence });
        }
    }
    for body in bodies() {
        table.extend([Reply::Ping { body: body.clone() }, Reply::Pong { body }]);
    }
    table.push(Reply::Stored {
        cid: cid(),
        conv: conv(i64::MAX as u64),
        seq: seq(i64::MAX as u64),
        at: u64::MAX,
        file: None,
    });
    table.extend(files_told());
    table.extend([(1, 1), (2, 900)].map(|(from, to)| Reply::Hole {
        conv: conv(3),
        from: seq(from),
        to: seq(to),
    }));
    table.extend([None, Some(conv(3))].map(|conv| Reply::StartOver { conv }));
    table.extend([false, true].map(|more| Reply::End { more }));
    table.extend(messages());
    table.extend(refusals());
    table
}

fn announcements() -> impl Iterator<Item = Reply> {
    [1, limits::MAX_SIGNATURE_BYTES].into_iter().map(|length| {
        let signature = Signature::new(&vec![0xfb; length]).unwrap();
        Reply::NextIdentity(Succession { next: Pin::from_bytes([0xfe; 32]), signature })
    })
}

fn messages() -> Vec<Reply> {
    let mut table = Vec::new();
    for text in texts() {
        for cid in [None, Some(cid())] {
            let from = name("李 雷");
            table.push(Reply::Message(Message {
                conv: conv(3),
                seq: seq(1),
                at: AT,
                cid,
                from,
                text: text.clone(),
                clear: cid.is_none(),
                file: None,
            }));
        }
    }
    table
}

fn refusals() -> Vec<Reply> {
    let mut table = Vec::new();
    for reason in Reason::ALL.iter().copied().chain([Reason::Other]) {
        let soon = Refusal::new(reason, AWKWARD).retry(Duration::from_millis(1500));
        table.extend([Reply::Refused(soon.clone()), Reply::Refused(Refusal::new(reason, ""))]);
        table.extend([Reply::Goodbye(soon), Reply::Goodbye(Refusal::new(reason, ""))]);
    }
    table
}

fn files_asked() -> Vec<Request> {
    let mut table = vec![Request::Files];
    for bytes in chunks() {
        table.push(Request::SmallFile { content: bytes.clone() });
        table.push(Request::Chunk { file: file(), off: limits::MAX_FILE_BYTES, bytes });
    }
    for (to, called, size) in [
        (Audience::Everyone, "a", 0),
        (people(["张伟", "bob"]), "作业 = 3%.pdf", limits::MAX_FILE_BYTES),
        (people(["李 雷"]), &"=".repeat(limits::MAX_FILE_NAME_BYTES), 1),
    ] {
        table.push(Request::Offer(offer(to, called, size)));
    }
    for answer in [Answer::Accept, Answer::Decline, Answer::Received, Answer::Cancel] {
        for who in [None, Some(name("李 雷"))] {
            table.push(Request::Answer { file: file(), answer, who });
        }
    }
    for upto in [None, Some(0), Some(u64::MAX)] {
        table.push(Request::Ready { file: file(), off: 0, upto });
    }
    table
}

fn files_told() -> Vec<Reply> {
    let mut table = Vec::new();
    for bytes in chunks() {
        table.push(Reply::SmallFile { content: bytes.clone() });
        table.push(Reply::Chunk { file: file(), off: 0, bytes });
    }
    for called in ["a", "作业 = 3%.pdf", &"=".repeat(limits::MAX_FILE_NAME_BYTES)] {
        table.extend([false, true].map(|gone| Reply::Message(offered(called, gone))));
    }
    table.push(Reply::GoOn { file: file(), off: 0, upto: u64::MAX });
    let standings =
        [Standing::Accepted(u64::MAX), Standing::Declined, Standing::Received, Standing::Cancelled];
    for stage in [FileStage::Uploading, FileStage::Stored, FileStage::Gone] {
        for people in [vec![], standings.map(|standing| (name("李 雷"), standing)).to_vec()] {
            table.push(Reply::FileState(FileState { file: file(), stage, off: 7, people }));
        }
    }
    table.push(Reply::FileRefused { file: file(), refusal: Refusal::new(Reason::NoSuchFile, AWKWARD) });
    let (cid, conv, seq, at) = (cid(), conv(3), seq(5), AT);
    table.push(Reply::Stored { cid, conv, seq, at, file: Some(file()) });
    table
}

fn chunks() -> [Bytes; 3] {
    [Bytes::from_static(b"\r\n"), Bytes::from_static(b"109"), Bytes::from(vec![0; limits::MAX_CHUNK])]
}

pub(crate) fn offer(to: Audience, called: &str, size: u64) -> Offer {
    let media = "text/plain".parse().unwrap();
    let file = FileInfo { name: FileName::new(called).unwrap(), size, hash: hash(), media };
    Offer { cid: cid(), to, file }
}

/// The message that offers a file.
pub(crate) fn offered(called: &str, gone: bool) -> Message {
    let media = "text/plain".parse().unwrap();
    Message {
        conv: conv(3),
        seq: seq(5),
        at: AT,
        cid: None,
        from: name("ann"),
        text: text(called),
        clear: false,
        file: Some(Attachment { id: file(), size: 7, hash: hash(), media, until: AT, gone }),
    }
}

/// 000102…0e0f
pub(crate) fn file() -> FileId {
    FileId::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

/// 000102…1e1f
pub(crate) fn hash() -> FileHash {
    FileHash::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

fn bodies() -> [Bytes; 4] {
    [&b""[..], b"7", b"\r\n\r\n", b"\0\xff\xfe 106"].map(Bytes::from_static)
}

fn texts() -> [MessageText; 4] {
    ["你好", AWKWARD, "\r\n", &"x".repeat(limits::MAX_TEXT_BYTES)].map(text)
}

pub(crate) const AT: u64 = 1_767_225_600_123;

pub(crate) fn name(typed: &str) -> Username {
    typed.parse().unwrap()
}

pub(crate) fn people<const N: usize>(names: [&str; N]) -> Audience {
    Audience::set(names.map(name)).unwrap()
}

pub(crate) fn pass(typed: &str) -> Password {
    Password::new(typed).unwrap()
}

pub(crate) fn text(said: &str) -> MessageText {
    MessageText::new(said).unwrap()
}

pub(crate) fn conv(number: u64) -> ConvId {
    ConvId::new(number).unwrap()
}

pub(crate) fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

/// 000102…0e0f
pub(crate) fn cid() -> Cid {
    Cid::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

/// AAECAw…HR4f
pub(crate) fn token() -> Token {
    Token::from_bytes(std::array::from_fn(|n| u8::try_from(n).unwrap()))
}

pub(crate) fn epoch() -> Epoch {
    Epoch::new(0x0123_4567_89ab_cdef)
}
