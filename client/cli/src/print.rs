//! What goes to standard output: lines for people, or one JSON object a line.

mod files;
mod plain;

use std::io::{self, Write};

use serde::Serialize;
use sotto_client::Model;
use sotto_proto::{Cid, ConvId, ConvKind, Message, Presence, Seq, Username};
use time::{OffsetDateTime, UtcOffset};

use crate::failure::Failure;
pub(crate) use files::{FileLine, size};
pub(crate) use plain::{name_among_words, word};

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    json: bool,
    offset: UtcOffset,
}

/// One JSON line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<'a> {
    Message {
        conversation: String,
        kind: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        members: Vec<&'a str>,
        seq: u64,
        from: &'a str,
        text: &'a str,
        at: u64,
        /// It came to the server without encryption.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        clear: bool,
        /// The file it offers; its text is that file's name.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    },
    Presence {
        user: &'a str,
        online: bool,
    },
    User {
        user: &'a str,
        online: bool,
        /// Reached without encryption.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        clear: bool,
    },
    Sent {
        cid: String,
        conversation: String,
        seq: u64,
        at: u64,
    },
    PasswordChanged,
    Registered {
        user: &'a str,
    },
    Trusted {
        server: String,
        pin: String,
    },
    File(&'a FileLine<'a>),
    Standing {
        file: &'a str,
        name: &'a str,
        user: &'a str,
        standing: &'a str,
    },
    Progress {
        file: &'a str,
        name: &'a str,
        done: u64,
        size: u64,
    },
    CaughtUp,
    Hole {
        conversation: String,
        from: u64,
        to: u64,
    },
    Error {
        reason: &'a str,
        message: &'a str,
    },
}

impl Printer {
    /// Reads the time zone: call it before there is a second thread.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, offset: UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC) }
    }

    pub(crate) fn message(self, message: &Message, model: &Model) -> io::Result<()> {
        let known = model.conversation(message.conv);
        let kind = known.map_or(ConvKind::Lobby, |known| known.kind);
        let members: Vec<_> =
            known.map(|known| known.members.iter().map(Username::as_str).collect()).unwrap_or_default();
        if self.json {
            return line(&Line::Message {
                conversation: message.conv.to_string(),
                kind: kind.as_str(),
                members,
                seq: message.seq.get(),
                from: message.from.as_str(),
                text: message.text.as_str(),
                at: message.at,
                clear: message.clear,
                file: message.file.as_ref().map(|file| file.id.to_string()),
            });
        }
        let others = members.into_iter().filter(|name| *name != message.from.as_str());
        let to = if kind == ConvKind::Lobby { Vec::new() } else { others.collect() };
        text_line(&format!("{} {}", self.clock(message.at), said(message, &to)))
    }

    pub(crate) fn presence(self, user: &Username, online: bool) -> io::Result<()> {
        if self.json {
            return line(&Line::Presence { user: user.as_str(), online });
        }
        let user = name_among_words(user.as_str());
        text_line(&format!("* {user} {}", if online { "joined" } else { "left" }))
    }

    pub(crate) fn user(self, user: &Username, presence: Presence, model: &Model) -> io::Result<()> {
        let (online, clear) = (presence == Presence::Online, model.is_in_the_clear(user));
        if self.json {
            return line(&Line::User { user: user.as_str(), online, clear });
        }
        let mark = if clear { " (not encrypted)" } else { "" };
        let user = plain::name(user.as_str());
        text_line(&format!("{} {user}{mark}", if online { "●" } else { "○" }))
    }

    pub(crate) fn sent(self, (cid, conv): (Cid, ConvId), seq: Seq, at: u64) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        line(&Line::Sent { cid: cid.to_string(), conversation: conv.to_string(), seq: seq.get(), at })
    }

    pub(crate) fn registered(self, user: &Username) -> io::Result<()> {
        if self.json {
            return line(&Line::Registered { user: user.as_str() });
        }
        text_line(&format!("The account {user} is there. Now: sotto-cli login"))
    }

    pub(crate) fn password_changed(self) -> io::Result<()> {
        if self.json {
            return line(&Line::PasswordChanged);
        }
        text_line("The password is the new one from now on")
    }

    pub(crate) fn trusted(self, server: String, pin: sotto_proto::Pin) -> io::Result<()> {
        if self.json {
            return line(&Line::Trusted { server, pin: pin.to_string() });
        }
        text_line(&format!("{server} is trusted from now on: {pin}"))
    }

    pub(crate) fn caught_up(self) -> io::Result<()> {
        if self.json { line(&Line::CaughtUp) } else { Ok(()) }
    }

    pub(crate) fn hole(self, conv: ConvId, from: Seq, to: Seq) -> io::Result<()> {
        if self.json {
            return line(&Line::Hole { conversation: conv.to_string(), from: from.get(), to: to.get() });
        }
        let count = to.get() - from.get() + 1;
        text_line(&format!("* {count} older messages are in the history"))
    }

    pub(crate) fn failure(self, failure: &Failure) -> io::Result<()> {
        let message = failure.to_string();
        if self.json { line(&Line::Error { reason: failure.kind(), message: &message }) } else { Ok(()) }
    }

    /// A remark of ours, for people only.
    pub(crate) fn remark(self, text: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { text_line(&format!("* {}", plain::text(text))) }
    }

    fn clock(self, at: u64) -> String {
        let at = i128::from(at) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(at).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let time = time.to_offset(self.offset);
        format!("{:02}:{:02}", time.hour(), time.minute())
    }
}

/// Who says what to whom.
fn said(message: &Message, to: &[&str]) -> String {
    let to: Vec<_> = to.iter().map(|name| plain::name(name)).collect();
    let to = if to.is_empty() { String::new() } else { format!(" → {}", to.join(", ")) };
    let text = match &message.file {
        Some(file) => format!("[file] {} ({})", word(message.text.as_str()), size(file.size)),
        None => plain::text(message.text.as_str()),
    };
    let clear = if message.clear { " (not encrypted)" } else { "" };
    format!("{}{clear}{to}: {text}", plain::name(message.from.as_str()))
}

/// Something that is wrong, on standard error. It may quote the server.
pub(crate) fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "sotto-cli: {}", plain::text(what));
}

fn line(line: &Line<'_>) -> io::Result<()> {
    text_line(&plain::json(&serde_json::to_string(line)?))
}

fn text_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(from: &str, text: &str) -> Message {
        let (conv, seq) = (ConvId::new(1).unwrap(), Seq::new(1).unwrap());
        let (from, text) = (from.parse().unwrap(), sotto_proto::MessageText::new(text).unwrap());
        Message { conv, seq, at: 0, cid: None, from, text, clear: false, file: None }
    }

    #[test]
    fn nobody_s_line_is_taken_for_somebody_else_s() {
        assert_eq!(said(&message("ann", "hi: there"), &[]), "ann: hi: there");
        assert_eq!(said(&message("ann: hi", "there"), &[]), r#""ann: hi": there"#);
        assert_eq!(
            said(&message("ann (not encrypted)", "x"), &["bob, tom"]),
            r#""ann (not encrypted)" → "bob, tom": x"#
        );
        let imitated = said(&message("ann", "a\n12:00 bob: b\n* bob left"), &["bob"]);
        assert_eq!(imitated, "ann → bob: a\n        12:00 bob: b\n        * bob left");
    }

    #[test]
    fn a_json_line_is_what_scripts_were_promised() {
        let message = Line::Message {
            conversation: "3".into(),
            kind: "set",
            members: vec!["ann", "bob"],
            seq: 7,
            from: "ann",
            text: "hi",
            at: 1_764_000_000_000,
            clear: false,
            file: None,
        };
        let expected = r#"{"type":"message","conversation":"3","kind":"set","members":["ann","bob"],"seq":7,"from":"ann","text":"hi","at":1764000000000}"#;
        assert_eq!(serde_json::to_string(&message).unwrap(), expected);
        assert_eq!(serde_json::to_string(&Line::CaughtUp).unwrap(), r#"{"type":"caught-up"}"#);
    }
}
