//! `send-file --wait`: until everybody a file is for has declined it, or has all of it.

use std::collections::HashMap;

use sotto_client::{Card, Command, FileCommand, Files, Update};
use sotto_proto::{Audience, FileId, Standing, Username};

use super::{line, word};
use crate::commands::Seated;
use crate::failure::Failure;
use crate::print::Printer;

/// Prints what each of them says.
pub(super) async fn all(
    seated: &mut Seated,
    (files, sent): (&mut Files, Vec<FileId>),
    (to, printer): (&Audience, Printer),
) -> Result<(), Failure> {
    let mut said = Said::default();
    loop {
        for card in sent.iter().filter_map(|file| files.get(*file)) {
            said.tell(card, (files, seated), printer)?;
        }
        let open = |card: &Card| !is_answered(card, (to, seated.model.me()));
        if !sent.iter().filter_map(|file| files.get(*file)).any(open) {
            return Ok(());
        }
        let update = seated.update().await?;
        files.apply(&update);
        // What was said during a cut is in the list.
        if matches!(update, Update::LoggedIn { .. }) {
            seated.client.send(Command::File(FileCommand::List)).await;
        }
    }
}

/// What has been printed.
#[derive(Default)]
pub(crate) struct Said(HashMap<(FileId, Username), &'static str>);

impl Said {
    /// Prints what is new of an offer of ours.
    pub(crate) fn tell(
        &mut self,
        card: &Card,
        (files, seated): (&Files, &Seated),
        printer: Printer,
    ) -> Result<(), Failure> {
        for (who, standing) in &card.people {
            let said = word(*standing);
            if self.0.insert((card.file.id, who.clone()), said) != Some(said) {
                printer.standing(&line(card, files, seated), who, said)?;
            }
        }
        Ok(())
    }
}

/// Nothing more will be said. A file that is gone is not waited for, whoever has not answered.
fn is_answered(card: &Card, (to, me): (&Audience, Option<&Username>)) -> bool {
    let Audience::Set(names) = to else { return true };
    let settled = |name: &Username| {
        let standing = card.standing(name);
        matches!(standing, Some(Standing::Received | Standing::Declined | Standing::Cancelled))
    };
    card.file.gone || names.iter().filter(|name| Some(*name) != me).all(settled)
}
