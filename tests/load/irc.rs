//! IRC, as little of it as it takes to come into a room and to talk there.

use anyhow::Context;
use bytes::{Buf, Bytes};

use crate::client::Client;
use crate::dialect::Heard;

/// Of text in a message: a line has at most 512 bytes, and whoever passes it on puts the speaker in front.
const MAX_TEXT: usize = 400;
/// Where everybody is.
const ROOM: &str = "#room";

/// Gives a name, and takes a seat in the room.
pub(crate) async fn comes_in(client: &mut Client, nick: &str) -> anyhow::Result<()> {
    client.send(&format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n").into()).await?;
    waits_for(client, b"001").await?;
    client.send(&format!("JOIN {ROOM}\r\n").into()).await?;
    waits_for(client, b"366").await
}

pub(crate) fn say(text: &str) -> anyhow::Result<Bytes> {
    anyhow::ensure!(text.len() <= MAX_TEXT, "a message of IRC has at most {MAX_TEXT} bytes: lower --bytes");
    Ok(format!("PRIVMSG {ROOM} :{text}\r\n").into())
}

pub(crate) fn question() -> Bytes {
    Bytes::from_static(b"PING :there\r\n")
}

pub(crate) fn hear(came: &[u8]) -> anyhow::Result<Option<(Heard<'_>, usize)>> {
    let Some((line, bytes)) = line(came) else { return Ok(None) };
    let heard = match verb(line) {
        b"PRIVMSG" => Heard::Message(last_parameter(line).unwrap_or_default()),
        b"PING" => Heard::Ping(pong(line)),
        b"PONG" => Heard::Answer,
        b"ERROR" => anyhow::bail!("{}", String::from_utf8_lossy(line)),
        _ => Heard::Other,
    };
    Ok(Some((heard, bytes)))
}

/// Waits for a line of this kind; others are passed over.
async fn waits_for(client: &mut Client, wanted: &[u8]) -> anyhow::Result<()> {
    loop {
        while let Some((line, bytes)) = line(&client.buffer) {
            let is_wanted = verb(line) == wanted;
            if let Some((Heard::Ping(pong), _)) = hear(&client.buffer)? {
                client.send(&pong).await?;
            }
            client.buffer.advance(bytes);
            if is_wanted {
                return Ok(());
            }
        }
        client.reads_on().await.with_context(|| format!("no {}", String::from_utf8_lossy(wanted)))?;
    }
}

/// The first line that is whole, without its end, and how many bytes it is with that.
fn line(came: &[u8]) -> Option<(&[u8], usize)> {
    let end = came.iter().position(|byte| *byte == b'\n')?;
    let line = came.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// What kind of line it is; before that there may be who it is from.
fn verb(line: &[u8]) -> &[u8] {
    let mut words = line.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    if first.first() == Some(&b':') { words.next().unwrap_or_default() } else { first }
}

/// What is behind the first ` :`, which may have spaces in it.
fn last_parameter(line: &[u8]) -> Option<&[u8]> {
    let start = line.windows(2).position(|pair| pair == b" :")?;
    line.get(start + 2..)
}

fn pong(line: &[u8]) -> Bytes {
    let token = last_parameter(line).or_else(|| line.strip_prefix(b"PING ")).unwrap_or_default();
    [b"PONG :", token, b"\r\n"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything in what came, and what is left of it.
    fn all(mut came: &[u8]) -> (Vec<Heard<'_>>, &[u8]) {
        let mut heard = Vec::new();
        while let Some((one, bytes)) = hear(came).unwrap() {
            heard.push(one);
            came = &came[bytes..];
        }
        (heard, came)
    }

    #[test]
    fn a_line_is_heard_when_it_is_whole() {
        let (heard, rest) = all(b":ann!~ann@127.0.0.1 PRIVMSG #room :1 2 x:y\r\nPING :a b\r\n:x PO");
        let pong = Heard::Ping(Bytes::from_static(b"PONG :a b\r\n"));
        assert_eq!((heard, rest), (vec![Heard::Message(b"1 2 x:y"), pong], &b":x PO"[..]));
        let (heard, rest) = all(b":x PONG x :there\r\n:x 353 ann = #room :ann\r\nPING bare\n");
        let pong = Heard::Ping(Bytes::from_static(b"PONG :bare\r\n"));
        assert_eq!((heard, rest), (vec![Heard::Answer, Heard::Other, pong], &b""[..]));
    }

    #[test]
    fn being_thrown_out_is_an_error() {
        assert!(hear(b"ERROR :Excess flood\r\n").unwrap_err().to_string().contains("Excess flood"));
    }
}
