//! What every Sotto client is made of: the session, the trust in a server, the outbox, the profile. There is
//! no window and no terminal here, and only `driver` and `connect` touch the network.

mod cid;
mod connect;
mod disk;
mod driver;
mod files;
mod model;
mod notes;
mod outbox;
mod profile;
mod recipients;
mod rooms;
mod safe_name;
mod session;
#[cfg(feature = "sim")]
#[doc(hidden)]
pub mod sim;
mod ticket;
mod timeline;
mod transfers;
mod trust;
mod update;
mod visible;

pub use cid::fresh_cid;
pub use connect::{ConnectError, Connection, Dial, Obstacle, inspect};
pub use disk::downloads;
pub use driver::{Client, Options, Patience, RegisterError, Registration};
pub use files::{Card, Files};
pub use model::{Known, Model};
pub use notes::Notes;
pub use profile::{Profile, ProfileError, ServerEntry};
pub use recipients::{Recipients, TooMany};
pub use rooms::{Fate, Line, LineId, Offering, Outgoing, Room, Rooms};
pub use safe_name::{is_program, safe_name};
pub use session::Session;
pub use ticket::{Kept, Ticket};
pub use timeline::{Entry, Place, Timeline, What};
pub use transfers::{Phase, Snag, Transfer, TransferId};
pub use trust::{Seen, Trust, TrustError};
pub use update::{Account, Command, FileCommand, PasswordChange, Problem, Proof, Trouble, Update};
pub use visible::{is_hidden, visible};
