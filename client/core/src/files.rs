//! What is known of files, built from updates: who offers what, how far everybody has got, and what is going on here.

use std::collections::{BTreeMap, HashMap};

use sotto_proto::{
    Attachment, Cid, ConvId, FileId, FileName, FileStage, FileState, Message, Standing, Username,
};

use crate::transfers::{Transfer, TransferId};
use crate::update::Update;

/// A file that was offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Who offers it.
    pub from: Username,
    /// What it is called there; [`crate::safe_name`] makes it fit to be shown.
    pub name: FileName,
    /// The file.
    pub file: Attachment,
    /// The conversation it was offered in, once that is known.
    pub conv: Option<ConvId>,
    /// Whether its content is on its way to the server or there; `None` while that is not known.
    pub stage: Option<FileStage>,
    /// How many bytes of it the server has.
    pub off: u64,
    /// How far those have got who have said something: all of them for its sender, oneself for others.
    pub people: BTreeMap<Username, Standing>,
    /// What is going on with it here.
    pub transfer: Option<Transfer>,
}

/// All files known of.
#[derive(Clone, Debug, Default)]
pub struct Files {
    cards: HashMap<FileId, Card>,
    /// Transfers of files that the server does not know yet, and of those it does.
    sending: HashMap<Cid, Transfer>,
    me: Option<Username>,
}

impl Files {
    /// Takes an update in.
    pub fn apply(&mut self, update: &Update) {
        match update {
            Update::LoggedIn { user, .. } => self.me = Some(user.clone()),
            Update::Message(message) => self.learn(message),
            Update::History { messages, .. } => messages.iter().for_each(|message| self.learn(message)),
            Update::Files(files) => self.listed(files),
            Update::Offered { cid, name, file, .. } => self.offered(*cid, (name, file)),
            Update::FileState(state) => self.state(state),
            Update::Transfer(transfer) => self.transfer(transfer),
            Update::StartOver(None) => self.cards.clear(),
            _ => {}
        }
    }

    /// A file.
    #[must_use]
    pub fn get(&self, file: FileId) -> Option<&Card> {
        self.cards.get(&file)
    }

    /// All files, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Card> {
        self.cards.values()
    }

    /// How a file from here is going, by the cid of its offer.
    #[must_use]
    pub fn sending(&self, cid: Cid) -> Option<&Transfer> {
        self.sending.get(&cid)
    }

    /// Whether anything is on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        let taking = self.cards.values().filter_map(|card| card.transfer.as_ref());
        let mut all = self.sending.values().chain(taking);
        all.any(|transfer| {
            matches!(transfer.phase, crate::Phase::Preparing | crate::Phase::Waiting | crate::Phase::Running)
        })
    }

    fn learn(&mut self, message: &Message) {
        let (Some(file), Ok(name)) = (&message.file, FileName::new(message.text.as_str())) else { return };
        let card = self
            .cards
            .entry(file.id)
            .or_insert_with(|| Card::new(message.from.clone(), (name, file.clone())));
        card.conv = Some(message.conv);
        card.file = file.clone();
    }

    /// The list is of all there are: what is not in it is gone.
    fn listed(&mut self, files: &[(Message, FileState)]) {
        self.cards.values_mut().for_each(|card| card.file.gone = true);
        for (message, state) in files {
            self.learn(message);
            if let Some(card) = self.cards.get_mut(&state.file) {
                card.people.clear();
            }
            self.state(state);
        }
    }

    fn offered(&mut self, cid: Cid, (name, file): (&FileName, &Attachment)) {
        let Some(me) = self.me.clone() else { return };
        let card = self.cards.entry(file.id).or_insert_with(|| Card::new(me, (name.clone(), file.clone())));
        card.stage = card.stage.or(Some(FileStage::Uploading));
        card.transfer = self.sending.get(&cid).cloned();
    }

    fn state(&mut self, state: &FileState) {
        let Some(card) = self.cards.get_mut(&state.file) else { return };
        card.stage = Some(state.stage);
        card.file.gone |= state.stage == FileStage::Gone;
        card.off = card.off.max(state.off);
        card.people.extend(state.people.iter().cloned());
    }

    fn transfer(&mut self, transfer: &Transfer) {
        if let TransferId::Sending(cid) = transfer.id {
            self.sending.insert(cid, transfer.clone());
        }
        if let Some(card) = transfer.file.and_then(|file| self.cards.get_mut(&file)) {
            card.transfer = Some(transfer.clone());
        }
    }
}

impl Card {
    fn new(from: Username, (name, file): (FileName, Attachment)) -> Self {
        Self { from, name, file, conv: None, stage: None, off: 0, people: BTreeMap::new(), transfer: None }
    }

    /// What somebody has said to the offer.
    #[must_use]
    pub fn standing(&self, who: &Username) -> Option<Standing> {
        self.people.get(who).copied()
    }
}
