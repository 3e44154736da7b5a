//! What a client did and saw, one line each, appended to a file of its own outside the server's data: all that the checker believes.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context;
use sotto_proto::{Cid, ConvId, Epoch};

/// Where a message is: its conversation and its place there.
pub type Place = (ConvId, u64);

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// The client starts, and knows nothing.
    Starts,
    /// It is let in, and the history is this one.
    In(Epoch),
    /// It is told to forget a conversation, or all of them.
    StartsOver(Option<ConvId>),
    /// It hands a message in, for these people; nobody named: for everyone.
    Sends(Cid, Vec<String>),
    /// The message is acknowledged, at this place.
    Acknowledged(Cid, Place),
    /// The message is refused.
    Refused(Cid),
    /// Somebody's message comes. Its text says its cid.
    Gets(Place, String, Cid),
    /// It is told that these are there and will not come by themselves.
    Hole(ConvId, u64, u64),
    /// It has looked up one of these.
    LooksUp(Place, String, Cid),
}

impl Event {
    fn line(&self) -> String {
        match self {
            Self::Starts => "starts".to_owned(),
            Self::In(epoch) => format!("in {epoch}"),
            Self::StartsOver(None) => "starts-over *".to_owned(),
            Self::StartsOver(Some(conv)) => format!("starts-over {conv}"),
            Self::Sends(cid, to) if to.is_empty() => format!("sends {cid} *"),
            Self::Sends(cid, to) => format!("sends {cid} {}", to.join(",")),
            Self::Acknowledged(cid, (conv, seq)) => format!("acknowledged {cid} {conv} {seq}"),
            Self::Refused(cid) => format!("refused {cid}"),
            Self::Hole(conv, from, to) => format!("hole {conv} {from} {to}"),
            Self::Gets((conv, seq), from, cid) => format!("gets {conv} {seq} {from} {cid}"),
            Self::LooksUp((conv, seq), from, cid) => format!("looks-up {conv} {seq} {from} {cid}"),
        }
    }
}

impl FromStr for Event {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let words: Vec<_> = line.split(' ').collect();
        Ok(match *words.as_slice() {
            ["starts"] => Self::Starts,
            ["in", epoch] => Self::In(epoch.parse()?),
            ["starts-over", "*"] => Self::StartsOver(None),
            ["starts-over", conv] => Self::StartsOver(Some(conv.parse()?)),
            ["sends", cid, "*"] => Self::Sends(cid.parse()?, Vec::new()),
            ["sends", cid, to] => Self::Sends(cid.parse()?, to.split(',').map(str::to_owned).collect()),
            ["acknowledged", cid, conv, seq] => {
                Self::Acknowledged(cid.parse()?, (conv.parse()?, seq.parse()?))
            }
            ["refused", cid] => Self::Refused(cid.parse()?),
            ["gets", conv, seq, from, cid] => {
                Self::Gets((conv.parse()?, seq.parse()?), from.to_owned(), cid.parse()?)
            }
            ["looks-up", conv, seq, from, cid] => {
                Self::LooksUp((conv.parse()?, seq.parse()?), from.to_owned(), cid.parse()?)
            }
            ["hole", conv, from, to] => Self::Hole(conv.parse()?, from.parse()?, to.parse()?),
            _ => anyhow::bail!("{line:?} is no line of a log"),
        })
    }
}

/// A log that is being written. Each line is one write: a kill tears at most the last.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// # Errors
    /// When the file cannot be opened.
    pub fn append_to(path: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self(file.with_context(|| format!("cannot write the log {}", path.display()))?))
    }

    /// Appends a line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(&mut self, event: &Event) -> anyhow::Result<()> {
        self.0.write_all(format!("{}\n", event.line()).as_bytes()).context("cannot write to a log")
    }
}

/// Reads a log. A last line that was not finished is no line.
///
/// # Errors
/// When it cannot be read, or is no log.
pub fn read(path: &Path) -> anyhow::Result<Vec<Event>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read the log {}", path.display()))?;
    let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
    whole.lines().map(str::parse).collect()
}

/// Takes away what a killed client has left of a line, so that the next run begins one of its own.
///
/// # Errors
/// When it cannot be read or written.
pub fn mend(path: &Path) -> anyhow::Result<()> {
    let bytes = std::fs::read(path)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    OpenOptions::new().write(true).open(path)?.set_len(u64::try_from(whole)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_noted_is_read_and_a_torn_line_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ann");
        let (cid, conv) = (Cid::from_bytes([7; 16]), ConvId::new(2).unwrap());
        let events = [
            Event::Starts,
            Event::In(Epoch::new(5)),
            Event::StartsOver(None),
            Event::StartsOver(Some(conv)),
            Event::Sends(cid, Vec::new()),
            Event::Sends(cid, vec!["ann".to_owned(), "bob".to_owned()]),
            Event::Acknowledged(cid, (conv, 3)),
            Event::Refused(cid),
            Event::Gets((conv, 4), "bob".to_owned(), cid),
            Event::Hole(conv, 5, 7),
            Event::LooksUp((conv, 5), "bob".to_owned(), cid),
        ];
        let mut log = Log::append_to(&path).unwrap();
        for event in &events {
            log.note(event).unwrap();
        }
        log.0.write_all(b"gets 2 5 bo").unwrap();
        assert_eq!(read(&path).unwrap(), events);
        mend(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap().last(), Some(&b'\n'));
        assert_eq!(read(&path).unwrap(), events);
    }
}
