//! What a request does: one feature, one file. Handlers that act for somebody take a `Member`.

pub(crate) mod account;
pub(crate) mod file;
pub(crate) mod history;
pub(crate) mod message;
pub(crate) mod password;
pub(crate) mod presence;
