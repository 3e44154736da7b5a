//! The part of a session that concerns files: what users ask, what the server says, and what the disk has done.

use std::time::Instant;

use bytes::Bytes;
use sotto_proto::{Answer, Attachment, Cid, FileId, FileState, Message, Reply, Request};

use super::{Asked, Session, State};
use crate::disk::{Done, Job};
use crate::transfers::TransferId;
use crate::update::{Command, FileCommand, Update};

impl Session {
    /// What the disk is to do next.
    pub(crate) fn poll_job(&mut self) -> Option<Job> {
        self.transfers.poll_job()
    }

    /// Content of a file, to be sent when nothing else waits.
    pub(crate) fn poll_chunk(&mut self) -> Option<[Bytes; 2]> {
        if self.state == State::LoggedIn { self.transfers.poll_chunk() } else { None }
    }

    /// The disk has done something.
    pub(crate) fn disk_done(&mut self, done: Done, now: Instant) {
        self.transfers.done(done, now);
    }

    /// Does what a user interface asks about files.
    pub(super) fn file_command(&mut self, command: FileCommand) {
        match command {
            FileCommand::Send { cid, to, path } => self.transfers.send(cid, to, path),
            FileCommand::Accept { file, name, dir } => self.transfers.accept((&file, &name), dir),
            FileCommand::Decline(_) | FileCommand::TakeBack { .. } | FileCommand::List => {
                self.say_of_files(command);
            }
            FileCommand::Cancel(id) => self.cancel(id),
            FileCommand::Pause(id) => self.transfers.pause(id),
            FileCommand::GoOn(id) => self.transfers.go_on(id),
        }
    }

    /// What is only said; it waits for a session.
    fn say_of_files(&mut self, command: FileCommand) {
        let (file, answer, who) = match command {
            command if self.state != State::LoggedIn => return self.held.push(Command::File(command)),
            FileCommand::Decline(file) => (file, Answer::Decline, None),
            FileCommand::TakeBack { file, who } => (file, Answer::Cancel, who),
            _ => return self.list_files(),
        };
        self.output.push_back(Request::Answer { file, answer, who }.encode(None));
    }

    fn cancel(&mut self, id: TransferId) {
        let said = self.transfers.cancel(id);
        if let Some((file, answer)) = said {
            self.say_of_files(match answer {
                Answer::Decline => FileCommand::Decline(file),
                _ => FileCommand::TakeBack { file, who: None },
            });
        }
    }

    pub(super) fn list_files(&mut self) {
        self.ask(&Request::Files, Asked::Files { files: Vec::new(), message: None });
    }

    /// What an acknowledged offer of ours has become.
    pub(super) fn offered(&mut self, cid: Cid, file: FileId) -> Option<Update> {
        let (info, to) = self.transfers.stored(cid, file)?;
        // When it ends is in the list of files, if anybody asks.
        let until = u64::MAX;
        let attachment =
            Attachment { id: file, size: info.size, hash: info.hash, media: info.media, until, gone: false };
        Some(Update::Offered { cid, to, name: info.name, file: attachment })
    }

    /// What the server says of files.
    pub(super) fn hear_of_file(&mut self, reply: Reply, now: Instant) {
        self.transfers.hear(&reply, now);
        match reply {
            Reply::FileState(state) => self.updates.push_back(Update::FileState(state)),
            Reply::FileRefused { file, refusal } => {
                self.updates.push_back(Update::FileRefused { file, refusal });
            }
            _ => {}
        }
    }

    /// One frame of the list of files.
    pub(super) fn listed(
        &mut self,
        (mut files, message): (Vec<(Message, FileState)>, Option<Message>),
        reply: Reply,
    ) -> Option<Asked> {
        let message = match (reply, message) {
            (Reply::Message(message), _) => Some(message),
            (Reply::FileState(state), Some(message)) => {
                files.push((message, state));
                None
            }
            (Reply::End { more }, _) => {
                self.updates.push_back(Update::Files { files, more });
                return None;
            }
            (_, message) => message,
        };
        Some(Asked::Files { files, message })
    }
}
