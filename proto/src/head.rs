//! The head of a frame: three digits and tags. Percent-coding of tag values lives here too.

use std::borrow::Cow;

use crate::error::DecodeError;
use crate::limits::{MAX_TAG_KEY, MAX_TAGS};

/// Checks a whole head and returns its code.
///
/// The grammar is `3DIGIT *( SP key "=" value )`; a key is 1–16 of `a-z 0-9 -`, appears once, and a
/// value is UTF-8 in which `%`, SP, CR, LF, TAB, `=` and control characters are percent-encoded.
pub(crate) fn check(head: &[u8]) -> Result<u16, DecodeError> {
    let head = std::str::from_utf8(head).map_err(|_| DecodeError::Head("not UTF-8"))?;
    let (code, tags) = head.split_at_checked(3).ok_or(DecodeError::Head("no code"))?;
    let code = parse_code(code)?;
    let mut seen = [""; MAX_TAGS];
    for (count, (key, value)) in pairs(tags)?.enumerate() {
        check_key(key)?;
        check_value(value)?;
        let known = seen.get(..count).unwrap_or_default();
        if known.contains(&key) {
            return Err(DecodeError::Head("the same tag twice"));
        }
        *seen.get_mut(count).ok_or(DecodeError::Head("too many tags"))? = key;
    }
    Ok(code)
}

/// Finds the value of a tag in a head that [`check`] has passed.
pub(crate) fn find<'a>(head: &'a [u8], key: &str) -> Option<Cow<'a, str>> {
    let tags = std::str::from_utf8(head.get(3..)?).ok()?;
    let (_, raw) = pairs(tags).ok()?.find(|(candidate, _)| *candidate == key)?;
    decode(raw).ok()
}

/// Appends ` key=value` with the value percent-encoded.
pub(crate) fn push_tag(head: &mut Vec<u8>, key: &str, value: &str) {
    debug_assert!(check_key(key).is_ok(), "not a tag key: {key}");
    head.push(b' ');
    head.extend_from_slice(key.as_bytes());
    head.push(b'=');
    let mut utf8 = [0; 4];
    for c in value.chars() {
        for byte in c.encode_utf8(&mut utf8).bytes() {
            if must_escape(c) {
                head.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 0xf)]);
            } else {
                head.push(byte);
            }
        }
    }
}

/// How many bytes `value` takes in a head.
pub(crate) fn encoded_len(value: &str) -> usize {
    value.chars().map(|c| if must_escape(c) { 3 * c.len_utf8() } else { c.len_utf8() }).sum()
}

/// Turns `%XX` back; the result must be UTF-8.
pub(crate) fn decode(raw: &str) -> Result<Cow<'_, str>, DecodeError> {
    if !raw.contains('%') {
        return Ok(Cow::Borrowed(raw));
    }
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            bytes.push(unhex(rest.next(), rest.next()).ok_or(DecodeError::Head("bad percent-encoding"))?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| DecodeError::Head("a value is not UTF-8"))?;
    Ok(Cow::Owned(text))
}

fn parse_code(digits: &str) -> Result<u16, DecodeError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecodeError::Head("no code"));
    }
    digits.parse().map_err(|_| DecodeError::Head("no code"))
}

fn pairs(tags: &str) -> Result<impl Iterator<Item = (&str, &str)>, DecodeError> {
    if !tags.is_empty() && !tags.starts_with(' ') {
        return Err(DecodeError::Head("something other than a space after the code"));
    }
    // What stands before the first space is empty; a part without "=" has an empty key, which no check passes.
    Ok(tags.split(' ').skip(1).map(|part| part.split_once('=').unwrap_or(("", part))))
}

fn check_key(key: &str) -> Result<(), DecodeError> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if key.is_empty() || key.len() > MAX_TAG_KEY || !key.bytes().all(legal) {
        return Err(DecodeError::Head("not a tag"));
    }
    Ok(())
}

fn check_value(raw: &str) -> Result<(), DecodeError> {
    if raw.chars().any(|c| c != '%' && must_escape(c)) {
        return Err(DecodeError::Head("a character in a value is not percent-encoded"));
    }
    decode(raw).map(drop)
}

fn must_escape(c: char) -> bool {
    matches!(c, '%' | ' ' | '=') || c.is_control()
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }
}

fn unhex(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16);
    u8::try_from(digit(high?)? * 16 + digit(low?)?).ok()
}
