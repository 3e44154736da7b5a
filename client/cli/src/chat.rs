//! `login`: chat in a terminal. Lines are messages; a line that begins with a slash is a command.

mod files;

use std::io;

use sotto_client::{Command, Update};
use sotto_proto::{Audience, Username};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::args::Cli;
use crate::commands::{Seated, latest, message, seat, show, stdin_lines};
use crate::connect::Purpose;
use crate::failure::Failure;
use crate::print::{Printer, name_among_words};
use files::Desk;

const HELP: &str = "\
lines are messages. /to bob carol   to these people (commas between names with spaces)
/all            to everyone
/who            who is here
/history [N]    the last N messages of this conversation
/send-file PATH offer a file to those the lines go to
/accept ID      take a file that is offered, into your downloads
/decline ID     do not take it
/quit           log out; so does the end of input, or Ctrl+C
//text          a message that begins with a slash";

/// Messages shown by `/history` without a number.
const SCREEN: usize = 20;

/// What a line asks for.
#[derive(Debug, Eq, PartialEq)]
enum Line {
    Say(String),
    To(Audience),
    Who,
    History(usize),
    SendFile(String),
    Accept(String),
    Decline(String),
    Help,
    Quit,
    Nothing,
    Wrong(String),
}

/// Chats until the end of input.
pub(crate) async fn run(cli: &Cli, printer: Printer) -> Result<(), Failure> {
    let mut seated = seat(cli, Purpose::Stay).await?;
    let me = seated.model.me().map(ToString::to_string).unwrap_or_default();
    printer.remark(&format!("you are {me}; lines go to everyone, /help explains the rest"))?;
    let mut lines = stdin_lines();
    let mut interrupted = Interrupted::listen()?;
    let mut to = Audience::Everyone;
    let mut desk = Desk::new(&seated, printer);
    loop {
        tokio::select! {
            line = lines.recv() => {
                let Some(line) = line else { break };
                if obey((&mut seated, &desk), &mut to, (parse(&line?), printer)).await? == Next::Leave {
                    break;
                }
            }
            update = seated.update() => {
                let update = update?;
                if !desk.told(&update, &seated)? {
                    told(&update, &seated, printer)?;
                }
            }
            () = interrupted.wait() => break,
        }
    }
    if desk.is_busy() {
        printer.remark("files that were on their way stop here")?;
    }
    seated.leave(|update, model| show(printer, update, model)).await
}

#[derive(Debug, Eq, PartialEq)]
enum Next {
    Stay,
    Leave,
}

async fn obey(
    (seated, desk): (&mut Seated, &Desk),
    to: &mut Audience,
    (line, printer): (Line, Printer),
) -> Result<Next, Failure> {
    match line {
        Line::Say(text) => match message(to, &text) {
            Ok(command) => drop(seated.client.send(command).await),
            Err(failure) => printer.remark(&failure.to_string())?,
        },
        Line::To(audience) => {
            printer.remark(&format!("lines go to {}", describe(&audience)))?;
            *to = audience;
        }
        Line::Who => drop(seated.client.send(Command::People).await),
        Line::History(count) => history(seated, to, (count, printer)).await?,
        Line::SendFile(path) => desk.send(seated, to, &path).await?,
        Line::Accept(file) => desk.accept(seated, &file).await?,
        Line::Decline(file) => desk.decline(seated, &file).await?,
        Line::Help => printer.remark(HELP)?,
        Line::Wrong(why) => printer.remark(&why)?,
        Line::Nothing => {}
        Line::Quit => return Ok(Next::Leave),
    }
    Ok(Next::Stay)
}

async fn history(
    seated: &mut Seated,
    to: &Audience,
    (count, printer): (usize, Printer),
) -> Result<(), Failure> {
    let Some(conv) = seated.model.find(to) else {
        return Ok(printer.remark(&format!("nothing has been said to {} yet", describe(to)))?);
    };
    for message in latest(seated, conv, count).await? {
        printer.message(&message, &seated.model)?;
    }
    Ok(())
}

fn told(update: &Update, seated: &Seated, printer: Printer) -> Result<(), Failure> {
    match update {
        Update::Sent { cid, conv, seq, at } => printer.sent((*cid, *conv), *seq, *at)?,
        Update::NotSent { sentence, .. } => printer.remark(sentence)?,
        Update::Refused(refusal) => printer.remark(&refusal.sentence)?,
        Update::People(people) => {
            people.iter().try_for_each(|(user, presence)| printer.user(user, *presence, &seated.model))?;
        }
        Update::LoggedIn { resumed: true, .. } => printer.remark("back again")?,
        other => show(printer, other, &seated.model)?,
    }
    Ok(())
}

fn parse(line: &str) -> Line {
    let Some(command) = line.strip_prefix('/') else {
        return if line.is_empty() { Line::Nothing } else { Line::Say(line.to_owned()) };
    };
    if command.starts_with('/') {
        return Line::Say(command.to_owned());
    }
    let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
    match (word, rest.trim()) {
        ("to", names) => audience(names).map_or_else(Line::Wrong, Line::To),
        ("all", _) => Line::To(Audience::Everyone),
        ("who", _) => Line::Who,
        ("history", "") => Line::History(SCREEN),
        ("history", count) => {
            count.parse().map_or_else(|_| Line::Wrong("/history 20".to_owned()), Line::History)
        }
        ("send-file" | "accept" | "decline", "") => Line::Wrong(format!("/{word} what?")),
        ("send-file", path) => Line::SendFile(path.to_owned()),
        ("accept", file) => Line::Accept(file.to_owned()),
        ("decline", file) => Line::Decline(file.to_owned()),
        ("help", _) => Line::Help,
        ("quit" | "exit", _) => Line::Quit,
        _ => Line::Wrong(format!("there is no /{word}; /help shows what there is")),
    }
}

fn audience(names: &str) -> Result<Audience, String> {
    let separators: &[char] = if names.contains([',', '，']) { &[',', '，'] } else { &[' ', '\t'] };
    let names = names.split(separators).map(str::trim).filter(|name| !name.is_empty());
    let names: Result<Vec<Username>, _> = names.map(str::parse).collect();
    names.and_then(Audience::set).map_err(|error| format!("/to bob carol: {error}"))
}

fn describe(audience: &Audience) -> String {
    match audience {
        Audience::Everyone => "everyone".to_owned(),
        Audience::Set(names) => {
            names.iter().map(|name| name_among_words(name.as_str())).collect::<Vec<_>>().join(", ")
        }
    }
}

/// Ctrl+C, or a request to end.
pub(crate) struct Interrupted {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupted {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(names: &[&str]) -> Line {
        Line::To(Audience::set(names.iter().map(|name| name.parse().unwrap())).unwrap())
    }

    #[test]
    fn lines_are_messages_and_slashes_are_commands() {
        assert_eq!(parse("hello /all"), Line::Say("hello /all".into()));
        assert_eq!(parse("//etc/passwd"), Line::Say("/etc/passwd".into()));
        assert_eq!(parse(""), Line::Nothing);
        assert_eq!(parse("/to bob carol"), to(&["bob", "carol"]));
        assert_eq!(parse("/to 李 雷，韩梅梅"), to(&["李 雷", "韩梅梅"]));
        assert_eq!(parse("/history 5"), Line::History(5));
        assert_eq!(parse("/send-file ~/my work.pdf"), Line::SendFile("~/my work.pdf".into()));
        assert_eq!(parse("/accept 1a2b"), Line::Accept("1a2b".into()));
        assert_eq!(parse("/decline 1a2b "), Line::Decline("1a2b".into()));
        assert!(matches!(parse("/accept"), Line::Wrong(_)));
        assert!(matches!(parse("/to"), Line::Wrong(_)));
        assert!(matches!(parse("/frobnicate"), Line::Wrong(_)));
    }
}
