//! The commands that do one thing and end.

use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use sotto_client::{
    Client, Command, Files, Model, Phase, Problem, Registration, Transfer, Trouble, Trust, Update, fresh_cid,
    inspect,
};
use sotto_proto::{Audience, ConvId, FileId, Message, MessageText, Page, Pin, Presence, Standing, limits};
use tokio::sync::mpsc;

use crate::args::{Cli, History, Listen, Send};
use crate::connect::{Purpose, Target, password, target};
use crate::failure::Failure;
use crate::files;
use crate::print::{Printer, complain};

/// How often a server that answers, and then says that it is too busy, is asked to let somebody in.
const LOG_IN_TRIES: u32 = 5;
/// Messages that `send --lines` has handed over and not yet seen stored.
const IN_FLIGHT: usize = 256;

/// A client that is logged in, and what it knows.
pub(crate) struct Seated {
    target: Target,
    pub(crate) client: Client,
    pub(crate) model: Model,
}

/// Logs in, or says why not. What comes before the log-in is finished is in the model.
pub(crate) async fn seat(cli: &Cli, purpose: Purpose) -> Result<Seated, Failure> {
    let target = target(cli)?;
    let mut client = target.log_in(cli, purpose)?;
    let mut model = Model::default();
    let mut tries = 1;
    loop {
        let update = next(&mut client).await?;
        model.apply(&update);
        target.note(&update)?;
        match update {
            Update::LoggedIn { user, .. } => {
                target.remember(Some(&user))?;
                return Ok(Seated { target, client, model });
            }
            Update::Reconnecting { why, .. } if tries == LOG_IN_TRIES => {
                return Err(Failure::Unreachable(why.to_string()));
            }
            Update::Reconnecting { wait, why } => {
                tries += 1;
                say_reconnecting(wait, &why);
            }
            _ => {}
        }
    }
}

fn say_reconnecting(wait: Duration, why: &Trouble) {
    complain(&format!("{why}; trying again in {:.1} s", wait.as_secs_f32()));
}

async fn next(client: &mut Client) -> Result<Update, Failure> {
    match client.update().await {
        Some(Update::Ended(problem)) => Err(problem.into()),
        Some(update) => Ok(update),
        None => Err(Failure::Unreachable("the connection was lost".to_owned())),
    }
}

impl Seated {
    pub(crate) async fn update(&mut self) -> Result<Update, Failure> {
        let update = next(&mut self.client).await?;
        self.model.apply(&update);
        self.target.note(&update)?;
        Ok(update)
    }

    /// Logs out, and hands what still comes to `with`.
    pub(crate) async fn leave(
        mut self,
        mut with: impl FnMut(&Update, &Model) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.client.send(Command::LogOut).await;
        while let Some(update) = self.client.update().await {
            self.model.apply(&update);
            self.target.note(&update)?;
            match &update {
                Update::Ended(Problem::LoggedOut) => return Ok(()),
                Update::Ended(problem) => return Err(problem.clone().into()),
                other => with(other, &self.model)?,
            }
        }
        Ok(())
    }

    async fn until_caught_up(&mut self) -> Result<(), Failure> {
        while self.update().await? != Update::CaughtUp {}
        Ok(())
    }

    async fn page(&mut self, conv: ConvId, page: Page, limit: u16) -> Result<(Vec<Message>, bool), Failure> {
        self.client.send(Command::History { conv, page, limit }).await;
        loop {
            match self.update().await? {
                Update::History { messages, more, .. } => return Ok((messages, more)),
                Update::Refused(refusal) => return Err(refusal.into()),
                _ => {}
            }
        }
    }
}

/// `register`.
pub(crate) async fn register(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    let target = target(cli)?;
    let user = target.user(cli)?;
    let asked =
        Registration { user: user.clone(), password: password(cli)?, invite: target.link.invite.clone() };
    Client::register(&target.dial, asked).await?;
    target.remember(Some(&user))?;
    Ok(printer.registered(&user)?)
}

/// `send`.
pub(crate) async fn send(cli: &Cli, send: &Send, printer: Printer) -> Result<(), Failure> {
    let to = send.to.audience().map_err(|error| Failure::Usage(error.to_string()))?;
    let mut texts = if send.lines { stdin_lines() } else { one(whole_text(send)?) };
    let mut seated = seat(cli, Purpose::Errand).await?;
    let mut waiting = 0;
    let mut open = true;
    while open || waiting > 0 {
        tokio::select! {
            text = texts.recv(), if open && waiting < IN_FLIGHT => match text {
                Some(text) => {
                    seated.client.send(message(&to, &text?)?).await;
                    waiting += 1;
                }
                None => open = false,
            },
            update = seated.update() => match update? {
                Update::Sent { cid, conv, seq, at } => {
                    printer.sent((cid, conv), seq, at)?;
                    waiting -= 1;
                }
                Update::NotSent { sentence, .. } => return Err(Failure::Refused(sentence)),
                _ => {}
            },
        }
    }
    seated.leave(|_, _| Ok(())).await
}

pub(crate) fn message(to: &Audience, text: &str) -> Result<Command, Failure> {
    let text = MessageText::new(text).map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Command::Send { cid: fresh_cid().map_err(Failure::Usage)?, to: to.clone(), text })
}

/// `listen`.
pub(crate) async fn listen(cli: &Cli, listen: &Listen, printer: Printer) -> Result<(), Failure> {
    let mut seated = seat(cli, Purpose::Stay).await?;
    let mut left = listen.count.unwrap_or(u64::MAX);
    let mut interrupted = crate::chat::Interrupted::listen()?;
    let mut offers = Offers::new(&seated, listen.accept_files.clone());
    while left > 0 {
        let update = tokio::select! {
            update = seated.update() => update?,
            () = interrupted.wait() => break,
        };
        if !offers.take(&mut seated, &update, printer).await? {
            show(printer, &update, &seated.model)?;
        }
        match update {
            Update::Message(_) => left -= 1,
            Update::CaughtUp if listen.until_caught_up => break,
            _ => {}
        }
    }
    // What comes until the server says good-bye counts as taken: print it, too.
    seated.leave(|update, model| show(printer, update, model)).await
}

/// Prints what anybody who listens is to see.
pub(crate) fn show(printer: Printer, update: &Update, model: &Model) -> Result<(), Failure> {
    match update {
        Update::Message(message) => printer.message(message, model)?,
        Update::Hole { conv, from, to } => printer.hole(*conv, *from, *to)?,
        Update::CaughtUp => printer.caught_up()?,
        Update::Joined(people) => people.iter().try_for_each(|user| printer.presence(user, true))?,
        Update::Left(people) => people.iter().try_for_each(|user| printer.presence(user, false))?,
        Update::Reconnecting { wait, why } => say_reconnecting(*wait, why),
        _ => {}
    }
    Ok(())
}

/// The files of somebody who listens: each is told once it is offered, and taken where that was asked for.
struct Offers {
    files: Files,
    dir: Option<PathBuf>,
}

impl Offers {
    fn new(seated: &Seated, dir: Option<PathBuf>) -> Self {
        Self { files: files::known(seated), dir }
    }

    /// Whether all is said of this update.
    async fn take(
        &mut self,
        seated: &mut Seated,
        update: &Update,
        printer: Printer,
    ) -> Result<bool, Failure> {
        self.files.apply(update);
        match update {
            Update::Message(message) if message.file.is_some() => {
                let file = message.file.as_ref().map(|file| file.id);
                if let Some(card) = file.and_then(|file| self.files.get(file)) {
                    printer.file(&files::line(card, &self.files, seated))?;
                    self.accept(seated, file).await?;
                }
                Ok(true)
            }
            Update::Files { files: listed, .. } => {
                for (_, state) in listed {
                    self.accept(seated, Some(state.file)).await?;
                }
                Ok(true)
            }
            Update::Transfer(transfer) => {
                self.told(transfer, seated, printer)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn accept(&self, seated: &mut Seated, file: Option<FileId>) -> Result<(), Failure> {
        let Some((dir, card)) = self.dir.clone().zip(file.and_then(|file| self.files.get(file))) else {
            return Ok(());
        };
        let answered = seated.model.me().and_then(|me| card.standing(me));
        let open = matches!(answered, None | Some(Standing::Accepted(_))) && card.transfer.is_none();
        if open && Some(&card.from) != seated.model.me() && !card.file.gone {
            files::take(seated, card, dir).await?;
        }
        Ok(())
    }

    fn told(&self, transfer: &Transfer, seated: &Seated, printer: Printer) -> Result<(), Failure> {
        let card = transfer.file.and_then(|file| self.files.get(file));
        match (&transfer.phase, card) {
            (Phase::Done(Some(_)), Some(card)) => printer.file(&files::line(card, &self.files, seated))?,
            (Phase::Failed(snag), _) => {
                complain(&format!("{}: {snag}", transfer.name));
            }
            _ => {}
        }
        Ok(())
    }
}

/// `users`.
pub(crate) async fn users(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    let mut seated = seat(cli, Purpose::Errand).await?;
    seated.client.send(Command::People).await;
    loop {
        match seated.update().await? {
            Update::People(people) => {
                let me = seated.model.me().map(|me| (me.clone(), Presence::Online));
                let mut everyone: Vec<_> = people.into_iter().chain(me).collect();
                everyone.sort_by(|(a, _), (b, _)| a.cmp(b));
                everyone
                    .iter()
                    .try_for_each(|(user, presence)| printer.user(user, *presence, &seated.model))?;
                return seated.leave(|_, _| Ok(())).await;
            }
            Update::Refused(refusal) => return Err(refusal.into()),
            _ => {}
        }
    }
}

/// `history`.
pub(crate) async fn history(cli: &Cli, asked: &History, printer: Printer) -> Result<(), Failure> {
    let audience = asked.with.audience().map_err(|error| Failure::Usage(error.to_string()))?;
    let mut seated = seat(cli, Purpose::Errand).await?;
    seated.until_caught_up().await?;
    let messages = match seated.model.find(&audience) {
        Some(conv) => latest(&mut seated, conv, asked.limit).await?,
        None => Vec::new(),
    };
    messages.iter().try_for_each(|message| printer.message(message, &seated.model))?;
    seated.leave(|_, _| Ok(())).await
}

/// The latest messages of a conversation, page by page.
pub(crate) async fn latest(seated: &mut Seated, conv: ConvId, limit: usize) -> Result<Vec<Message>, Failure> {
    let mut messages: Vec<Message> = Vec::new();
    loop {
        let missing = limit - messages.len();
        let size = u16::try_from(missing).unwrap_or(u16::MAX).min(limits::MAX_PAGE);
        if size == 0 {
            return Ok(messages);
        }
        let page = messages.first().map_or(Page::Latest, |first| Page::Before(first.seq));
        let (mut older, more) = seated.page(conv, page, size).await?;
        older.append(&mut messages);
        messages = older;
        if !more {
            return Ok(messages);
        }
    }
}

/// `trust`.
pub(crate) async fn trust(cli: &Cli, fingerprint: Option<&str>, printer: Printer) -> Result<(), Failure> {
    let mut target = target(cli)?;
    let seen = inspect(&target.link).await?.pin;
    let expected = match (fingerprint, target.link.pin) {
        (Some(typed), _) => parse(typed)?,
        (None, Some(pin)) => pin,
        (None, None) => ask(&target, seen)?,
    };
    if expected != seen {
        let address = target.link.address();
        let sentence = format!(
            "{address} shows another fingerprint: {seen}; do not trust it before its operator has explained that"
        );
        return Err(Failure::NotTrusted(sentence));
    }
    target.dial.trust = Trust::Pin(seen);
    target.remember(None)?;
    Ok(printer.trusted(target.link.address(), seen)?)
}

fn parse(typed: &str) -> Result<Pin, Failure> {
    typed.parse().map_err(|_| Failure::Usage("that is not a SHA-256 fingerprint".to_owned()))
}

/// Shows a fingerprint, and has it typed: somebody who only says "yes" has not compared.
fn ask(target: &Target, seen: Pin) -> Result<Pin, Failure> {
    let address = target.link.address();
    let mut stderr = std::io::stderr();
    writeln!(stderr, "{address} shows this fingerprint:\n\n  {seen}\n  {}\n", seen.to_groups())?;
    if !std::io::stdin().is_terminal() {
        let sentence = format!(
            "compare it with what the server printed, then: sotto-cli --server {address} trust --fingerprint {seen}"
        );
        return Err(Failure::NotTrusted(sentence));
    }
    write!(stderr, "Paste the fingerprint that the server's operator gave you: ")?;
    stderr.flush()?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    parse(&typed)
}

fn whole_text(send: &Send) -> Result<String, Failure> {
    match send.text.as_deref() {
        Some("-") => {
            let mut text = String::new();
            let read = std::io::stdin().take(1 << 20).read_to_string(&mut text);
            read.map_err(|error| Failure::Usage(format!("cannot read standard input: {error}")))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        text => Ok(text.unwrap_or_default().to_owned()),
    }
}

type Texts = mpsc::Receiver<Result<String, Failure>>;

fn one(text: String) -> Texts {
    let (texts, receiver) = mpsc::channel(1);
    let _ = texts.try_send(Ok(text));
    receiver
}

/// Lines of standard input, read by a thread of their own.
pub(crate) fn stdin_lines() -> Texts {
    let (lines, receiver) = mpsc::channel(IN_FLIGHT);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let line = line.map_err(|error| Failure::Usage(format!("cannot read standard input: {error}")));
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
