//! The bounds of the wire format. A peer that exceeds one of them has sent a malformed frame or value.

/// Bytes of the length that precedes every payload.
pub const LENGTH_BYTES: usize = 4;
/// The largest payload, in bytes, that a server takes from a client that has not logged in.
pub const MAX_PAYLOAD_BEFORE_LOGIN: usize = 4 * 1024;
/// The largest payload, in bytes, after log-in; announced in 204 as `max=`.
pub const MAX_PAYLOAD: usize = 64 * 1024;
/// The largest head, in bytes: the code and its tags, without the CRLF.
pub const MAX_HEAD: usize = 1024;
/// The most tags in one head.
pub const MAX_TAGS: usize = 16;
/// The longest key of a tag, in bytes.
pub const MAX_TAG_KEY: usize = 16;
/// The longest `ref=`, in characters.
pub const MAX_REF_CHARS: usize = 32;
/// The longest username, in characters (Unicode scalar values).
pub const MAX_NAME_CHARS: usize = 32;
/// The most combining marks on one character that are taken for writing, and not for what covers the lines around. A Burmese word may need
/// five.
pub const MAX_MARKS: usize = 5;
/// The longest text of a message, in bytes of UTF-8. Anything longer is sent as a file.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// The most usernames in the audience of one message.
pub const MAX_RECIPIENTS: usize = 256;
/// The longest password, in bytes.
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// The largest page of history, in messages.
pub const MAX_PAGE: u16 = 200;
/// The most text in a page of history, in bytes; a page of one message may have more.
pub const MAX_PAGE_BYTES: usize = 256 * 1024;
/// The longest `retry-after=` that counts, in seconds: a day. A longer one is taken for this.
pub const MAX_RETRY_SECONDS: u64 = 24 * 3600;
/// The most conversations a client may list when it resumes.
pub const MAX_CURSORS: usize = 512;
/// The longest invite code, in characters.
pub const MAX_INVITE_CHARS: usize = 64;
/// The longest address in 202 `from=`, in bytes.
pub const MAX_ADDRESS_BYTES: usize = 64;
/// The most content of a file in one 109 or 200, in bytes: with its head, such a frame fills four records of TLS.
pub const MAX_CHUNK: usize = 60 * 1024;
/// The longest name of a file, in bytes of UTF-8.
pub const MAX_FILE_NAME_BYTES: usize = 255;
/// The longest media type of a file, in bytes.
pub const MAX_MEDIA_BYTES: usize = 127;
/// The longest file, in bytes: what an SQL integer holds. Servers set lower limits.
pub const MAX_FILE_BYTES: u64 = i64::MAX as u64;
/// The longest `sotto://` link, in bytes.
pub const MAX_LINK_BYTES: usize = 1024;
/// The port a server listens on when nothing else is said.
pub const DEFAULT_PORT: u16 = 7443;
/// The signature under an announcement of the next identity: ECDSA with P-256 in ASN.1.
pub const MAX_SIGNATURE_BYTES: usize = 72;
