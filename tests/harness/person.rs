//! Somebody at the other end of a TLS connection who knows frames and codes.

use std::collections::BTreeSet;
use std::fmt;

use bytes::{Bytes, BytesMut};
use sotto_client::{Connection, Dial, fresh_cid};
use sotto_proto::{
    Audience, Cid, ConvId, Decoder, Epoch, Frame, Message, MessageText, Page, Password, Reply, Request, Seq,
    Token, Username,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{House, PASSWORD, soon};

/// Somebody connected.
pub struct Person {
    name: String,
    stream: Connection,
    buffer: BytesMut,
    /// What resumes this session.
    pub token: Option<Token>,
    /// The history it belongs to.
    pub epoch: Option<Epoch>,
    /// Everything that came and was passed over.
    pub passed_over: Vec<Reply>,
}

/// A message, as far as a test cares.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    /// Its conversation.
    pub conv: ConvId,
    /// Its place.
    pub seq: u64,
    /// Who sent it.
    pub from: String,
    /// What it says.
    pub text: String,
}

impl From<&Message> for Seen {
    fn from(message: &Message) -> Self {
        let (conv, seq) = (message.conv, message.seq.get());
        Self { conv, seq, from: message.from.to_string(), text: message.text.as_str().to_owned() }
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A username in a test is right.
pub(crate) fn username(name: &str) -> Username {
    name.parse().unwrap_or_else(|error| panic!("{name:?}: {error}"))
}

impl Person {
    /// Connected, and a stranger.
    pub async fn stranger(dial: &Dial) -> Self {
        Self::connected(soon("a connection", dial.connect()).await.expect("a connection"))
    }

    /// A stranger on a connection that is there.
    #[must_use]
    pub fn connected(stream: Connection) -> Self {
        let (token, epoch) = (None, None);
        Self {
            name: "a stranger".into(),
            stream,
            buffer: BytesMut::new(),
            token,
            epoch,
            passed_over: Vec::new(),
        }
    }

    /// Registered, logged in and caught up.
    pub async fn newcomer(house: &House, name: &str) -> Self {
        let mut person = Self::stranger(&house.dial()).await;
        assert_eq!(person.registers(name, PASSWORD).await, Reply::Registered);
        person.comes_in(name).await;
        person
    }

    /// Logged in, on a new connection, and caught up. What was missed is passed over.
    pub async fn returns(house: &House, name: &str) -> Self {
        let mut person = Self::stranger(&house.dial()).await;
        person.comes_in(name).await;
        person
    }

    /// Logged in with a password, not caught up yet.
    pub async fn logged_in(house: &House, name: &str) -> Self {
        let mut person = Self::stranger(&house.dial()).await;
        let answer = person.logs_in(name, PASSWORD).await;
        assert!(matches!(answer, Reply::LoggedIn { .. }), "{name} is let in: {answer:?}");
        person
    }

    async fn comes_in(&mut self, name: &str) {
        let answer = self.logs_in(name, PASSWORD).await;
        assert!(matches!(answer, Reply::LoggedIn { .. }), "{name} is let in: {answer:?}");
        self.catches_up().await;
    }

    /// Who this is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The TLS connection.
    #[must_use]
    pub fn stream(&self) -> &Connection {
        &self.stream
    }

    /// The connection, and what has been read from it and not yet used.
    #[must_use]
    pub fn into_parts(self) -> (Connection, BytesMut) {
        (self.stream, self.buffer)
    }

    /// Asks for an account.
    pub async fn registers(&mut self, name: &str, password: &str) -> Reply {
        self.registers_with(name, password, None).await
    }

    /// Asks for an account with an invite.
    pub async fn registers_with(&mut self, name: &str, password: &str, invite: Option<&str>) -> Reply {
        let (user, password) = (username(name), typed(password));
        self.asks(&Request::Register { user, password, invite: invite.map(str::to_owned) }).await
    }

    /// Asks to be let in.
    pub async fn logs_in(&mut self, name: &str, password: &str) -> Reply {
        self.logs_in_as(Request::LogIn {
            user: username(name),
            password: typed(password),
            take_over: false,
            peek: false,
            device: None,
        })
        .await
    }

    /// Asks to be let in, with a request of its own.
    pub async fn logs_in_as(&mut self, request: Request) -> Reply {
        let answer = self.asks(&request).await;
        if let Reply::LoggedIn { user, token, epoch, .. } = &answer {
            self.name = user.to_string();
            (self.token, self.epoch) = (Some(token.clone()), Some(*epoch));
        }
        answer
    }

    /// Goes on with another connection's session.
    pub async fn resumes(&mut self, former: &Self, cursors: &[(ConvId, u64)]) -> Reply {
        let cursors = cursors.iter().map(|(conv, seq)| (*conv, Seq::new(*seq).expect("a seq"))).collect();
        let token = former.token.clone().expect("a token");
        let epoch = former.epoch.expect("an epoch");
        self.logs_in_as(Request::Resume { user: username(&former.name), token, epoch, cursors }).await
    }

    /// Sends a request and returns the next frame.
    pub async fn asks(&mut self, request: &Request) -> Reply {
        self.sends(request).await;
        self.next().await
    }

    /// Sends a request.
    pub async fn sends(&mut self, request: &Request) {
        self.sends_bytes(&request.encode(None)).await;
    }

    /// Sends bytes as they are.
    pub async fn sends_bytes(&mut self, bytes: &[u8]) {
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        soon("bytes to be taken", sending).await.expect("a connection to write to");
    }

    /// Sends a payload as one frame.
    pub async fn sends_payload(&mut self, payload: &[u8]) {
        let mut frame = u32::try_from(payload.len()).expect("a short payload").to_be_bytes().to_vec();
        frame.extend_from_slice(payload);
        self.sends_bytes(&frame).await;
    }

    /// Sends a message and returns its cid, without waiting for anything.
    pub async fn drops_in(&mut self, to: &[&str], text: &str) -> Cid {
        let cid = fresh_cid().expect("randomness");
        self.sends(&message(cid, to, text)).await;
        cid
    }

    /// Tells everyone something; returns where it is stored.
    pub async fn posts(&mut self, text: &str) -> (ConvId, u64) {
        self.tells(&[], text).await
    }

    /// Tells these people something (nobody named: everyone); returns where it is stored.
    pub async fn tells(&mut self, to: &[&str], text: &str) -> (ConvId, u64) {
        let cid = self.drops_in(to, text).await;
        self.is_acknowledged(cid).await
    }

    /// Waits for the acknowledgement of a message.
    pub async fn is_acknowledged(&mut self, cid: Cid) -> (ConvId, u64) {
        let stored = |reply: &Reply| matches!(reply, Reply::Stored { cid: acked, .. } if *acked == cid);
        match self.waits_for("an acknowledgement", stored).await {
            Reply::Stored { conv, seq, .. } => (conv, seq.get()),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the next message and checks who says what.
    pub async fn reads(&mut self, from: &str, text: &str) -> Seen {
        let seen = self.next_message().await;
        assert_eq!((seen.from.as_str(), seen.text.as_str()), (from, text), "what {} reads", self.name);
        seen
    }

    /// Waits for the next message.
    pub async fn next_message(&mut self) -> Seen {
        match self.waits_for("a message", |reply| matches!(reply, Reply::Message(_))).await {
            Reply::Message(message) => Seen::from(&message),
            other => panic!("{other:?}"),
        }
    }

    /// Makes sure that no message has come: all that was on its way is in front of the answer to a ping.
    pub async fn hears_nothing(&mut self) {
        let body = Bytes::from_static(b"barrier");
        self.sends(&Request::Ping { body: body.clone() }).await;
        loop {
            match self.next().await {
                Reply::Pong { body: answered } if answered == body => return,
                Reply::Message(message) => panic!("{} heard {:?}", self.name, Seen::from(&message)),
                other => self.passed_over.push(other),
            }
        }
    }

    /// Waits until everything missed has come.
    pub async fn catches_up(&mut self) {
        self.waits_for("213", |reply| *reply == Reply::CaughtUp).await;
    }

    /// Waits until each of these has been announced, now or before.
    pub async fn sees_coming(&mut self, names: impl Iterator<Item = &'static str>) {
        let mut missing: BTreeSet<Username> = names.map(username).collect();
        let announced: Vec<_> = self.passed_over.iter().filter_map(announced).flatten().cloned().collect();
        missing.retain(|name| !announced.contains(name));
        while !missing.is_empty() {
            let joined = self.waits_for("205", |reply| matches!(reply, Reply::Joined(_))).await;
            missing.retain(|name| !announced_in(&joined).contains(name));
        }
        self.passed_over.clear();
    }

    /// Asks who is online.
    pub async fn who_is_online(&mut self) -> Vec<Username> {
        self.sends(&Request::Who { all: false }).await;
        match self.waits_for("210", |reply| matches!(reply, Reply::Online { .. })).await {
            Reply::Online { people, .. } => people,
            other => panic!("{other:?}"),
        }
    }

    /// Reads a page of history.
    pub async fn looks_up(&mut self, conv: ConvId, page: Page, limit: u16) -> (Vec<Seen>, bool) {
        self.sends_bytes(&Request::History { conv, page, limit }.encode(Some("page"))).await;
        let mut messages = Vec::new();
        loop {
            let frame = self.next_frame().await.expect("an open connection");
            match (frame.tag("ref").as_deref(), Reply::from_frame(&frame).expect("a reply")) {
                (Some("page"), Reply::Message(message)) => messages.push(Seen::from(&message)),
                (Some("page"), Reply::End { more }) => return (messages, more),
                (Some("page"), other) => panic!("{other:?}"),
                (_, other) => self.passed_over.push(other),
            }
        }
    }

    /// Waits for a particular reply; others are passed over, the server's pings answered.
    pub async fn waits_for(&mut self, what: &str, is_it: impl Fn(&Reply) -> bool) -> Reply {
        let who = self.name.clone();
        let waiting = async {
            loop {
                let reply = self.next().await;
                if is_it(&reply) {
                    return reply;
                }
                self.passed_over.push(reply);
            }
        };
        soon(&format!("{who} to get {what}"), waiting).await
    }

    /// The next reply.
    pub async fn next(&mut self) -> Reply {
        match self.next_or_end().await {
            Some(reply) => reply,
            None => panic!("the server closed the connection of {}", self.name),
        }
    }

    /// The next reply, or `None` when the server has closed the connection.
    pub async fn next_or_end(&mut self) -> Option<Reply> {
        loop {
            let frame = self.next_frame().await?;
            match Reply::from_frame(&frame).unwrap_or_else(|error| panic!("{error} in {frame:?}")) {
                Reply::Ping { body } => self.sends(&Request::Pong { body }).await,
                reply => return Some(reply),
            }
        }
    }

    /// The next frame, or `None` when the server has closed the connection.
    pub async fn next_frame(&mut self) -> Option<Frame> {
        let decoder = Decoder::after_login();
        loop {
            if let Some(frame) = decoder.next(&mut self.buffer).expect("good framing") {
                return Some(frame);
            }
            self.buffer.reserve(16 * 1024);
            let read = self.stream.read_buf(&mut self.buffer);
            match soon(&format!("the server to say something to {}", self.name), read).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Everything the server says until it closes the connection.
    pub async fn until_the_end(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        while let Some(reply) = self.next_or_end().await {
            replies.push(reply);
        }
        replies
    }

    /// Logs out and waits until the server has closed.
    pub async fn leaves(mut self) {
        self.sends(&Request::LogOut { taken: None }).await;
        self.until_the_end().await;
    }
}

/// A message with its cid; nobody named: to everyone.
fn message(cid: Cid, to: &[&str], text: &str) -> Request {
    let to = audience(to);
    Request::Send { cid: Some(cid), to, text: MessageText::new(text).expect("a text") }
}

/// Nobody named: everyone.
pub(crate) fn audience(names: &[&str]) -> Audience {
    if names.is_empty() {
        return Audience::Everyone;
    }
    Audience::set(names.iter().map(|name| username(name))).expect("an audience")
}

fn announced(reply: &Reply) -> Option<&Vec<Username>> {
    match reply {
        Reply::Joined(people) => Some(people),
        _ => None,
    }
}

fn announced_in(reply: &Reply) -> &[Username] {
    announced(reply).map(Vec::as_slice).unwrap_or_default()
}

fn typed(password: &str) -> Password {
    Password::new(password).expect("a password")
}
