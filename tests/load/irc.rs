//! IRC, as little of it as it takes to come into a room and to talk there.

use anyhow::Context;
use bytes::{Bytes, BytesMut};

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

pub(crate) fn hear(came: &mut BytesMut) -> anyhow::Result<Option<Heard>> {
    let Some(line) = line(came) else { return Ok(None) };
    Ok(Some(match verb(&line) {
        b"PRIVMSG" => Heard::Message(last_parameter(&line).unwrap_or_default()),
        b"PING" => Heard::Ping(pong(&line)),
        b"PONG" => Heard::Answer,
        b"ERROR" => anyhow::bail!("{}", String::from_utf8_lossy(&line)),
        _ => Heard::Other,
    }))
}

/// Waits for a line of this kind; others are passed over.
async fn waits_for(client: &mut Client, wanted: &[u8]) -> anyhow::Result<()> {
    loop {
        while let Some(line) = line(&mut client.buffer) {
            match verb(&line) {
                found if found == wanted => return Ok(()),
                b"PING" => client.send(&pong(&line)).await?,
                b"ERROR" => anyhow::bail!("{}", String::from_utf8_lossy(&line)),
                _ => {}
            }
        }
        client.reads_on().await.with_context(|| format!("no {}", String::from_utf8_lossy(wanted)))?;
    }
}

/// Takes a whole line off the front, without its end.
fn line(came: &mut BytesMut) -> Option<Bytes> {
    let end = came.iter().position(|byte| *byte == b'\n')?;
    let mut line = came.split_to(end + 1).freeze();
    line.truncate(end);
    if line.last() == Some(&b'\r') {
        line.truncate(end - 1);
    }
    Some(line)
}

/// What kind of line it is; before that there may be who it is from.
fn verb(line: &[u8]) -> &[u8] {
    let mut words = line.split(|byte| *byte == b' ');
    let first = words.next().unwrap_or_default();
    if first.first() == Some(&b':') { words.next().unwrap_or_default() } else { first }
}

/// What is behind the first ` :`, which may have spaces in it.
fn last_parameter(line: &Bytes) -> Option<Bytes> {
    let start = line.windows(2).position(|pair| pair == b" :")?;
    Some(line.slice(start + 2..))
}

fn pong(line: &Bytes) -> Bytes {
    let token =
        last_parameter(line).or_else(|| line.get(5..).map(Bytes::copy_from_slice)).unwrap_or_default();
    [b"PONG :", &token[..], b"\r\n"].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_heard_when_it_is_whole() {
        let mut came =
            BytesMut::from(&b":ann!~ann@127.0.0.1 PRIVMSG #room :1 2 x:y\r\nPING :a b\r\n:x PO"[..]);
        assert_eq!(hear(&mut came).unwrap(), Some(Heard::Message(Bytes::from_static(b"1 2 x:y"))));
        assert_eq!(hear(&mut came).unwrap(), Some(Heard::Ping(Bytes::from_static(b"PONG :a b\r\n"))));
        assert_eq!(hear(&mut came).unwrap(), None);
        came.extend_from_slice(b"NG x :there\r\n:x 353 ann = #room :ann\r\nPING bare\n");
        assert_eq!(hear(&mut came).unwrap(), Some(Heard::Answer));
        assert_eq!(hear(&mut came).unwrap(), Some(Heard::Other));
        assert_eq!(hear(&mut came).unwrap(), Some(Heard::Ping(Bytes::from_static(b"PONG :bare\r\n"))));
    }

    #[test]
    fn being_thrown_out_is_an_error() {
        let mut came = BytesMut::from(&b"ERROR :Excess flood\r\n"[..]);
        assert!(hear(&mut came).unwrap_err().to_string().contains("Excess flood"));
    }
}
