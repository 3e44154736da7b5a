//! What every Sotto client is made of: the session, the trust in a server, the outbox, the profile. There is
//! no window and no terminal here, and only `driver` and `connect` touch the network.

mod connect;
mod driver;
mod model;
mod outbox;
mod profile;
mod session;
mod trust;
mod update;

pub use connect::{ConnectError, Dial, inspect};
pub use driver::{Client, Options, Patience, RegisterError, Registration};
pub use model::{Known, Model};
pub use profile::{Profile, ProfileError, ServerEntry};
pub use session::{Session, random_cid};
pub use trust::{Seen, Trust, TrustError};
pub use update::{Account, Command, Problem, Update};
