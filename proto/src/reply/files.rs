//! What a server tells of files.

use bytes::Bytes;

use super::{Reply, is_set, needed};
use crate::error::{DecodeError, ValueError};
use crate::file::{Attachment, FileId, FileName, FileStage, MediaType, Standing, checked_size};
use crate::frame::{Frame, FrameBuilder};
use crate::name::Username;
use crate::request::chunk;

/// What has become of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FileState {
    /// Which file.
    pub file: FileId,
    /// As a whole.
    pub stage: FileStage,
    /// How many bytes of it the server has.
    pub off: u64,
    /// Those who have said something to the offer: all of them for its sender, oneself for anybody else. An event
    /// names only those for whom something has changed.
    pub people: Vec<(Username, Standing)>,
}

pub(super) fn encode_file_state(head: FrameBuilder, state: &FileState) -> Bytes {
    let line = |(name, standing): &(Username, Standing)| format!("{name}\t{}", standing.to_words());
    let lines: Vec<_> = state.people.iter().map(line).collect();
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    head.tag("file", state.file).tag("stage", state.stage.as_str()).tag("off", state.off).fields(&lines)
}

/// The file of a message, whose text has to be a file's name then.
pub(super) fn attachment(frame: &Frame, text: &str) -> Result<Option<Attachment>, DecodeError> {
    let Some(id) = frame.parsed("file")? else {
        return Ok(None);
    };
    FileName::new(text)?;
    Ok(Some(Attachment {
        id,
        size: checked_size(needed(frame.number("size")?, "size")?)?,
        hash: frame.required("hash")?,
        media: frame.parsed("media")?.unwrap_or_else(MediaType::unknown),
        until: needed(frame.number("until")?, "until")?,
        gone: is_set(frame, "gone"),
    }))
}

pub(super) fn content(frame: &Frame) -> Result<Reply, DecodeError> {
    if frame.tag("file").is_none() {
        return Ok(Reply::SmallFile { content: frame.body() });
    }
    let (file, off, bytes) = chunk(frame)?;
    Ok(Reply::Chunk { file, off, bytes })
}

pub(super) fn go_on(frame: &Frame) -> Result<Reply, DecodeError> {
    let (off, upto) = (needed(frame.number("off")?, "off")?, needed(frame.number("upto")?, "upto")?);
    Ok(Reply::GoOn { file: frame.required("file")?, off, upto })
}

pub(super) fn file_state(frame: &Frame) -> Result<FileState, DecodeError> {
    let person = |line: &str| -> Result<_, DecodeError> {
        let (name, words) = line.split_once('\t').ok_or(DecodeError::Body("names, TAB and a standing"))?;
        // A word this version does not know says nothing to it.
        Ok(Standing::from_words(words)
            .map(|standing| Ok::<_, ValueError>((name.parse()?, standing)))
            .transpose()?)
    };
    let people = frame.lines()?.filter_map(|line| person(line).transpose()).collect::<Result<_, _>>()?;
    let (file, stage) = (frame.required("file")?, frame.required("stage")?);
    Ok(FileState { file, stage, off: needed(frame.number("off")?, "off")?, people })
}
