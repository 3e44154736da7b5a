//! What every Sotto client is made of: the session, the trust in a server, the outbox, the profile. There is
//! no window and no terminal here, and only `driver` and `connect` touch the network.

mod connect;
mod driver;
mod model;
mod notes;
mod outbox;
mod profile;
mod recipients;
mod rooms;
mod session;
mod timeline;
mod trust;
mod update;

pub use connect::{ConnectError, Dial, Obstacle, inspect};
pub use driver::{Client, Options, Patience, RegisterError, Registration};
pub use model::{Known, Model};
pub use notes::Notes;
pub use profile::{Profile, ProfileError, ServerEntry};
pub use recipients::{Recipients, TooMany};
pub use rooms::{Fate, Line, LineId, Outgoing, Room, Rooms};
pub use session::{Session, random_cid};
pub use timeline::{Entry, Place, Timeline, What};
pub use trust::{Seen, Trust, TrustError};
pub use update::{Account, Command, Problem, Trouble, Update};
