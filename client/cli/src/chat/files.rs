//! Files in a chat: who offers what, and what is done about it.

use std::collections::HashSet;
use std::path::Path;

use sotto_client::{
    Card, Command, FileCommand, Files, Phase, Transfer, TransferId, Update, downloads, safe_name,
};
use sotto_proto::{Audience, FileId};

use crate::commands::Seated;
use crate::failure::Failure;
use crate::files::{self, Said, find, line};
use crate::print::{Printer, size};

/// The fewest digits of an id that are shown, and taken.
const DIGITS: usize = 4;

/// The files of a chat.
pub(super) struct Desk {
    files: Files,
    /// Offers that have been shown.
    shown: HashSet<FileId>,
    said: Said,
    printer: Printer,
}

impl Desk {
    pub(super) fn new(seated: &Seated, printer: Printer) -> Self {
        Self { files: files::known(seated), shown: HashSet::new(), said: Said::default(), printer }
    }

    /// Whether something is on its way.
    pub(super) fn is_busy(&self) -> bool {
        self.files.is_busy()
    }

    /// Whether all is said of this update.
    pub(super) fn told(&mut self, update: &Update, seated: &Seated) -> Result<bool, Failure> {
        self.files.apply(update);
        match update {
            Update::Message(message) => match &message.file {
                Some(file) => self.offered(file.id, seated)?,
                None => return Ok(false),
            },
            Update::Files { files: listed, .. } => {
                listed.iter().try_for_each(|(_, state)| self.offered(state.file, seated))?;
            }
            Update::Offered { name, file, .. } => {
                let (name, size) = (safe_name(name), size(file.size));
                self.printer.remark(&format!("you offer {name} ({size})"))?;
            }
            Update::FileState(state) => self.stands(state.file, seated)?,
            Update::Transfer(transfer) => self.went(transfer)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Shows an offer that waits for an answer, once.
    fn offered(&mut self, file: FileId, seated: &Seated) -> Result<(), Failure> {
        let Some(card) = self.files.get(file) else { return Ok(()) };
        if Some(&card.from) == seated.model.me() {
            return self.stands(file, seated);
        }
        let answered = seated.model.me().is_some_and(|me| card.standing(me).is_some());
        if !answered && !card.file.gone && self.shown.insert(file) {
            self.printer.offer(&line(card, &self.files, seated), &self.short(file))?;
        }
        Ok(())
    }

    /// Shows what is new of what others have said to an offer of ours.
    fn stands(&mut self, file: FileId, seated: &Seated) -> Result<(), Failure> {
        match self.files.get(file).filter(|card| Some(&card.from) == seated.model.me()) {
            Some(card) => self.said.tell(card, (&self.files, seated), self.printer),
            None => Ok(()),
        }
    }

    fn went(&self, transfer: &Transfer) -> Result<(), Failure> {
        let Transfer { name, phase, id, .. } = transfer;
        match (phase, id) {
            (Phase::Done(Some(path)), _) => self.printer.remark(&format!("saved {}", path.display()))?,
            (Phase::Done(None), TransferId::Sending(_)) => {
                self.printer.remark(&format!("the server has all of {name}"))?;
            }
            (Phase::Failed(snag), _) => self.printer.remark(&format!("{name}: {snag}"))?,
            _ => {}
        }
        Ok(())
    }

    /// `/accept`.
    pub(super) async fn accept(&self, seated: &mut Seated, typed: &str) -> Result<(), Failure> {
        match find(&self.files, seated, typed) {
            Ok(card) => {
                let card = card.clone();
                files::take(seated, &card, downloads()).await
            }
            Err(failure) => Ok(self.printer.remark(&failure.to_string())?),
        }
    }

    /// `/decline`: what is being taken of it is removed, too.
    pub(super) async fn decline(&self, seated: &Seated, typed: &str) -> Result<(), Failure> {
        let command = match find(&self.files, seated, typed) {
            Ok(card) => declining(card),
            Err(failure) => return Ok(self.printer.remark(&failure.to_string())?),
        };
        seated.client.send(Command::File(command)).await;
        Ok(())
    }

    /// `/send-file`.
    pub(super) async fn send(&self, seated: &Seated, to: &Audience, path: &str) -> Result<(), Failure> {
        let path = Path::new(path);
        match files::check(path) {
            Ok(()) => files::offer(seated, to, path).await.map(drop),
            Err(failure) => Ok(self.printer.remark(&failure.to_string())?),
        }
    }

    /// As much of an id as no other file begins with.
    fn short(&self, file: FileId) -> String {
        let whole = file.to_string();
        let others: Vec<_> = self.files.iter().map(|card| card.file.id.to_string()).collect();
        let is_one = |digits: &usize| {
            let begin = whole.get(..*digits).unwrap_or(&whole);
            others.iter().filter(|other| other.starts_with(begin)).count() <= 1
        };
        let digits = (DIGITS..whole.len()).find(is_one).unwrap_or(whole.len());
        whole.get(..digits).unwrap_or(&whole).to_owned()
    }
}

fn declining(card: &Card) -> FileCommand {
    let taking = TransferId::Taking(card.file.id);
    match &card.transfer {
        Some(transfer) if !matches!(transfer.phase, Phase::Done(_)) => FileCommand::Cancel(taking),
        _ => FileCommand::Decline(card.file.id),
    }
}
