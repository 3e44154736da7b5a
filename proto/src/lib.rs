//! The wire format of Sotto: frames, the requests and replies in them, and the values those carry.
//!
//! Parsing is construction: a value of a type in this crate is within its bounds, so nothing downstream
//! has to check again. There is no IO, no clock, no async and no logging here. `README.md` beside this
//! crate's manifest is the specification, byte by byte.

pub mod code;
mod decoder;
mod error;
mod file;
mod frame;
mod head;
mod hex;
mod id;
pub mod limits;
mod link;
mod name;
mod original;
mod outgoing;
mod reason;
mod reply;
mod request;
mod succession;
mod text;
mod window;

pub use decoder::Decoder;
pub use error::{DecodeError, ValueError};
pub use file::{
    Answer, Attachment, FileHash, FileHasher, FileId, FileInfo, FileName, FileStage, MediaType, Standing,
};
pub use frame::{Frame, FrameBuilder};
pub use id::{Cid, ConvId, Epoch, Pin, Seq, Token};
pub use link::Link;
pub use name::Username;
pub use original::{
    FILE_ENDS, ORIGINAL_FILE, ORIGINAL_READ, OriginalReader, REQUEST_ENDS, Wish, file_piece, pieces,
};
pub use outgoing::Outgoing;
pub use reason::Reason;
pub use reply::{ConvKind, FileState, Message, Presence, Refusal, Reply};
pub use request::{Offer, Page, Password, Request};
pub use succession::{Signature, Succession};
pub use text::{Audience, MessageText};
pub use window::Window;
