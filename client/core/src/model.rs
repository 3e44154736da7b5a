//! What a client knows, built from updates: who there is, and which conversations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sotto_proto::{Audience, ConvId, ConvKind, Presence, Seq, Username};

use crate::update::Update;

/// A conversation that has been introduced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    /// Its kind.
    pub kind: ConvKind,
    /// Everyone in it, this client's user too; empty for the lobby.
    pub members: Vec<Username>,
    /// The newest seq known of.
    pub head: Seq,
}

/// What is known.
#[derive(Clone, Debug, Default)]
pub struct Model {
    me: Option<Username>,
    people: BTreeMap<Username, Presence>,
    conversations: HashMap<ConvId, Known>,
    clear: BTreeSet<Username>,
}

impl Model {
    /// Takes an update in.
    pub fn apply(&mut self, update: &Update) {
        match update {
            Update::LoggedIn { user, .. } => {
                self.me = Some(user.clone());
                // Whoever still is follows.
                self.clear.clear();
            }
            Update::InTheClear(people) => self.clear = people.iter().cloned().collect(),
            Update::Conversation { conv, kind, members, head, .. } => {
                let known = Known { kind: *kind, members: members.clone(), head: *head };
                self.conversations.insert(*conv, known);
            }
            Update::Message(message) => self.advance(message.conv, message.seq),
            Update::Sent { conv, seq, .. } => self.advance(*conv, *seq),
            Update::Joined(people) => self.set(people, Presence::Online),
            Update::Left(people) => self.set(people, Presence::Away),
            Update::Online(people) => {
                self.people.values_mut().for_each(|presence| *presence = Presence::Away);
                self.set(people, Presence::Online);
            }
            Update::People(people) => self.people = people.iter().cloned().collect(),
            Update::StartOver(None) => self.conversations.clear(),
            Update::StartOver(Some(conv)) => drop(self.conversations.remove(conv)),
            _ => {}
        }
    }

    /// Who is logged in here.
    #[must_use]
    pub fn me(&self) -> Option<&Username> {
        self.me.as_ref()
    }

    /// Everybody else known of, by name.
    pub fn people(&self) -> impl Iterator<Item = (&Username, Presence)> {
        self.people.iter().map(|(name, presence)| (name, *presence))
    }

    /// Whether somebody is online; `None`: nobody is known by that name.
    #[must_use]
    pub fn presence(&self, name: &Username) -> Option<Presence> {
        self.people.get(name).copied()
    }

    /// Whether what is sent to somebody travels without encryption on its last part.
    #[must_use]
    pub fn is_in_the_clear(&self, name: &Username) -> bool {
        self.clear.contains(name)
    }

    /// A conversation.
    #[must_use]
    pub fn conversation(&self, conv: ConvId) -> Option<&Known> {
        self.conversations.get(&conv)
    }

    /// The conversation of an audience, as seen from here: the user is in it whether named or not.
    #[must_use]
    pub fn find(&self, audience: &Audience) -> Option<ConvId> {
        let is_it = |known: &Known| match audience {
            Audience::Everyone => known.kind == ConvKind::Lobby,
            Audience::Set(names) => known.kind == ConvKind::Set && self.same_people(&known.members, names),
        };
        self.conversations.iter().find(|(_, known)| is_it(known)).map(|(conv, _)| *conv)
    }

    fn same_people(&self, members: &[Username], names: &[Username]) -> bool {
        let sorted = |people: &[Username], me: Option<&Username>| {
            let mut people: Vec<_> = people.iter().chain(me).cloned().collect();
            people.sort();
            people.dedup();
            people
        };
        sorted(members, None) == sorted(names, self.me.as_ref())
    }

    fn advance(&mut self, conv: ConvId, seq: Seq) {
        if let Some(known) = self.conversations.get_mut(&conv) {
            known.head = known.head.max(seq);
        }
    }

    fn set(&mut self, people: &[Username], presence: Presence) {
        self.people.extend(people.iter().map(|name| (name.clone(), presence)));
    }
}
