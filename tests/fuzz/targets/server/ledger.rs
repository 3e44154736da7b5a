//! What everybody has asked for, as far as it has gone out: whatever anybody is told has to follow from it.

use std::collections::{HashMap, HashSet};

use sotto_proto::{Audience, ConvId, FileId, Message, Offer, Password, Request, Seq, Token, Username};
use sotto_server::sim::{Bench, PASSWORD};

use crate::step::Known;

/// What was said, to whom, and by one of whom.
struct Post {
    authors: HashSet<String>,
    to: Audience,
}

/// Of all lines.
pub struct Ledger {
    pub known: Known,
    references: usize,
    /// Who had an account from the beginning.
    founders: HashSet<String>,
    /// By the key of a name: the passwords it may have, or have had.
    passwords: HashMap<String, HashSet<String>>,
    tokens: HashMap<[u8; 32], String>,
    /// How far the room of everyone had come when somebody asked for an account who had none.
    newcomers: HashMap<String, Seq>,
    posts: HashMap<String, Vec<Post>>,
    /// Those who may have sent a file as the original does.
    small: HashSet<String>,
    files: HashMap<FileId, Message>,
    largest: usize,
    unanswered: usize,
}

impl Ledger {
    pub fn new(people: &[&str]) -> Self {
        let passwords = people.iter().map(|name| ((*name).to_owned(), HashSet::from([PASSWORD.to_owned()])));
        Self {
            known: Known::default(),
            references: 0,
            founders: people.iter().map(|name| (*name).to_owned()).collect(),
            passwords: passwords.collect(),
            tokens: HashMap::new(),
            newcomers: HashMap::new(),
            posts: HashMap::new(),
            small: HashSet::new(),
            files: HashMap::new(),
            largest: 1024,
            unanswered: 0,
        }
    }

    pub fn next_reference(&mut self) -> String {
        self.references += 1;
        format!("question-{}", self.references)
    }

    /// At most so many people have an account.
    pub fn accounts(&self) -> usize {
        self.passwords.len()
    }

    /// Bytes in the largest frame so far, and at least a kilobyte.
    pub fn largest(&self) -> usize {
        self.largest
    }

    /// The most questions that one line has had open.
    pub fn asked_at_once(&self) -> usize {
        self.unanswered
    }

    pub fn weigh(&mut self, frame: usize) {
        self.largest = self.largest.max(frame + 128);
    }

    pub fn count_unanswered(&mut self, questions: usize) {
        self.unanswered = self.unanswered.max(questions);
    }

    /// A request has gone out, on a line on which these people may have been let in.
    pub fn asks(&mut self, request: &Request, claimed: &HashSet<String>, bench: &Bench) {
        match request {
            Request::Register { user, password, .. } if !self.founders.contains(user.key()) => {
                self.newcomers.entry(user.key().to_owned()).or_insert_with(|| bench.lobby_head());
                self.may_open(user.key(), password);
            }
            Request::ChangePassword { new, .. } => {
                claimed.iter().for_each(|name| self.may_open(name, new));
            }
            Request::Send { to, text, .. } => self.says(text.as_str(), to, claimed),
            Request::Offer(Offer { to, file, .. }) => self.says(file.name.as_str(), to, claimed),
            Request::SmallFile { .. } => self.small.extend(claimed.iter().cloned()),
            _ => {}
        }
    }

    fn may_open(&mut self, name: &str, password: &Password) {
        self.passwords.entry(name.to_owned()).or_default().insert(password.reveal().to_owned());
    }

    fn says(&mut self, text: &str, to: &Audience, claimed: &HashSet<String>) {
        let post = Post { authors: claimed.clone(), to: to.clone() };
        self.posts.entry(text.to_owned()).or_default().push(post);
    }

    /// Whether this request may let somebody in as `user`; a token has been looked at when it was shown.
    pub fn opens(&self, request: &Request, user: &Username) -> bool {
        match request {
            Request::LogIn { user: named, password, .. } => {
                let passwords = self.passwords.get(user.key());
                named.key() == user.key() && passwords.is_some_and(|some| some.contains(password.reveal()))
            }
            Request::Resume { user: named, .. } => named.key() == user.key(),
            _ => false,
        }
    }

    /// Whether somebody was given this token, and it has not been voided.
    pub fn is_good(&self, token: &Token, user: &Username) -> bool {
        self.tokens.get(token.as_bytes()).is_some_and(|owner| owner == user.key())
    }

    pub fn lets_in(&mut self, user: &Username, token: Token) {
        self.tokens.insert(*token.as_bytes(), user.key().to_owned());
        self.known.tokens.push(token);
    }

    /// These tokens open nothing any more.
    pub fn void(&mut self, user: &str, kept: Option<&Token>) {
        self.tokens.retain(|token, owner| owner != user || kept.is_some_and(|kept| kept.as_bytes() == token));
    }

    /// Somebody is told of a message: it is committed, at that place, and was for them.
    pub fn is_for(&mut self, reader: &Username, message: &Message, bench: &Bench) {
        let Message { conv, seq, from, text, cid, .. } = message;
        let stored = bench.stored(*conv, *seq).expect("what somebody is told is committed");
        assert_eq!((&stored.sender, stored.text.as_str()), (from, text.as_str()), "{conv} {seq}");
        assert!(cid.is_none() || from == reader, "a cid is for its sender only");
        let is_for = |post: &Post| {
            let named = |names: &[Username]| names.iter().any(|name| name.key() == reader.key());
            let heard = match &post.to {
                Audience::Everyone => true,
                Audience::Set(names) => named(names) || from == reader,
            };
            heard && post.authors.contains(from.key())
        };
        let posts = self.posts.get(text.as_str());
        let small = message.file.is_some() && self.small.contains(from.key());
        assert!(
            small || posts.is_some_and(|posts| posts.iter().any(is_for)),
            "{reader} is told {text:?} by {from}"
        );
        if conv.get() == 1
            && let Some(begins) = self.newcomers.get(reader.key())
        {
            assert!(seq > begins, "{reader} was not here when {seq} was said");
        }
        if let Some(file) = &message.file {
            self.learn(file.id, message);
        }
    }

    fn learn(&mut self, file: FileId, message: &Message) {
        if self.files.insert(file, message.clone()).is_none() {
            self.known.files.push(file);
        }
    }

    /// An offer has been acknowledged: its sender may know its number before anybody has got it.
    pub fn offered(&mut self, file: FileId) {
        if !self.known.files.contains(&file) {
            self.known.files.push(file);
        }
    }

    /// Content comes to somebody whom the file was offered to.
    pub fn is_offered(&self, reader: &Username, file: FileId) {
        if let Some(message) = self.files.get(&file) {
            assert!(message.from != *reader, "{reader} is sent their own file");
            let posts = self.posts.get(message.text.as_str()).into_iter().flatten();
            let heard = |to: &Audience| match to {
                Audience::Everyone => true,
                Audience::Set(names) => names.iter().any(|name| name.key() == reader.key()),
            };
            let small = self.small.contains(message.from.key());
            assert!(
                small || posts.into_iter().any(|post| heard(&post.to)),
                "{reader} is sent a file of others"
            );
        }
    }

    /// An acknowledgement is of what is committed there, by whom it is told.
    pub fn is_stored(
        &self,
        sender: &Username,
        (cid, conv, seq): (sotto_proto::Cid, ConvId, Seq),
        bench: &Bench,
    ) {
        let stored = bench.stored(conv, seq).expect("what is acknowledged is committed");
        assert_eq!((&stored.sender, stored.cid), (sender, Some(cid)), "what is acknowledged at {conv} {seq}");
    }
}
