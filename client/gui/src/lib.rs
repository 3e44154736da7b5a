//! The desktop client: a window on what `sotto-client` knows. It draws, and says what the user did; it never
//! waits and never touches a socket. A library so that its tests and benches can drive the real thing.

mod action;
mod app;
mod args;
mod backend;
mod fonts;
mod icons;
mod look;
mod notify;
mod outside;
mod saying;
#[cfg(target_os = "linux")]
mod secret_service;
mod settings;
mod staying;
mod strings;
mod theme;
mod thumbs;
mod views;
mod widgets;

use std::time::{SystemTime, UNIX_EPOCH};

use sotto_client::Profile;
use time::UtcOffset;

pub use action::{Action, Overlay, Page};
pub use app::{App, World};
pub use args::Args;
pub use backend::{Ask, Backend, Behind, Picked, Told};
pub use saying::Saying;
pub use settings::{Notify, SendKey, Settings, ThemeChoice};
pub use staying::{Keyring, Name, NoKeyring, Tickets, Without};
pub use strings::{Key, Lang};

/// Opens the window and stays until it is closed.
///
/// # Errors
/// When there is no display, or no home directory for the profile.
pub fn run(args: Args) -> anyhow::Result<()> {
    // Before any thread is started: afterwards the system's time zone cannot be read safely.
    let offset = UtcOffset::current_local_offset().unwrap_or(UtcOffset::UTC);
    let profile = Profile::open(args.profile.as_deref())?;
    let viewport = egui::ViewportBuilder::default()
        .with_title("Sotto")
        .with_app_id("sotto")
        .with_inner_size([1080.0, 720.0])
        .with_min_inner_size([480.0, 420.0]);
    let options = eframe::NativeOptions { viewport, centered: true, ..eframe::NativeOptions::default() };
    let creator = move |cc: &eframe::CreationContext<'_>| {
        let ctx = cc.egui_ctx.clone();
        let wake = move || ctx.request_repaint();
        let backend = Backend::start(profile.clone(), wake.clone())?;
        let password = std::env::var("SOTTO_PASSWORD").ok();
        let world = World { profile, backend, clock: Box::new(now), offset, password };
        let app = App::new(&cc.egui_ctx, &args, world).with_notifications(wake);
        app.add_system_fonts(&cc.egui_ctx);
        Ok(Box::new(app) as Box<dyn eframe::App>)
    };
    eframe::run_native("sotto", options, Box::new(creator)).map_err(|error| match error {
        eframe::Error::AppCreation(error) => anyhow::anyhow!("cannot start: {error}"),
        error => {
            tracing::error!(%error, "no window");
            anyhow::anyhow!(
                "cannot open a window; is there a display, and OpenGL? In a terminal, use sotto-cli. \
                 RUST_LOG=error says what the system says"
            )
        }
    })
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
