//! What has been committed, and what each verb does to it.

use std::collections::BTreeMap;

use sotto_proto::{Cid, ConvId, ConvKind, Epoch, Page, Seq, Username};

use super::files::FileRow;
use crate::sim::Lie;
use crate::store::{
    Account, Conversation, Credentials, Draft, LobbyHistory, NewAccount, Outcome, PasswordHash, Range, Seat,
    StoredMessage, TokenUse, UserId, lobby_id,
};

/// As in SQLite's verbs.
const TOKENS_PER_ACCOUNT: usize = 8;

/// All rows. A clone of it is a backup.
#[derive(Clone)]
pub(crate) struct Tables {
    pub(crate) epoch: Epoch,
    /// Number n is at n − 1; so it is with conversations and seqs.
    accounts: Vec<Credentials>,
    tokens: BTreeMap<[u8; 32], Token>,
    pub(super) talks: Vec<Talk>,
    seats: BTreeMap<(UserId, ConvId), Place>,
    cids: BTreeMap<(UserId, [u8; 16]), (ConvId, Seq)>,
    pub(super) files: Vec<FileRow>,
}

/// A conversation and its messages. The lobby is the first, and names no members.
#[derive(Clone, Default)]
pub(super) struct Talk {
    members: Vec<UserId>,
    pub(super) messages: Vec<StoredMessage>,
}

#[derive(Clone, Copy)]
struct Token {
    owner: UserId,
    expires: u64,
    /// How many had been added or shown before: two may expire in the same millisecond, and what is forgotten must not depend on
    /// how fast this machine is.
    turn: u64,
}

#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) since: Seq,
    confirmed: Seq,
}

impl Tables {
    pub(crate) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            accounts: Vec::new(),
            tokens: BTreeMap::new(),
            talks: vec![Talk::default()],
            seats: BTreeMap::new(),
            cids: BTreeMap::new(),
            files: Vec::new(),
        }
    }

    pub(crate) fn register(&mut self, name: &Username, start: NewAccount) -> Option<Account> {
        if self.credentials(name).is_some() {
            return None;
        }
        let id = UserId(number(self.accounts.len()) + 1);
        let account = Account { id, name: name.clone() };
        self.accounts.push(Credentials { account: account.clone(), password: start.password });
        let since = match start.lobby {
            LobbyHistory::FromRegistration => self.head(lobby_id()),
            LobbyHistory::All => Seq::ZERO,
        };
        self.seats.insert((id, lobby_id()), Place { since, confirmed: since });
        Some(account)
    }

    pub(super) fn credentials(&self, name: &Username) -> Option<Credentials> {
        self.accounts.iter().find(|known| known.account.name.key() == name.key()).cloned()
    }

    pub(super) fn set_password(&mut self, user: UserId, hash: PasswordHash) {
        if let Some(known) = self.accounts.iter_mut().find(|known| known.account.id == user) {
            known.password = hash;
        }
    }

    pub(super) fn change_password(&mut self, user: UserId, (hash, kept): (PasswordHash, [u8; 32])) {
        self.set_password(user, hash);
        self.tokens.retain(|token, Token { owner, .. }| *owner != user || *token == kept);
    }

    pub(crate) fn accounts(&self) -> Vec<Account> {
        self.accounts.iter().map(|known| known.account.clone()).collect()
    }

    pub(super) fn account(&self, user: UserId) -> Account {
        self.accounts[place(user.0)].account.clone()
    }

    pub(super) fn add_token(&mut self, owner: UserId, hash: [u8; 32], expires: u64) {
        let turn = self.next_turn();
        self.tokens.insert(hash, Token { owner, expires, turn });
        let own = self.tokens.iter().filter(|(_, token)| token.owner == owner);
        let mut own: Vec<_> = own.map(|(hash, token)| (token.expires, token.turn, *hash)).collect();
        own.sort_unstable();
        for (_, _, oldest) in own.iter().rev().skip(TOKENS_PER_ACCOUNT) {
            self.tokens.remove(oldest);
        }
    }

    pub(super) fn use_token(&mut self, name: &Username, shown: TokenUse) -> Option<Account> {
        let (account, turn) = (self.credentials(name)?.account, self.next_turn());
        let token = self.tokens.get_mut(&shown.hash)?;
        if token.owner != account.id || token.expires <= shown.now {
            return None;
        }
        if shown.prolongs(token.expires) {
            *token = Token { expires: shown.expires, turn, ..*token };
        }
        Some(account)
    }

    fn next_turn(&self) -> u64 {
        self.tokens.values().map(|token| token.turn + 1).max().unwrap_or(0)
    }

    pub(super) fn drop_token(&mut self, hash: [u8; 32]) {
        self.tokens.remove(&hash);
    }

    /// `members` are sorted.
    pub(super) fn find_conversation(&self, members: &[UserId]) -> Option<Conversation> {
        let index = self.talks.iter().skip(1).position(|talk| talk.members == members)? + 1;
        Some(self.conversation(conv(index)))
    }

    /// `members` are sorted.
    pub(super) fn make_conversation(&mut self, members: Vec<UserId>) -> Conversation {
        if let Some(made_meanwhile) = self.find_conversation(&members) {
            return made_meanwhile;
        }
        let id = conv(self.talks.len());
        for member in &members {
            self.seats.insert((*member, id), Place { since: Seq::ZERO, confirmed: Seq::ZERO });
        }
        self.talks.push(Talk { members, messages: Vec::new() });
        self.conversation(id)
    }

    fn conversation(&self, id: ConvId) -> Conversation {
        let kind = if id == lobby_id() { ConvKind::Lobby } else { ConvKind::Set };
        let members = self.talk(id).members.iter().map(|member| self.account(*member)).collect();
        Conversation { id, kind, members }
    }

    pub(crate) fn seats(&self, user: UserId) -> Vec<Seat> {
        let convs = (0..self.talks.len()).map(conv);
        let seats = convs.filter_map(|conv| self.seat(user, conv));
        seats.filter(|seat| seat.head > Seq::ZERO || seat.conversation.id == lobby_id()).collect()
    }

    pub(super) fn seat(&self, user: UserId, conv: ConvId) -> Option<Seat> {
        let Place { since, confirmed } = self.place(user, conv)?;
        Some(Seat { conversation: self.conversation(conv), since, confirmed, head: self.head(conv) })
    }

    pub(super) fn place(&self, user: UserId, conv: ConvId) -> Option<Place> {
        self.seats.get(&(user, conv)).copied()
    }

    pub(super) fn append(&mut self, batch: &[Draft], at: u64) -> Vec<Outcome> {
        batch.iter().map(|draft| self.append_one(draft, at)).collect()
    }

    /// What a store may never do.
    pub(super) fn append_and_lie(&mut self, (batch, at): (&[Draft], u64), lie: Lie) -> Vec<Outcome> {
        match lie {
            Lie::Forgets => self.clone().append(batch, at),
            Lie::StoresTwice => {
                self.cids.clear();
                self.append(batch, at)
            }
            Lie::GivesAPlaceTwice => {
                let outcomes = self.append(batch, at);
                let again = |outcome| match outcome {
                    Outcome::Stored { seq, at } if seq > Seq::ZERO.next() => {
                        Outcome::Stored { seq: seq.back(1), at }
                    }
                    other => other,
                };
                outcomes.into_iter().map(again).collect()
            }
        }
    }

    fn append_one(&mut self, draft: &Draft, at: u64) -> Outcome {
        let cid = draft.cid.as_ref().map(|cid| (draft.sender, *cid.as_bytes()));
        if let Some((conv, seq)) = cid.and_then(|cid| self.cids.get(&cid)).copied() {
            let stored = &self.talk(conv).messages[place(seq.get())];
            let file = stored.file.as_ref().map(|file| file.id);
            return Outcome::Duplicate { conv, seq, at: stored.at, file };
        }
        if let Some(file) = &draft.file
            && !self.has_room(draft.sender, file)
        {
            return Outcome::NoRoom;
        }
        let seq = self.head(draft.conv).next();
        let message = StoredMessage {
            seq,
            sender: self.account(draft.sender),
            at,
            cid: draft.cid,
            text: draft.text.clone(),
            clear: draft.clear,
            file: draft.file.clone().map(|file| file.into_attachment()),
        };
        if let Some(file) = &draft.file {
            self.files.push(FileRow::new(file, (draft.conv, seq, draft.sender)));
        }
        self.cids.extend(cid.map(|cid| (cid, (draft.conv, seq))));
        self.talks[place(draft.conv.get())].messages.push(message);
        Outcome::Stored { seq, at }
    }

    pub(super) fn read(&self, conv: ConvId, range: Range) -> Vec<StoredMessage> {
        let (above, below) = match range.page {
            Page::Latest => (range.since, None),
            Page::Before(seq) => (range.since, Some(seq)),
            Page::After(seq) => (range.since.max(seq), None),
        };
        let (limit, rows) = (usize::from(range.limit), self.said(conv));
        let wanted = |row: &&StoredMessage| row.seq > above && below.is_none_or(|below| row.seq < below);
        let mut found: Vec<_> = rows.iter().filter(wanted).map(|row| self.with_file_as_it_is(row)).collect();
        match range.page {
            Page::After(_) => found.truncate(limit),
            _ => drop(found.drain(..found.len().saturating_sub(limit))),
        }
        found
    }

    pub(super) fn confirm(&mut self, user: UserId, positions: &[(ConvId, Seq)]) {
        for (conv, seq) in positions {
            let head = self.head(*conv);
            if let Some(place) = self.seats.get_mut(&(user, *conv))
                && *seq <= head
            {
                place.confirmed = place.confirmed.max(*seq);
            }
        }
    }

    /// All that somebody may read, for the judge.
    pub(crate) fn history(&self, user: UserId) -> impl Iterator<Item = (ConvId, &StoredMessage)> {
        let seats = self.seats.iter().filter(move |((of, _), _)| *of == user);
        seats.flat_map(|((_, conv), place)| {
            let rows = self.talk(*conv).messages.iter().filter(|row| row.seq > place.since);
            rows.map(|row| (*conv, row))
        })
    }

    /// Which message is at a place.
    pub(crate) fn at(&self, conv: ConvId, seq: Seq) -> Option<&StoredMessage> {
        self.talks.get(place(conv.get()))?.messages.iter().find(|row| row.seq == seq)
    }

    /// How many messages there are.
    pub(crate) fn messages(&self) -> usize {
        self.talks.iter().map(|talk| talk.messages.len()).sum()
    }

    /// The cids of all messages.
    pub(crate) fn cids(&self) -> impl Iterator<Item = Cid> {
        self.talks.iter().flat_map(|talk| talk.messages.iter().filter_map(|row| row.cid))
    }

    pub(super) fn talk(&self, conv: ConvId) -> &Talk {
        &self.talks[place(conv.get())]
    }

    /// What was said in a conversation; of one that is not there nothing.
    fn said(&self, conv: ConvId) -> &[StoredMessage] {
        self.talks.get(place(conv.get())).map_or(&[], |talk| &talk.messages)
    }

    pub(super) fn members(&self, conv: ConvId) -> &[UserId] {
        &self.talk(conv).members
    }

    pub(crate) fn head(&self, conv: ConvId) -> Seq {
        self.said(conv).last().map_or(Seq::ZERO, |last| last.seq)
    }
}

fn number(index: usize) -> u64 {
    u64::try_from(index).unwrap()
}

fn place(number: u64) -> usize {
    usize::try_from(number - 1).unwrap()
}

fn conv(index: usize) -> ConvId {
    ConvId::new(number(index) + 1).unwrap()
}
