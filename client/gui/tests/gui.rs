//! The whole program without a display: what is seen is asked for by role and name, as assistive technology
//! would; the server is played by the test.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "that is how a test fails, and how pixels are counted"
)]

#[path = "gui/account.rs"]
mod account;
#[path = "gui/chat.rs"]
mod chat;
#[path = "gui/composing.rs"]
mod composing;
#[path = "gui/doorway.rs"]
mod doorway;
#[path = "gui/files.rs"]
mod files;
#[path = "gui/identity.rs"]
mod identity;
#[path = "gui/pictures.rs"]
mod pictures;
#[path = "gui/raster.rs"]
mod raster;
#[path = "gui/reading.rs"]
mod reading;
#[path = "gui/stage.rs"]
mod stage;
#[path = "gui/staying.rs"]
mod staying;
