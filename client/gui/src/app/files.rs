//! What is done about files.

use std::path::PathBuf;

use egui::Context;
use sotto_client::{Command, FileCommand, TransferId, Update, downloads};
use sotto_proto::{Audience, FileId, FileName};

use super::{App, Screen};
use crate::action::{Action, Chosen, Overlay};
use crate::backend::{Ask, Picked};
use crate::saying::Saying;
use crate::strings::Key;
use crate::views::chat::Chat;
use crate::views::file::Rates;
use crate::views::timeline::Anchor;

impl App {
    /// What is left when it is about nothing else.
    pub(super) fn obey_file(&mut self, ctx: &Context, action: Action) {
        match action {
            Action::PickFiles => drop(self.world.backend.ask(Ask::PickFiles)),
            Action::Offer(paths) => self.offer(paths),
            Action::PasteImage(image) => drop(self.world.backend.ask(Ask::KeepImage(image))),
            Action::SendFiles(paths) => self.send_files(ctx, paths),
            Action::Accept(file) => self.accept(file, downloads()),
            Action::AcceptInto(file) => drop(self.world.backend.ask(Ask::PickFolder(file))),
            Action::Decline(file) => self.ask_file(FileCommand::Decline(file)),
            Action::TakeBack(file, who) => self.take_back(file, who),
            Action::CancelTransfer(id) => self.cancel_transfer(id),
            Action::Pause(id) => self.ask_file(FileCommand::Pause(id)),
            Action::GoOn(id) => self.ask_file(FileCommand::GoOn(id)),
            Action::Reveal(path) => drop(self.world.backend.ask(Ask::Reveal(path))),
            Action::OpenFile(path) => drop(self.world.backend.ask(Ask::OpenFile(path))),
            Action::Thumb(path) => drop(self.world.backend.ask(Ask::Thumb(path))),
            _ => {}
        }
    }

    fn ask_file(&mut self, command: FileCommand) {
        if !self.world.backend.ask(Ask::Do(Command::File(command))) {
            self.toast(Key::ComposeFull);
        }
    }

    /// Only files can be sent; the others are named.
    fn offer(&mut self, paths: Vec<PathBuf>) {
        let found = |path: PathBuf| match std::fs::metadata(&path) {
            Ok(found) if found.is_file() => Ok(Chosen { path, bytes: found.len() }),
            _ => Err(path),
        };
        let (files, others): (Vec<_>, Vec<_>) = paths.into_iter().map(found).partition(Result::is_ok);
        if let Some(Err(other)) = others.first() {
            let name = other.file_name().unwrap_or(other.as_os_str()).to_string_lossy().into_owned();
            self.toast(Saying::with(Key::FileNotThere, "name", name));
        }
        if let (Screen::Chat(chat), false) = (&mut self.screen, files.is_empty()) {
            let mut all = match chat.overlay.take() {
                Some(Overlay::Files(before)) => before,
                _ => Vec::new(),
            };
            for file in files.into_iter().flatten() {
                if all.iter().all(|chosen| chosen.path != file.path) {
                    all.push(file);
                }
            }
            chat.overlay = Some(Overlay::Files(all));
        }
    }

    fn send_files(&mut self, ctx: &Context, paths: Vec<PathBuf>) {
        let Screen::Chat(chat) = &mut self.screen else { return };
        chat.overlay = None;
        chat.composer.wants_focus = true;
        let Ok(to) = chat.audience(&self.look) else { return };
        let sent: Vec<_> =
            paths.into_iter().map(|path| chat.rooms.send_file(&to, path, self.look.now)).collect();
        chat.rooms.arrange();
        let open = chat.open.clone();
        chat.readings.entry(open.clone()).or_default().anchor = Anchor::Bottom;
        // What goes to one is a talk with that one.
        if matches!(&to, Audience::Set(names) if names.len() == 1) && open == Audience::Everyone {
            super::doing::open(ctx, chat, &to);
        }
        for command in sent {
            match command {
                Ok(command) => drop(self.hand_over(command)),
                Err(_) => self.toast(Key::RefusedInternal),
            }
        }
    }

    fn accept(&mut self, file: FileId, dir: PathBuf) {
        let Screen::Chat(chat) = &self.screen else { return };
        let Some(card) = chat.rooms.files().get(file) else { return };
        let (file, name): (_, FileName) = (card.file.clone(), card.name.clone());
        self.ask_file(FileCommand::Accept { file, name, dir });
    }

    /// The whole offer, and what is on its way of it here, or one person's part.
    fn take_back(&mut self, file: FileId, who: Option<sotto_proto::Username>) {
        let Screen::Chat(chat) = &self.screen else { return };
        let transfer = chat.rooms.files().get(file).and_then(|card| card.transfer.as_ref());
        let id = transfer.map(|transfer| transfer.id);
        match (id, &who) {
            (Some(id), None) if !self.is_done(id) => self.ask_file(FileCommand::Cancel(id)),
            _ => self.ask_file(FileCommand::TakeBack { file, who }),
        }
    }

    fn is_done(&self, id: TransferId) -> bool {
        let (Screen::Chat(chat), TransferId::Sending(cid)) = (&self.screen, id) else { return true };
        let transfer = chat.rooms.files().sending(cid);
        transfer.is_none_or(|transfer| matches!(transfer.phase, sotto_client::Phase::Done(_)))
    }

    fn cancel_transfer(&mut self, id: TransferId) {
        self.ask_file(FileCommand::Cancel(id));
        if let (Screen::Chat(chat), TransferId::Sending(cid)) = (&mut self.screen, id) {
            chat.rooms.unsend(cid);
        }
    }

    /// The user has chosen in a dialog of the system's.
    pub(super) fn picked(&mut self, picked: Picked) {
        match picked {
            Picked::Files(paths) => self.offer(paths),
            Picked::Folder(file, dir) => self.accept(file, dir),
            Picked::Nothing => {}
            Picked::NoDialog => self.toast(Key::FileNoDialog),
        }
    }
}

/// Notes how fast a transfer is.
pub(super) fn note_speed(chat: &mut Chat, update: &Update, now: u64) {
    let Update::Transfer(transfer) = update else { return };
    if transfer.phase == sotto_client::Phase::Running {
        let rate = chat.rates.entry(transfer.id).or_insert_with(|| Rates::new(now, transfer.done));
        rate.note(now, transfer.done);
    } else {
        chat.rates.remove(&transfer.id);
    }
}
