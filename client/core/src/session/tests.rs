//! The session against a server made of frames, on a clock that only the test moves.

use bytes::BytesMut;
use sotto_proto::{Audience, ConvKind, Decoder, MessageText, Page, Password};

use super::*;
use crate::update::FileCommand;

mod holes;
mod hostile;
mod passwords;
mod tickets;

/// A session and what it has said and been told.
struct Bench {
    session: Session,
    now: Instant,
}

fn name(typed: &str) -> Username {
    typed.parse().unwrap()
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn conv() -> ConvId {
    ConvId::new(1).unwrap()
}

fn cid(byte: u8) -> Cid {
    Cid::from_bytes([byte; 16])
}

fn frame(bytes: &Bytes) -> Frame {
    Decoder::after_login().next(&mut BytesMut::from(&bytes[..])).unwrap().unwrap()
}

fn message(number: u64, own: Option<u8>) -> Reply {
    let from = name(if own.is_some() { "ann" } else { "bob" });
    let text = MessageText::new(&number.to_string()).unwrap();
    Reply::Message(Message {
        conv: conv(),
        seq: seq(number),
        at: 0,
        cid: own.map(cid),
        from,
        text,
        clear: false,
        file: None,
    })
}

fn stored(number: u64, byte: u8) -> Reply {
    Reply::Stored { cid: cid(byte), conv: conv(), seq: seq(number), at: 0, file: None }
}

fn lobby(after: u64) -> Reply {
    Reply::Conversation {
        conv: conv(),
        kind: ConvKind::Lobby,
        members: Vec::new(),
        head: seq(after),
        after: seq(after),
    }
}

fn say(byte: u8) -> Command {
    Command::Send { cid: cid(byte), to: Audience::Everyone, text: MessageText::new("hi").unwrap() }
}

impl Bench {
    fn new() -> Self {
        let now = Instant::now();
        let account = Account {
            user: name("ann"),
            proof: Password::new("secret").unwrap().into(),
            take_over: true,
            peek: false,
        };
        Self { session: Session::new(account, now), now }
    }

    /// Logged in, caught up, in the lobby up to `after`.
    fn ready(after: u64) -> Self {
        let mut it = Self::new();
        it.connects();
        it.tells([logged_in(), lobby(after), Reply::CaughtUp]);
        it.said();
        it.told();
        it
    }

    fn connects(&mut self) {
        self.session.connected(self.now);
    }

    fn tells<const N: usize>(&mut self, replies: [Reply; N]) {
        for reply in replies {
            self.session.receive(&frame(&reply.encode(None)), self.now).unwrap();
        }
    }

    fn breaks(&mut self, reply: &Reply) -> String {
        self.session.receive(&frame(&reply.encode(None)), self.now).unwrap_err().to_string()
    }

    /// What it has sent since.
    fn said(&mut self) -> Vec<Request> {
        let frames = std::iter::from_fn(|| self.session.poll_output());
        frames.map(|bytes| Request::from_frame(&frame(&bytes)).unwrap()).collect()
    }

    /// What it has told since.
    fn told(&mut self) -> Vec<Update> {
        std::iter::from_fn(|| self.session.poll_update()).collect()
    }

    /// The seqs of messages, its own and others', that it has told since.
    fn news(&mut self) -> Vec<u64> {
        let place = |update: &Update| match update {
            Update::Message(message) => Some(message.seq.get()),
            Update::Sent { seq, .. } => Some(seq.get()),
            _ => None,
        };
        self.told().iter().filter_map(place).collect()
    }
}

fn logged_in() -> Reply {
    Reply::LoggedIn {
        user: name("ann"),
        token: Token::from_bytes([1; 32]),
        epoch: Epoch::new(7),
        max: 65_536,
        device: None,
    }
}

fn goodbye(reason: Reason) -> Reply {
    Reply::Goodbye(Refusal::new(reason, "…"))
}

#[test]
fn it_logs_in_with_the_password_and_resumes_with_the_token() {
    let mut it = Bench::new();
    it.connects();
    assert!(matches!(&it.said()[..], [Request::LogIn { take_over: true, .. }]));
    it.tells([logged_in(), lobby(4), message(5, None)]);
    it.session.disconnected();
    it.said();
    it.connects();
    let [Request::Resume { epoch, cursors, .. }] = &it.said()[..] else { panic!("no 103") };
    assert_eq!((*epoch, &cursors[..]), (Epoch::new(7), &[(conv(), seq(5))][..]));
}

/// What the server has to be told is where much has come since; it knows the rest from the last time.
#[test]
fn a_lobby_in_which_much_was_said_is_resumed_also_beside_more_conversations_than_fit() {
    let mut it = Bench::ready(0);
    for number in 2..200 {
        let conv = ConvId::new(number).unwrap();
        let (kind, members) = (ConvKind::Set, vec![name("ann"), name("bob")]);
        let Reply::Message(first) = message(1, None) else { panic!("no 209") };
        it.tells([
            Reply::Conversation { conv, kind, members, head: seq(1), after: seq(0) },
            Reply::Message(Message { conv, ..first }),
        ]);
    }
    it.tells([message(1, None), message(2, None)]);
    for _ in 0..2 {
        it.session.disconnected();
        it.said();
        it.connects();
        let [Request::Resume { cursors, .. }] = &it.said()[..] else { panic!("no 103") };
        assert!(cursors.contains(&(conv(), seq(2))), "{cursors:?}");
        assert_eq!(cursors.len(), 80);
    }
    it.tells([logged_in()]);
    it.session.disconnected();
    it.said();
    it.connects();
    let [Request::Resume { cursors, .. }] = &it.said()[..] else { panic!("no 103") };
    assert!(!cursors.contains(&(conv(), seq(2))), "the server knows by now: {cursors:?}");
}

#[test]
fn a_restored_server_that_wants_the_password_again_is_begun_with_anew() {
    let mut it = Bench::ready(0);
    it.tells([message(1, None), message(2, None), message(3, None)]);
    it.session.disconnected();
    it.connects();
    it.tells([Reply::WrongPassword]);
    it.told();
    // Its backup was made before the first message; what it says now has the numbers of what it forgot.
    let Reply::LoggedIn { user, token, max, .. } = logged_in() else { panic!("no 204") };
    it.tells([Reply::LoggedIn { user, token, max, epoch: Epoch::new(8), device: None }, lobby(0)]);
    assert!(it.told().contains(&Update::StartOver(None)));
    it.tells([message(1, None), message(2, None)]);
    assert_eq!(it.news(), [1, 2]);
}

#[test]
fn a_token_that_is_refused_falls_back_to_the_password_without_taking_over() {
    let mut it = Bench::ready(0);
    it.session.disconnected();
    it.connects();
    it.said();
    it.tells([Reply::WrongPassword]);
    assert!(matches!(&it.said()[..], [Request::LogIn { take_over: false, .. }]));
    it.tells([Reply::WrongPassword]);
    assert!(it.told().contains(&Update::Ended(Problem::WrongPassword)));
}

#[test]
fn a_gap_or_a_repeat_is_a_reason_to_drop_the_connection() {
    let mut it = Bench::ready(4);
    assert!(it.breaks(&message(6, None)).contains("left out"));
    let mut it = Bench::ready(4);
    it.tells([message(5, None)]);
    it.breaks(&message(5, None));
    let mut it = Bench::new();
    it.connects();
    it.tells([logged_in()]);
    it.breaks(&message(1, None));
}

#[test]
fn a_hole_is_told_and_stepped_over() {
    let mut it = Bench::ready(4);
    it.tells([Reply::Hole { conv: conv(), from: seq(5), to: seq(9) }, message(10, None)]);
    let told = it.told();
    assert_eq!(told[0], Update::Hole { conv: conv(), from: seq(5), to: seq(9) });
    assert!(matches!(&told[1], Update::Message(message) if message.seq == seq(10)));
}

#[test]
fn messages_wait_for_a_connection_and_go_again_until_they_are_acknowledged() {
    let mut it = Bench::new();
    it.session.command(say(1));
    it.connects();
    it.said();
    it.tells([logged_in(), lobby(0)]);
    it.session.command(say(2));
    let sent = |requests: Vec<Request>| {
        let cid = |request: &Request| match request {
            Request::Send { cid, .. } => *cid,
            _ => None,
        };
        requests.iter().filter_map(cid).collect::<Vec<_>>()
    };
    assert_eq!(sent(it.said()), [cid(1), cid(2)]);
    it.tells([stored(1, 1)]);
    it.session.disconnected();
    it.connects();
    it.tells([logged_in()]);
    assert_eq!(sent(it.said()), [cid(2)]);
}

#[test]
fn an_acknowledgement_is_its_message_s_place_when_it_is_the_next() {
    let mut it = Bench::ready(4);
    it.session.command(say(1));
    it.tells([message(5, None), stored(6, 1), message(7, None)]);
    assert_eq!(it.news(), [5, 6, 7]);
}

#[test]
fn an_acknowledgement_ahead_of_its_place_is_told_once() {
    let mut it = Bench::ready(4);
    it.session.command(say(1));
    it.tells([stored(6, 1), message(5, None), message(6, Some(1)), message(7, None)]);
    assert_eq!(it.news(), [6, 5, 7]);
}

#[test]
fn a_message_of_ours_that_comes_back_instead_of_its_acknowledgement_counts_as_one() {
    let mut it = Bench::ready(4);
    it.session.command(say(1));
    it.session.disconnected();
    it.connects();
    it.tells([logged_in(), lobby(4), message(5, Some(1)), stored(5, 1)]);
    it.told_is_sent_once(5);
}

impl Bench {
    fn told_is_sent_once(&mut self, number: u64) {
        let told = self.told();
        let sent =
            told.iter().filter(|update| matches!(update, Update::Sent { seq, .. } if seq.get() == number));
        assert_eq!(sent.count(), 1, "{told:?}");
        assert!(!told.iter().any(|update| matches!(update, Update::Message(_))), "{told:?}");
    }
}

#[test]
fn what_an_introduction_repeats_is_no_news() {
    let mut it = Bench::ready(4);
    it.tells([message(5, None), message(6, None)]);
    assert_eq!(it.news(), [5, 6]);
    it.tells([lobby(4), message(5, None), message(6, None), message(7, None)]);
    assert_eq!(it.news(), [7]);
}

#[test]
fn another_history_is_forgotten() {
    let mut it = Bench::ready(4);
    it.tells([message(5, None)]);
    it.tells([Reply::StartOver { conv: None }, lobby(0), message(1, None)]);
    assert_eq!(it.news(), [5, 1]);
}

#[test]
fn caught_up_asks_who_is_online() {
    let mut it = Bench::new();
    it.connects();
    it.tells([logged_in()]);
    it.said();
    it.tells([Reply::CaughtUp]);
    assert_eq!(it.said(), [Request::Who { all: false }]);
}

#[test]
fn answers_of_several_frames_are_told_whole() {
    let mut it = Bench::ready(0);
    it.session.command(Command::History { conv: conv(), page: Page::Latest, limit: 2 });
    let reference = {
        let bytes = it.session.poll_output().unwrap();
        frame(&bytes).tag("ref").unwrap().into_owned()
    };
    for reply in [message(1, None), message(2, None), Reply::End { more: true }] {
        it.session.receive(&frame(&reply.encode(Some(&reference))), it.now).unwrap();
    }
    let [Update::History { messages, more: true, .. }] = &it.told()[..] else { panic!("no page") };
    assert_eq!(messages.len(), 2);
}

#[test]
fn a_silent_server_is_pinged_and_then_given_up() {
    let mut it = Bench::ready(0);
    it.now += PING_AFTER;
    assert_eq!(it.session.next_tick(), it.now);
    it.session.tick(it.now).unwrap();
    assert!(matches!(&it.said()[..], [Request::Ping { .. }]));
    it.now += DEAD_AFTER - PING_AFTER;
    assert_eq!(it.session.next_tick(), it.now);
    it.session.tick(it.now).unwrap_err();
}

#[test]
fn a_ping_is_answered_with_its_body() {
    let mut it = Bench::ready(0);
    it.tells([Reply::Ping { body: Bytes::from_static(b"x") }]);
    assert_eq!(it.said(), [Request::Pong { body: Bytes::from_static(b"x") }]);
}

#[test]
fn only_some_good_byes_are_for_ever() {
    let mut it = Bench::ready(0);
    assert!(it.breaks(&goodbye(Reason::Shutdown)).contains("ended the connection"));
    assert!(!it.session.is_over());
    it.tells([goodbye(Reason::Replaced)]);
    assert_eq!(it.told(), [Update::Ended(Problem::Replaced)]);
    let mut it = Bench::ready(0);
    it.session.command(Command::LogOut);
    assert!(matches!(&it.said()[..], [Request::LogOut { .. }]));
    it.tells([goodbye(Reason::LoggedOut)]);
    assert_eq!(it.told(), [Update::Ended(Problem::LoggedOut)]);
}

#[test]
fn it_says_at_log_out_how_far_it_has_got() {
    let mut it = Bench::ready(4);
    it.tells([message(5, None), message(6, None)]);
    it.session.command(Command::LogOut);
    assert_eq!(it.said(), [Request::LogOut { taken: Some(vec![(conv(), seq(6))]) }]);
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let mut it = Bench::new();
    it.connects();
    let wait = Duration::from_secs(2);
    let busy = Reply::Refused(Refusal::new(Reason::Busy, "come back").retry(wait));
    assert_eq!(it.breaks(&busy), "come back");
    assert_eq!((it.session.asked_to_wait(), it.session.asked_to_wait()), (Some(wait), None));
    assert!(!it.session.is_over());
    it.connects();
    it.tells([Reply::Refused(Refusal::new(Reason::Throttled, "too many").retry(wait))]);
    assert!(it.session.is_over());
}

#[test]
fn what_others_guess_ends_nothing_that_had_been_going_on() {
    let mut it = Bench::ready(0);
    it.session.disconnected();
    it.connects();
    it.tells([Reply::WrongPassword]);
    let wait = Duration::from_secs(600);
    let throttled = Reply::Refused(Refusal::new(Reason::Throttled, "too many").retry(wait));
    assert_eq!(it.breaks(&throttled), "too many");
    assert_eq!((it.session.asked_to_wait(), it.session.is_over()), (Some(wait), false));
}

#[test]
fn it_shows_the_device_it_was_told_it_is() {
    let device = Token::from_bytes([2; 32]);
    let mut it = Bench::new();
    it.connects();
    assert!(matches!(&it.said()[..], [Request::LogIn { device: None, .. }]));
    let Reply::LoggedIn { user, token, max, epoch, .. } = logged_in() else { panic!("no 204") };
    it.tells([Reply::LoggedIn { user, token, max, epoch, device: Some(device.clone()) }]);
    assert_eq!([it.session.poll_device(), it.session.poll_device()], [Some(device.clone()), None]);
    it.said();
    it.session.disconnected();
    it.connects();
    it.said();
    it.tells([Reply::WrongPassword]);
    let said = it.said();
    assert!(matches!(&said[..], [Request::LogIn { device: Some(shown), .. }] if *shown == device));
}

#[test]
fn a_fault_inside_the_server_costs_a_session_a_try_and_no_more() {
    let fault = Reply::Refused(Refusal::new(Reason::Internal, "try again"));
    let mut it = Bench::ready(0);
    it.session.disconnected();
    it.connects();
    assert_eq!(it.breaks(&fault), "try again");
    assert!(!it.session.is_over());
    let mut newcomer = Bench::new();
    newcomer.connects();
    newcomer.tells([fault]);
    assert!(newcomer.session.is_over(), "whoever has never been in is told");
}

#[test]
fn codes_of_a_later_version_are_ignored() {
    let mut it = Bench::ready(0);
    let unknown = sotto_proto::FrameBuilder::new(239).tag("x", 1).end();
    it.session.receive(&frame(&unknown), it.now).unwrap();
    assert_eq!(it.told(), []);
}

#[test]
fn what_is_said_of_files_waits_for_a_session() {
    let file = FileId::from_bytes([7; 16]);
    let mut it = Bench::new();
    it.session.command(Command::File(FileCommand::Decline(file)));
    it.session.command(Command::File(FileCommand::TakeBack { file, who: Some(name("bob")) }));
    it.connects();
    assert!(matches!(&it.said()[..], [Request::LogIn { .. }]));
    it.tells([logged_in()]);
    let answer = |answer, who| Request::Answer { file, answer, who };
    let expected = [
        Request::Files,
        answer(sotto_proto::Answer::Decline, None),
        answer(sotto_proto::Answer::Cancel, Some(name("bob"))),
    ];
    assert_eq!(it.said(), expected);
}

#[test]
fn a_transfer_that_is_cancelled_without_a_connection_is_declined_with_the_next() {
    let mut it = Bench::ready(0);
    let (file, hash) = (FileId::from_bytes([7; 16]), sotto_proto::FileHash::from_bytes([7; 32]));
    let media = sotto_proto::MediaType::unknown();
    let offered = sotto_proto::Attachment { id: file, size: 9, hash, media, until: 0, gone: false };
    let name = sotto_proto::FileName::new("a").unwrap();
    it.session.command(Command::File(FileCommand::Accept { file: offered, name, dir: "/".into() }));
    it.session.disconnected();
    it.session.command(Command::File(FileCommand::Cancel(crate::TransferId::Taking(file))));
    it.connects();
    assert!(matches!(&it.said()[..], [Request::Resume { .. }]), "nothing before the log-in");
    it.tells([logged_in()]);
    let answer = sotto_proto::Answer::Decline;
    assert_eq!(it.said(), [Request::Files, Request::Answer { file, answer, who: None }]);
}

#[test]
fn the_list_of_files_is_each_offer_with_its_state() {
    let mut it = Bench::new();
    it.connects();
    it.tells([logged_in()]);
    it.told();
    let file = FileId::from_bytes([7; 16]);
    let stage = sotto_proto::FileStage::Stored;
    let state = FileState { file, stage, off: 9, people: Vec::new() };
    let replies = [message(3, None), Reply::FileState(state.clone()), Reply::End { more: true }];
    for reply in &replies {
        it.session.receive(&frame(&reply.encode(Some("1"))), it.now).unwrap();
    }
    let Reply::Message(offer) = message(3, None) else { panic!() };
    assert_eq!(it.told(), [Update::Files { files: vec![(offer, state)], more: true }]);
}
