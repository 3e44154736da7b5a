//! The views: functions of state that draw it, edit their own small part of it, and say what the user did.

pub(crate) mod account;
pub(crate) mod chat;
pub(crate) mod composer;
pub(crate) mod connect;
pub(crate) mod file;
pub(crate) mod login;
pub(crate) mod people;
pub(crate) mod row;
pub(crate) mod search;
pub(crate) mod settings;
pub(crate) mod switcher;
pub(crate) mod timeline;
pub(crate) mod trust;
