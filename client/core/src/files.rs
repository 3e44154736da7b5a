//! What is known of files, built from updates: who offers what, how far everybody has got, and what is going on here.

use std::collections::{BTreeMap, HashMap, HashSet};

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
    /// Those that were known before this session, and that its list has not named yet.
    old: HashSet<FileId>,
    /// Transfers of files that the server does not know yet, and of those it does.
    sending: HashMap<Cid, Transfer>,
    /// By their file; what goes on after a restart is told before the file itself.
    transfers: HashMap<FileId, Transfer>,
    me: Option<Username>,
}

impl Files {
    /// Takes an update in.
    pub fn apply(&mut self, update: &Update) {
        match update {
            Update::LoggedIn { user, .. } => {
                self.me = Some(user.clone());
                self.old = self.cards.keys().copied().collect();
            }
            Update::Message(message) => self.learn(message),
            Update::History { messages, .. } => messages.iter().for_each(|message| self.learn(message)),
            Update::Files { files, more } => self.listed(files, *more),
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
        card.transfer = self.transfers.get(&file.id).cloned();
    }

    /// What a whole list does not name is gone, unless it came after the list was asked for; what a list that was cut does
    /// not name may be there all the same.
    fn listed(&mut self, files: &[(Message, FileState)], more: bool) {
        let old = std::mem::take(&mut self.old);
        let gone = if more { HashSet::new() } else { old };
        for old in gone {
            if let Some(card) = self.cards.get_mut(&old) {
                card.file.gone = true;
            }
        }
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
        let Some(file) = transfer.file else { return };
        self.transfers.insert(file, transfer.clone());
        if let Some(card) = self.cards.get_mut(&file) {
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

#[cfg(test)]
mod tests {
    use sotto_proto::{Audience, Epoch, FileHash, MediaType, MessageText, Seq};

    use super::*;
    use crate::Phase;

    fn id(byte: u8) -> FileId {
        FileId::from_bytes([byte; 16])
    }

    fn name(typed: &str) -> Username {
        typed.parse().unwrap()
    }

    fn attachment(byte: u8) -> Attachment {
        let (hash, media) = (FileHash::from_bytes([byte; 32]), MediaType::unknown());
        Attachment { id: id(byte), size: 9, hash, media, until: 0, gone: false }
    }

    fn offer(byte: u8) -> Message {
        Message {
            conv: ConvId::new(1).unwrap(),
            seq: Seq::new(byte.into()).unwrap(),
            at: 0,
            cid: None,
            from: name("bob"),
            text: MessageText::new("hw3.pdf").unwrap(),
            clear: false,
            file: Some(attachment(byte)),
        }
    }

    fn state(byte: u8, people: Vec<(Username, Standing)>) -> FileState {
        FileState { file: id(byte), stage: FileStage::Stored, off: 9, people }
    }

    fn transfer(which: TransferId, phase: Phase) -> Update {
        let file = Some(id(1));
        Update::Transfer(Transfer { id: which, file, to: None, name: "a".into(), size: 9, done: 0, phase })
    }

    fn files(updates: &[Update]) -> Files {
        let mut files = Files::default();
        let user = name("ann");
        files.apply(&Update::LoggedIn { user, epoch: Epoch::new(1), resumed: false });
        updates.iter().for_each(|update| files.apply(update));
        files
    }

    #[test]
    fn what_went_on_after_a_restart_is_known_when_its_offer_comes() {
        for which in [TransferId::Taking(id(1)), TransferId::Sending(Cid::from_bytes([5; 16]))] {
            let told = files(&[
                transfer(which, Phase::Paused),
                Update::Files {
                    files: vec![(offer(1), state(1, vec![(name("ann"), Standing::Accepted(3))]))],
                    more: false,
                },
            ]);
            let card = told.get(id(1)).unwrap();
            assert_eq!(card.transfer.as_ref().unwrap().phase, Phase::Paused);
            assert_eq!(card.standing(&name("ann")), Some(Standing::Accepted(3)));
        }
    }

    #[test]
    fn what_a_list_does_not_name_is_gone_unless_it_came_after_the_question() {
        let mut told = files(&[Update::Message(offer(1)), Update::Message(offer(2))]);
        let user = name("ann");
        told.apply(&Update::LoggedIn { user, epoch: Epoch::new(1), resumed: true });
        told.apply(&Update::Message(offer(3)));
        told.apply(&Update::Files { files: vec![(offer(2), state(2, Vec::new()))], more: false });
        assert_eq!([1, 2, 3].map(|byte| told.get(id(byte)).unwrap().file.gone), [true, false, false]);
    }

    #[test]
    fn a_list_that_is_not_all_of_it_says_nothing_of_the_files_it_does_not_name() {
        let mut told = files(&[Update::Message(offer(1)), Update::Message(offer(2))]);
        let user = name("ann");
        told.apply(&Update::LoggedIn { user, epoch: Epoch::new(1), resumed: true });
        told.apply(&Update::Files { files: vec![(offer(2), state(2, Vec::new()))], more: true });
        assert!(!told.get(id(1)).unwrap().file.gone);
    }

    #[test]
    fn an_offer_of_ones_own_is_known_by_its_cid_and_then_by_its_file() {
        let cid = Cid::from_bytes([5; 16]);
        let (to, name, file) = (Audience::Everyone, FileName::new("hw3.pdf").unwrap(), attachment(1));
        let told = files(&[
            transfer(TransferId::Sending(cid), Phase::Waiting),
            Update::Offered { cid, to, name, file },
            transfer(TransferId::Sending(cid), Phase::Running),
            Update::FileState(state(1, vec![("bob".parse().unwrap(), Standing::Received)])),
        ]);
        let card = told.get(id(1)).unwrap();
        assert_eq!(told.sending(cid), card.transfer.as_ref());
        assert_eq!((card.stage, card.people.len(), told.is_busy()), (Some(FileStage::Stored), 1, true));
    }
}
