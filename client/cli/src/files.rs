//! `send-file`, `files`, `accept`, `decline`: files, with their progress.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sotto_client::{
    Card, Command, FileCommand, Files, Phase, Transfer, TransferId, Update, downloads, is_program,
    random_cid, safe_name,
};
use sotto_proto::{Cid, FileId, FileStage, Standing};

use crate::args::{Accept, Cli, SendFile};
use crate::commands::{Seated, seat};
use crate::connect::Purpose;
use crate::failure::Failure;
use crate::print::{FileLine, Printer};

/// Between two looks at a bar, and two lines of progress.
const SHOW_AFTER: Duration = Duration::from_millis(200);

/// `send-file`.
pub(crate) async fn send(cli: &Cli, asked: &SendFile, printer: Printer) -> Result<(), Failure> {
    let to = asked.to.audience().map_err(|error| Failure::Usage(error.to_string()))?;
    for path in &asked.paths {
        check(path)?;
    }
    let mut seated = seat(cli, Purpose::Transfer).await?;
    let mut files = known(&seated);
    let mut waiting: HashMap<Cid, Option<FileId>> = HashMap::new();
    for path in &asked.paths {
        let cid = random_cid().map_err(Failure::Usage)?;
        let path = std::path::absolute(path)?;
        seated.client.send(Command::File(FileCommand::Send { cid, to: to.clone(), path })).await;
        waiting.insert(cid, None);
    }
    let mut bar = Bar::new(printer);
    while !waiting.is_empty() {
        let update = seated.update().await?;
        files.apply(&update);
        let Update::Transfer(transfer) = &update else { continue };
        let TransferId::Sending(cid) = transfer.id else { continue };
        if !waiting.contains_key(&cid) {
            continue;
        }
        bar.show(transfer)?;
        match &transfer.phase {
            Phase::Done(_) => {
                bar.clear();
                waiting.remove(&cid);
                if let Some(card) = transfer.file.and_then(|file| files.get(file)) {
                    printer.file(&line(card, &files, &seated))?;
                }
            }
            Phase::Failed(snag) => {
                bar.clear();
                return Err(Failure::Refused(format!("{}: {snag}", transfer.name)));
            }
            _ => {}
        }
    }
    seated.leave(|_, _| Ok(())).await
}

/// What is wrong with a path is better said before anything is sent.
fn check(path: &Path) -> Result<(), Failure> {
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
            Update::Files(_) => return Ok(files),
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

fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::Accepted(_) => "accepted",
        Standing::Declined => "declined",
        Standing::Received => "received",
        Standing::Cancelled => "cancelled",
    }
}

/// A bar on a terminal, lines of progress for programs, nothing otherwise.
struct Bar {
    printer: Printer,
    shown: HashMap<TransferId, Instant>,
    began: HashMap<TransferId, (Instant, u64)>,
    on_screen: bool,
}

impl Bar {
    fn new(printer: Printer) -> Self {
        Self { printer, shown: HashMap::new(), began: HashMap::new(), on_screen: false }
    }

    fn show(&mut self, transfer: &Transfer) -> Result<(), Failure> {
        let now = Instant::now();
        let due = self.shown.get(&transfer.id).is_none_or(|shown| now.duration_since(*shown) >= SHOW_AFTER);
        if !due || transfer.phase != Phase::Running {
            return Ok(());
        }
        self.shown.insert(transfer.id, now);
        let (since, from) = *self.began.entry(transfer.id).or_insert((now, transfer.done));
        if self.printer.is_json() {
            let file = transfer.file.map(|file| file.to_string()).unwrap_or_default();
            self.printer.progress(&file, &transfer.name, (transfer.done, transfer.size))?;
        } else if std::io::stderr().is_terminal() {
            self.on_screen = true;
            let text = bar(transfer, transfer.done.saturating_sub(from), now.duration_since(since));
            write!(std::io::stderr(), "\r\x1b[K{text}")?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.on_screen) {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// `hw3.pdf  62 %  2.1 MB/s  8 s left`
fn bar(transfer: &Transfer, moved: u64, elapsed: Duration) -> String {
    let percent = transfer.done.saturating_mul(100) / transfer.size.max(1);
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = moved.saturating_mul(1000) / millis;
    let mut text = format!("{}  {percent} %", transfer.name);
    if let Some(left) = transfer.size.saturating_sub(transfer.done).checked_div(rate) {
        text.push_str(&format!("  {}/s  {left} s left", crate::print::size(rate)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_tells_how_far_how_fast_and_how_long() {
        let transfer = Transfer {
            id: TransferId::Sending(Cid::from_bytes([0; 16])),
            file: None,
            to: None,
            name: "hw3.pdf".into(),
            size: 10_000_000,
            done: 6_200_000,
            phase: Phase::Running,
        };
        let shown = bar(&transfer, 4_200_000, Duration::from_secs(2));
        assert_eq!(shown, "hw3.pdf  62 %  2.0 MB/s  1 s left");
        assert_eq!(bar(&transfer, 0, Duration::ZERO), "hw3.pdf  62 %");
    }
}
