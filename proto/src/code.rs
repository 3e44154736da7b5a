//! The three digits that open a frame. A number, once used, is never used for anything else.

/// C: log out.
pub const LOG_OUT: u16 = 100;
/// C: log in with a password.
pub const LOG_IN: u16 = 101;
/// C: register an account.
pub const REGISTER: u16 = 102;
/// C: resume a session with its token.
pub const RESUME: u16 = 103;
/// C: another password.
pub const CHANGE_PASSWORD: u16 = 104;
/// Both: ping.
pub const PING: u16 = 105;
/// C: send a message.
pub const SEND: u16 = 106;
/// C: read a page of history.
pub const HISTORY: u16 = 107;
/// C: who is online.
pub const WHO: u16 = 108;
/// C: content of a file.
pub const SEND_FILE: u16 = 109;
/// C: offer a file.
pub const OFFER: u16 = 110;
/// C: accept or decline an offer, or take it back.
pub const ANSWER: u16 = 111;
/// C: ready for content of a file, or to send it.
pub const READY: u16 = 112;
/// C: which files there are.
pub const FILES: u16 = 113;

/// S: content of a file.
pub const FILE: u16 = 200;
/// S: wrong name or password.
pub const WRONG_PASSWORD: u16 = 201;
/// S: already logged in elsewhere.
pub const ALREADY_LOGGED_IN: u16 = 202;
/// S: somebody logged out.
pub const LEFT: u16 = 203;
/// S: logged in.
pub const LOGGED_IN: u16 = 204;
/// S: somebody logged in.
pub const JOINED: u16 = 205;
/// S: registered.
pub const REGISTERED: u16 = 206;
/// S: that name is taken.
pub const NAME_TAKEN: u16 = 207;
/// S: a message was not sent.
pub const NOT_SENT: u16 = 208;
/// S: a message.
pub const MESSAGE: u16 = 209;
/// S: who is online.
pub const ONLINE: u16 = 210;
/// Both: the answer to a ping.
pub const PONG: u16 = 211;
/// S: a message is stored.
pub const STORED: u16 = 212;
/// S: caught up, live from here.
pub const CAUGHT_UP: u16 = 213;
/// S: messages that were left out.
pub const HOLE: u16 = 214;
/// S: start a conversation over.
pub const START_OVER: u16 = 215;
/// S: a request was refused.
pub const REFUSED: u16 = 216;
/// S: the server is ending this connection.
pub const GOODBYE: u16 = 217;
/// S: the end of an answer that took several frames.
pub const END: u16 = 218;
/// S: the password is another one from now on.
pub const PASSWORD_CHANGED: u16 = 219;
/// S: a conversation.
pub const CONVERSATION: u16 = 220;
/// S: who is reached without encryption.
pub const IN_THE_CLEAR: u16 = 221;
/// S: ready for content of a file.
pub const GO_ON: u16 = 222;
/// S: what has become of a file.
pub const FILE_STATE: u16 = 223;
/// S: a file is not transferred any further.
pub const FILE_REFUSED: u16 = 224;
/// S: which identity the server will have next.
pub const NEXT_IDENTITY: u16 = 225;
