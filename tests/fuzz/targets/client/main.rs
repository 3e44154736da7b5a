//! Whatever a server says, in whatever order, and however the network and the disk fare: a client does not fall over, shows what was
//! said in its order and nothing twice, loses nothing that its user has handed in, keeps no more than it has to, and takes no byte
//! of a file that it did not ask for. What is real is all below `driver.rs`: session, outbox, transfers; and what a window is made
//! from: rooms, timelines, files.
#![cfg_attr(fuzzing, no_main)]

mod shown;
mod step;
mod told;

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use sotto_client::sim::Bench;
use sotto_client::{Account, Command, FileCommand, Notes, Rooms, TransferId, Update};
use sotto_proto::{
    Audience, Cid, ConvId, Decoder, FileName, Frame, Message, MessageText, Page, Password, Reply, Request,
    Seq,
};

use step::{Deed, Handle, Step, attachment, conv, file, file_name, luck, user};
use told::Told;

/// The most steps of one play.
const STEPS: usize = 300;

#[derive(Arbitrary, Debug)]
struct Play {
    take_over: bool,
    peek: bool,
    steps: Vec<Step>,
}

sotto_fuzz::target!(|play: Play| {
    let mut stage = Stage::set(&play);
    for step in play.steps.iter().take(STEPS) {
        stage.perform(step);
        stage.pump();
        stage.told.check(&stage.bench.session);
        shown::check(&stage.rooms);
    }
    stage.end();
});

struct Stage {
    account: Account,
    bench: Bench,
    rooms: Rooms,
    told: Told,
    now: Instant,
    connected: bool,
    /// The server takes what is sent.
    listens: bool,
    texts: usize,
}

impl Stage {
    fn set(play: &Play) -> Self {
        let account = Account {
            user: user(0),
            proof: Password::new("correct horse battery").unwrap().into(),
            take_over: play.take_over,
            peek: play.peek,
        };
        let now = Instant::now();
        Self {
            bench: Bench::new(account.clone(), now),
            account,
            rooms: Rooms::new(Notes::default()),
            told: Told::default(),
            now,
            connected: false,
            listens: true,
            texts: 0,
        }
    }

    fn perform(&mut self, step: &Step) {
        match step {
            Step::Connect => self.connect(),
            Step::Cut => self.cut(),
            Step::Listen(listens) => self.listens = *listens,
            Step::News { conv: of, from, at } => self.news(conv(*of), *from, *at),
            Step::Acknowledge { conv: of } => self.acknowledge(conv(*of)),
            Step::Page { messages, more, at } => self.page(*messages, *more, *at),
            Step::Says(says, to) => {
                if let Some(reply) = says.reply(&self.told.cids) {
                    let reference = to.and_then(|to| self.told.question(to));
                    self.hear(&reply.encode(reference.as_deref()));
                }
            }
            Step::Bytes(bytes) => {
                if let Ok(frame) = Frame::parse(Bytes::copy_from_slice(bytes)) {
                    self.hear_frame(&frame);
                }
            }
            Step::User(deed) => self.user_does(deed),
            Step::Disk(number) => {
                self.bench.work(luck(*number), self.now).unwrap();
            }
            Step::Content => {
                if self.connected
                    && let Some(chunk) = self.bench.poll_chunk()
                {
                    self.told.sends_content(&parsed(&chunk.concat().into()));
                }
            }
            Step::Wait(span) => self.wait(span.duration()),
            Step::Restart => {
                self.cut();
                self.bench.restart(self.account.clone(), self.now);
                self.rooms = Rooms::new(self.rooms.notes());
                self.told = Told::default();
            }
        }
    }

    fn connect(&mut self) {
        if !self.connected && !self.bench.session.is_over() {
            self.connected = true;
            self.told.connected();
            self.bench.session.connected(self.now);
        }
    }

    fn cut(&mut self) {
        if self.connected {
            self.connected = false;
            self.bench.session.disconnected();
            let wait = self.bench.session.asked_to_wait().unwrap_or_default();
            // As the driver adds what it waits itself, and counts from now.
            assert!(
                self.now.checked_add(wait + Duration::from_secs(60)).is_some(),
                "a wait for ever: {wait:?}"
            );
        }
    }

    /// A frame comes from the server.
    fn hear(&mut self, bytes: &Bytes) {
        let mut bytes = BytesMut::from(&bytes[..]);
        let Ok(Some(frame)) = Decoder::after_login().next(&mut bytes) else { return };
        self.hear_frame(&frame);
    }

    fn hear_frame(&mut self, frame: &Frame) {
        if self.connected && !self.bench.session.is_over() {
            self.told.hears(frame);
            if self.bench.session.receive(frame, self.now).is_err() {
                self.pump();
                self.cut();
            }
        }
    }

    fn news(&mut self, conv: ConvId, from: u8, at: u8) {
        let seq = self.told.next(conv);
        let message = self.message((conv, seq), from, at);
        self.hear(&Reply::Message(message).encode(None));
    }

    fn message(&mut self, (conv, seq): (ConvId, Seq), from: u8, at: u8) -> Message {
        self.texts += 1;
        let text = MessageText::new(&format!("text {}", self.texts)).unwrap();
        Message { conv, seq, at: at.into(), cid: None, from: user(from), text, clear: false, file: None }
    }

    fn acknowledge(&mut self, conv: ConvId) {
        if let Some(cid) = self.told.oldest() {
            let seq = self.told.next(conv);
            self.hear(&Reply::Stored { cid, conv, seq, at: 1, file: None }.encode(None));
        }
    }

    fn page(&mut self, messages: u8, more: bool, at: u8) {
        let Some((reference, conv, page, limit)) = self.told.page_asked() else { return };
        let count = u64::from(messages).min(limit.into());
        let first = match page {
            Page::Before(seq) => seq.get().saturating_sub(count).max(1),
            Page::After(seq) => seq.get().saturating_add(1),
            Page::Latest => 1,
        };
        let below = if let Page::Before(seq) = page { seq.get() } else { u64::MAX };
        for seq in (first..below).take(usize::try_from(count).unwrap()) {
            let Ok(seq) = Seq::new(seq) else { break };
            let message = self.message((conv, seq), 1, at);
            self.hear(&Reply::Message(message).encode(Some(&reference)));
        }
        self.hear(&Reply::End { more }.encode(Some(&reference)));
    }

    fn user_does(&mut self, deed: &Deed) {
        if !self.bench.session.has_room() {
            return;
        }
        let command = match deed {
            Deed::Send { to } => self.send(&to.audience()),
            Deed::Retry(number) => self.retry(*number),
            Deed::SendFile { to, file } => {
                let path = format!("/home/{}", file_name(*file)).into();
                self.rooms.send_file(&to.audience(), path, 1).ok()
            }
            Deed::Accept { file: number, content, wrong } => Some(Command::File(FileCommand::Accept {
                file: attachment(*number, *content, *wrong),
                name: FileName::new("a").unwrap(),
                dir: "/home".into(),
            })),
            Deed::Decline(number) => Some(Command::File(FileCommand::Decline(file(*number)))),
            Deed::TakeBack { file: number, who } => {
                Some(Command::File(FileCommand::TakeBack { file: file(*number), who: who.map(user) }))
            }
            Deed::Transfer { number, what } => Some(self.handle(*number, *what)),
            Deed::ListFiles => Some(Command::File(FileCommand::List)),
            Deed::Older { room } => self.rooms.older(&room.audience(), 20),
            Deed::People => Some(Command::People),
            Deed::Password => {
                let new = Password::new("another good one").unwrap();
                Some(Command::ChangePassword { old: None, new })
            }
            Deed::LogOut => Some(Command::LogOut),
            Deed::Previews => {
                let commands = self.rooms.previews();
                commands.into_iter().for_each(|command| self.command(command));
                None
            }
            looks => self.user_looks(looks),
        };
        command.into_iter().for_each(|command| self.command(command));
    }

    fn user_looks(&mut self, deed: &Deed) -> Option<Command> {
        let place = |rooms: &Rooms, room: &Audience, entry: u8| {
            let timeline = rooms.get(room)?.timeline();
            Some(timeline.get(usize::from(entry) % timeline.len().max(1))?.place)
        };
        match deed {
            Deed::Fill { room, entry } => {
                let place = place(&self.rooms, &room.audience(), *entry)?;
                return self.rooms.fill(&room.audience(), place);
            }
            Deed::Open { room } => {
                let room = self.rooms.enter(&room.audience());
                self.rooms.open(&room);
            }
            Deed::Close { room } => self.rooms.close(&room.audience()),
            Deed::Seen { room, entry } => {
                let place = place(&self.rooms, &room.audience(), *entry)?;
                self.rooms.seen(&room.audience(), place);
            }
            Deed::MarkUnread { room, entry } => {
                let place = place(&self.rooms, &room.audience(), *entry)?;
                self.rooms.mark_unread(&room.audience(), place);
            }
            _ => {}
        }
        None
    }

    fn send(&mut self, to: &Audience) -> Option<Command> {
        self.texts += 1;
        let text = MessageText::new(&format!("text {}", self.texts)).unwrap();
        self.rooms.send(to, text, 1).ok()
    }

    fn retry(&mut self, number: u8) -> Option<Command> {
        let cids: Vec<Cid> = self.rooms.waiting().map(|outgoing| outgoing.cid).collect();
        self.rooms.retry(*cids.get(usize::from(number) % cids.len().max(1))?, 1).ok()?
    }

    fn handle(&self, number: u8, what: Handle) -> Command {
        let sent = self.told.offers.get(usize::from(number / 2)).copied();
        let id = match sent {
            Some(cid) if number % 2 == 0 => TransferId::Sending(cid),
            _ => TransferId::Taking(file(number)),
        };
        Command::File(match what {
            Handle::Cancel => FileCommand::Cancel(id),
            Handle::Pause => FileCommand::Pause(id),
            Handle::GoOn => FileCommand::GoOn(id),
        })
    }

    fn command(&mut self, command: Command) {
        self.told.asks(&command, self.bench.session.is_over());
        self.bench.session.command(command);
    }

    fn wait(&mut self, span: Duration) {
        self.now += span;
        if self.now >= self.bench.session.next_tick()
            && self.connected
            && self.bench.session.tick(self.now).is_err()
        {
            self.cut();
        }
    }

    /// What the driver does after each thing that happens.
    fn pump(&mut self) {
        while let Some(update) = self.bench.session.poll_update() {
            self.told.is_told(&update);
            self.rooms.apply(&update, 1);
            self.rooms.arrange();
            if let Update::Ended(_) = update {
                assert!(self.bench.session.is_over());
            }
        }
        if !self.connected {
            assert!(self.bench.session.poll_output().is_none(), "something is said to nobody");
        } else if self.listens {
            while let Some(frame) = self.bench.session.poll_output() {
                self.told.says(&parsed(&frame), reference(&frame));
            }
        }
    }

    /// A server that keeps to the protocol comes back: what was handed in and is not settled goes out, each once.
    fn end(mut self) {
        self.cut();
        self.pump();
        self.listens = true;
        self.connect();
        self.pump();
        if self.bench.session.is_over() {
            return;
        }
        let hello = step::Says::LoggedIn { user: 0, epoch: 0, device: false };
        self.hear(&hello.reply(&[]).unwrap().encode(None));
        self.pump();
        self.told.has_sent_all();
    }
}

fn framed(bytes: &Bytes) -> Frame {
    let frame = Decoder::after_login().next(&mut BytesMut::from(&bytes[..]));
    frame.expect("good framing").expect("a whole frame")
}

/// What a client says, as a server understands it.
fn parsed(bytes: &Bytes) -> Request {
    Request::from_frame(&framed(bytes)).expect("a request")
}

fn reference(bytes: &Bytes) -> Option<String> {
    framed(bytes).tag("ref").map(|reference| reference.into_owned())
}
