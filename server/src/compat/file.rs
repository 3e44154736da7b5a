//! Files of an original client: it sends content and nothing else, so the adapter offers it for it, as any client would, and
//! hands the content over as the server asks for it.

use bytes::Bytes;
use sotto_proto::{
    Attachment, Audience, Cid, FileHash, FileId, FileInfo, FileName, FileStage, MediaType, Message,
    MessageText, ORIGINAL_FILE, Offer, Reply, Request, ValueError, limits,
};

/// A file on its way from an original client.
pub(super) struct Sending {
    cid: Cid,
    file: Option<FileId>,
    content: Bytes,
    next: u64,
}

/// What is to be done about a reply.
pub(super) enum Step {
    /// It does not concern this file.
    Other,
    /// These go to the session.
    Say(Vec<Request>),
    /// The session has all of it.
    Done,
    /// It is not taken.
    Refused,
}

impl Sending {
    /// Begins, with the request that offers the file to everyone.
    pub(super) fn begin(content: Bytes) -> Option<(Self, Request)> {
        let mut cid = [0; 16];
        getrandom::fill(&mut cid).ok()?;
        let cid = Cid::from_bytes(cid);
        let file = describe(&content).ok()?;
        let offer = Request::Offer(Offer { cid, to: Audience::Everyone, file });
        Some((Self { cid, file: None, content, next: 0 }, offer))
    }

    /// Goes on with what the session says.
    pub(super) fn hear(&mut self, reply: &Reply) -> Step {
        match reply {
            Reply::Stored { cid, file: Some(file), .. } if *cid == self.cid => {
                self.file = Some(*file);
                Step::Say(vec![Request::Ready { file: *file, off: 0, upto: None }])
            }
            Reply::NotSent { cid: Some(cid), .. } if *cid == self.cid => Step::Refused,
            Reply::GoOn { file, upto, .. } if Some(*file) == self.file => {
                Step::Say(self.chunks(*file, *upto))
            }
            Reply::FileState(state)
                if Some(state.file) == self.file && state.stage != FileStage::Uploading =>
            {
                Step::Done
            }
            Reply::FileRefused { file, .. } if Some(*file) == self.file => Step::Refused,
            _ => Step::Other,
        }
    }

    fn chunks(&mut self, file: FileId, upto: u64) -> Vec<Request> {
        let mut chunks = Vec::new();
        while self.next < upto {
            let from = usize::try_from(self.next).unwrap_or(usize::MAX);
            let most = usize::try_from(upto - self.next).unwrap_or(limits::MAX_CHUNK).min(limits::MAX_CHUNK);
            let end = from.saturating_add(most).min(self.content.len());
            if from >= end {
                break;
            }
            let bytes = self.content.slice(from..end);
            chunks.push(Request::Chunk { file, off: self.next, bytes });
            self.next = u64::try_from(end).unwrap_or(u64::MAX);
        }
        chunks
    }
}

/// What can be said of content that came without a name.
pub(crate) fn describe(content: &[u8]) -> Result<FileInfo, ValueError> {
    let (name, media) = match content {
        [0x89, b'P', b'N', b'G', ..] => ("file.png", "image/png"),
        [0xff, 0xd8, 0xff, ..] => ("file.jpg", "image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => ("file.gif", "image/gif"),
        [b'%', b'P', b'D', b'F', ..] => ("file.pdf", "application/pdf"),
        [b'P', b'K', 3, 4, ..] => ("file.zip", "application/zip"),
        _ if std::str::from_utf8(content).is_ok() => ("file.txt", "text/plain"),
        _ => ("file.bin", "application/octet-stream"),
    };
    let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
    let media = media.parse().unwrap_or_else(|_| MediaType::unknown());
    FileInfo::new(FileName::new(name)?, size, (FileHash::of(content), media))
}

/// A message that offers a file, as one that says so: an original client learns what there is, and where its content is to be had
/// when that does not fit into one of its reads.
pub(super) fn said(message: &Message, file: &Attachment) -> Message {
    let name = message.text.as_str();
    let fits = usize::try_from(file.size).is_ok_and(|size| size <= ORIGINAL_FILE);
    let size = shown(file.size);
    let text = if fits {
        format!("[file] {name} ({size})")
    } else {
        format!(
            "[file] {name} ({size}) is too large for this program; a Sotto client can fetch it here until it expires"
        )
    };
    let text = MessageText::new(&text).unwrap_or_else(|_| message.text.clone());
    Message { text, file: None, ..message.clone() }
}

fn shown(size: u64) -> String {
    const UNITS: [&str; 3] = ["KB", "MB", "GB"];
    if size < 1024 {
        return format!("{size} bytes");
    }
    let mut tenths = size.saturating_mul(10) / 1024;
    let mut unit = UNITS[0];
    for larger in UNITS.iter().skip(1) {
        if tenths < 10 * 1024 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_units() {
        let sizes = [0, 1023, 1024, 2150, 3_145_728, u64::from(u32::MAX)].map(shown);
        assert_eq!(sizes, ["0 bytes", "1023 bytes", "1.0 KB", "2.0 KB", "3.0 MB", "3.9 GB"]);
    }

    #[test]
    fn content_is_known_by_its_first_bytes() {
        let name = |content: &[u8]| describe(content).unwrap().name.to_string();
        assert_eq!(name(b"\x89PNG\r\n"), "file.png");
        assert_eq!(name("作业".as_bytes()), "file.txt");
        assert_eq!(name(b"\xff\xfe\x00"), "file.bin");
    }
}
