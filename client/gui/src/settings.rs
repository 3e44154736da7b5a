//! What the user has chosen, kept in the profile. A file that cannot be understood is as good as none.

use serde::{Deserialize, Serialize};
use sotto_client::Profile;

use crate::strings::Lang;

const FILE: &str = "settings.toml";
/// The bounds of the zoom.
pub(crate) const ZOOM: std::ops::RangeInclusive<f32> = 0.8..=2.0;

/// What the user has chosen.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// The language; `None`: the machine's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lang: Option<Lang>,
    /// The theme.
    pub theme: ThemeChoice,
    /// 0.8 to 2.
    pub zoom: f32,
    /// Nothing moves by itself.
    pub still: bool,
    /// Harder colours.
    pub contrast: bool,
    /// Which key sends.
    pub send_with: SendKey,
    /// What a notification gives away.
    pub notify: Notify,
    /// Lines for those who come and go.
    pub show_joins: bool,
}

/// Which theme.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    /// The desktop's.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Which key sends; the other one makes a new line.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SendKey {
    /// Ctrl+Enter, as in the original.
    #[default]
    CtrlEnter,
    /// Enter; Shift+Enter makes a new line.
    Enter,
}

/// What a notification gives away to whoever looks at the screen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notify {
    /// Who, and what.
    Message,
    /// Who.
    #[default]
    Name,
    /// That there is something.
    Nothing,
    /// There are none.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lang: None,
            theme: ThemeChoice::default(),
            zoom: 1.0,
            still: false,
            contrast: false,
            send_with: SendKey::default(),
            notify: Notify::default(),
            show_joins: true,
        }
    }
}

impl Settings {
    /// What is in the profile.
    #[must_use]
    pub fn load(profile: &Profile) -> Self {
        let text = profile.read(FILE).unwrap_or_default();
        let read: Self = toml::from_str(&text).unwrap_or_default();
        Self { zoom: clamp_zoom(read.zoom), ..read }
    }

    /// Keeps it.
    ///
    /// # Errors
    /// [`sotto_client::ProfileError`].
    pub fn save(&self, profile: &Profile) -> Result<(), sotto_client::ProfileError> {
        profile.write(FILE, &toml::to_string(self).unwrap_or_default())
    }

    /// The language that is shown.
    #[must_use]
    pub fn shown_lang(&self) -> Lang {
        self.lang.unwrap_or_else(Lang::of_system)
    }
}

impl From<ThemeChoice> for egui::ThemePreference {
    fn from(choice: ThemeChoice) -> Self {
        match choice {
            ThemeChoice::System => Self::System,
            ThemeChoice::Light => Self::Light,
            ThemeChoice::Dark => Self::Dark,
        }
    }
}

/// A zoom within its bounds, in whole tenths.
pub(crate) fn clamp_zoom(zoom: f32) -> f32 {
    let zoom = if zoom.is_finite() { zoom } else { 1.0 };
    ((zoom * 10.0).round() / 10.0).clamp(*ZOOM.start(), *ZOOM.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_kept_and_nonsense_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::open(Some(dir.path())).unwrap();
        assert_eq!(Settings::load(&profile), Settings::default());
        let chosen = Settings {
            lang: Some(Lang::Chinese),
            theme: ThemeChoice::Dark,
            zoom: 1.3,
            send_with: SendKey::Enter,
            notify: Notify::Off,
            show_joins: false,
            still: true,
            contrast: true,
        };
        chosen.save(&profile).unwrap();
        assert_eq!(Settings::load(&profile), chosen);
        profile.write(FILE, "zoom = 9.0\ntheme = \"dark\"").unwrap();
        let read = Settings::load(&profile);
        assert_eq!((read.zoom, read.theme), (2.0, ThemeChoice::Dark));
        profile.write(FILE, "theme = \"plaid\"").unwrap();
        assert_eq!(Settings::load(&profile), Settings::default());
    }
}
