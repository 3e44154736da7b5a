//! Offers of files among what is said.

use std::path::PathBuf;

use sotto_proto::{Attachment, Audience, Cid, FileName, MessageText};

use super::{Fate, Offering, Outgoing, Rooms};
use crate::cid::cid_at;
use crate::update::{Command, FileCommand};

impl Rooms {
    /// Puts a file on its way; the command is for [`crate::Client::commands`].
    ///
    /// # Errors
    /// As [`Self::send`], or when the file has no name.
    pub fn send_file(&mut self, to: &Audience, path: PathBuf, now: u64) -> Result<Command, String> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = MessageText::new(&name).map_err(|error| error.to_string())?;
        let cid = cid_at(now)?;
        let to = self.enter(to);
        let file = Some(Offering::Preparing);
        self.outgoing.push(Outgoing { cid, to: to.clone(), text, at: now, fate: Fate::Waiting, file });
        self.arranged = false;
        Ok(Command::File(FileCommand::Send { cid, to, path }))
    }

    /// An offer of ours is stored. One that goes on after a restart is not here yet.
    pub(super) fn offered(
        &mut self,
        (cid, to): (Cid, &Audience),
        (name, file): (&FileName, &Attachment),
        now: u64,
    ) {
        let offered = Some(Offering::Offered(file.clone()));
        if let Some(outgoing) = self.outgoing.iter_mut().find(|outgoing| outgoing.cid == cid) {
            outgoing.file = offered;
            return;
        }
        let text = MessageText::from(name);
        let to = self.enter(to);
        self.outgoing.push(Outgoing { cid, to, text, at: now, fate: Fate::Waiting, file: offered });
    }
}
