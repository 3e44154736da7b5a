//! `send-file`, `files`, `accept`, `decline`: files, with their progress.

mod awaited;
mod bar;

use std::collections::HashSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use sotto_client::{
    Card, Command, FileCommand, Files, Phase, TransferId, Update, downloads, fresh_cid, is_program, safe_name,
};
use sotto_proto::{Audience, Cid, FileId, FileStage, Standing};

use crate::args::{Accept, Cli, SendFile};
use crate::commands::{Seated, seat};
use crate::connect::Purpose;
use crate::failure::Failure;
use crate::print::{FileLine, Printer};
pub(crate) use awaited::Said;
use bar::Bar;

/// `send-file`.
pub(crate) async fn send(cli: &Cli, asked: &SendFile, printer: Printer) -> Result<(), Failure> {
    let to = asked.to.audience().map_err(|error| Failure::Usage(error.to_string()))?;
    for path in &asked.paths {
        check(path)?;
    }
    let mut seated = seat(cli, Purpose::Transfer).await?;
    let mut files = known(&seated);
    let mut waiting = HashSet::new();
    for path in &asked.paths {
        waiting.insert(offer(&seated, &to, path).await?);
    }
    let sent = upload(&mut seated, (&mut files, waiting), printer).await?;
    if asked.wait {
        awaited::all(&mut seated, (&mut files, sent), (&to, printer)).await?;
    }
    seated.leave(|_, _| Ok(())).await
}

/// Offers a file; what becomes of it is told under this cid.
pub(crate) async fn offer(seated: &Seated, to: &Audience, path: &Path) -> Result<Cid, Failure> {
    let cid = fresh_cid().map_err(Failure::Usage)?;
    let path = std::path::absolute(path)?;
    seated.client.send(Command::File(FileCommand::Send { cid, to: to.clone(), path })).await;
    Ok(cid)
}

/// Waits until the server has all of these.
async fn upload(
    seated: &mut Seated,
    (files, mut waiting): (&mut Files, HashSet<Cid>),
    printer: Printer,
) -> Result<Vec<FileId>, Failure> {
    let mut bar = Bar::new(printer);
    let mut sent = Vec::new();
    while !waiting.is_empty() {
        let update = seated.update().await?;
        files.apply(&update);
        let Update::Transfer(transfer) = &update else { continue };
        let TransferId::Sending(cid) = transfer.id else { continue };
        if !waiting.contains(&cid) {
            continue;
        }
        bar.show(transfer)?;
        match &transfer.phase {
            Phase::Done(_) => {
                bar.clear();
                waiting.remove(&cid);
                if let Some(card) = transfer.file.and_then(|file| files.get(file)) {
                    printer.file(&line(card, files, seated))?;
                    sent.push(card.file.id);
                }
            }
            Phase::Failed(snag) => {
                bar.clear();
                return Err(Failure::Refused(format!("{}: {snag}", transfer.name)));
            }
            _ => {}
        }
    }
    Ok(sent)
}

/// What is wrong with a path is better said before anything is sent.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    let wrong = |why: String| Failure::Usage(format!("cannot send {}: {why}", path.display()));
    let found = std::fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !found.is_file() {
        return Err(wrong("only files can be sent; pack a folder into one first".to_owned()));
    }
    std::fs::File::open(path).map_err(|error| wrong(error.to_string())).map(drop)
}

/// `files`.
pub(crate) async fn list(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    let mut seated = seat(cli, Purpose::Errand).await?;
    let files = fetch(&mut seated).await?;
    let mut cards: Vec<_> = files.iter().filter(|card| !card.file.gone).collect();
    cards.sort_by_key(|card| (card.file.until, card.file.id));
    for card in cards {
        printer.file(&line(card, &files, &seated))?;
    }
    seated.leave(|_, _| Ok(())).await
}

/// `accept`.
pub(crate) async fn accept(cli: &Cli, asked: &Accept, printer: Printer) -> Result<(), Failure> {
    let mut seated = seat(cli, Purpose::Transfer).await?;
    let mut files = fetch(&mut seated).await?;
    let card = find(&files, &seated, &asked.file)?;
    let id = card.file.id;
    take(&mut seated, card, asked.into.clone().unwrap_or_else(downloads)).await?;
    let mut bar = Bar::new(printer);
    loop {
        let update = seated.update().await?;
        files.apply(&update);
        let Update::Transfer(transfer) = &update else { continue };
        if transfer.id != TransferId::Taking(id) {
            continue;
        }
        bar.show(transfer)?;
        match &transfer.phase {
            Phase::Done(_) => {
                bar.clear();
                if let Some(card) = files.get(id) {
                    printer.file(&line(card, &files, &seated))?;
                }
                return seated.leave(|_, _| Ok(())).await;
            }
            Phase::Failed(snag) => {
                bar.clear();
                return Err(Failure::Refused(format!("{}: {snag}", transfer.name)));
            }
            _ => {}
        }
    }
}

/// `decline`.
pub(crate) async fn decline(cli: &Cli, id: &str, printer: Printer) -> Result<(), Failure> {
    let mut seated = seat(cli, Purpose::Errand).await?;
    let files = fetch(&mut seated).await?;
    let card = find(&files, &seated, id)?.clone();
    seated.client.send(Command::File(FileCommand::Decline(card.file.id))).await;
    // The list that is asked for behind it tells that it has been heard.
    let files = fetch(&mut seated).await?;
    let card = files.get(card.file.id).unwrap_or(&card);
    printer.file(&FileLine { state: "declined", ..line(card, &files, &seated) })?;
    seated.leave(|_, _| Ok(())).await
}

/// Accepts a file: it is saved in `dir`.
pub(crate) async fn take(seated: &mut Seated, card: &Card, dir: PathBuf) -> Result<(), Failure> {
    let dir = std::path::absolute(dir)?;
    let (file, name) = (card.file.clone(), card.name.clone());
    seated.client.send(Command::File(FileCommand::Accept { file, name, dir })).await;
    Ok(())
}

/// Asks which files there are.
async fn fetch(seated: &mut Seated) -> Result<Files, Failure> {
    let mut files = known(seated);
    seated.client.send(Command::File(FileCommand::List)).await;
    loop {
        let update = seated.update().await?;
        files.apply(&update);
        match update {
            Update::Files { more, .. } => {
                if more {
                    writeln!(
                        std::io::stderr(),
                        "sotto-cli: there are older files that the server does not list; they come into view as newer ones go"
                    )?;
                }
                return Ok(files);
            }
            Update::Refused(refusal) => return Err(refusal.into()),
            _ => {}
        }
    }
}

/// Nothing but who is logged in.
pub(crate) fn known(seated: &Seated) -> Files {
    let mut files = Files::default();
    if let Some(user) = seated.model.me().cloned() {
        files.apply(&Update::LoggedIn { user, epoch: sotto_proto::Epoch::new(0), resumed: false });
    }
    files
}

/// The offer whose id begins like this.
pub(crate) fn find<'a>(files: &'a Files, seated: &Seated, typed: &str) -> Result<&'a Card, Failure> {
    let typed = typed.to_lowercase();
    let others = |card: &&Card| Some(&card.from) != seated.model.me() && !card.file.gone;
    let mut found = files.iter().filter(others).filter(|card| card.file.id.to_string().starts_with(&typed));
    match (found.next(), found.next()) {
        (Some(card), None) if typed.len() >= 4 => Ok(card),
        (Some(_), _) => {
            Err(Failure::Usage(format!("more than one file begins with {typed}; give more of its id")))
        }
        (None, _) => {
            let advice = "there is no such file for you; sotto-cli files shows what there is";
            Err(Failure::Refused(advice.to_owned()))
        }
    }
}

/// How a file is printed.
pub(crate) fn line<'a>(card: &'a Card, files: &Files, seated: &Seated) -> FileLine<'a> {
    let me = seated.model.me();
    let own = Some(&card.from) == me;
    let saved = card.transfer.as_ref().and_then(|transfer| match &transfer.phase {
        Phase::Done(path) => path.clone(),
        _ => None,
    });
    let standing = me.and_then(|me| card.standing(me));
    let state = match (own, card.file.gone, card.stage) {
        _ if saved.is_some() => "received",
        (_, true, _) | (_, _, Some(FileStage::Gone)) => "gone",
        (true, _, Some(FileStage::Stored)) => "stored",
        (true, ..) => {
            if is_stored(card, files) {
                "stored"
            } else {
                "uploading"
            }
        }
        (false, ..) => standing.map_or("offered", word),
    };
    let people = card.people.iter().filter(|_| own).map(|(who, standing)| (who.as_str(), word(*standing)));
    let name = safe_name(&card.name);
    FileLine {
        file: card.file.id.to_string(),
        program: is_program(&name),
        name,
        size: card.file.size,
        from: card.from.as_str(),
        state,
        people: people.collect(),
        path: saved,
    }
}

fn is_stored(card: &Card, files: &Files) -> bool {
    let transfer = card.transfer.as_ref().and_then(|transfer| match transfer.id {
        TransferId::Sending(cid) => files.sending(cid),
        TransferId::Taking(_) => None,
    });
    transfer.is_some_and(|transfer| matches!(transfer.phase, Phase::Done(_)))
}

pub(crate) fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Accepted(_) => "accepted",
        Standing::Declined => "declined",
        Standing::Received => "received",
        Standing::Cancelled => "cancelled",
    }
}
