//! The command line.

use std::path::PathBuf;

use clap::Parser;
use sotto_proto::Link;

use crate::settings::{Settings, ThemeChoice, clamp_zoom};
use crate::strings::Lang;

/// Sotto: chat that is not overheard. The desktop client.
#[derive(Debug, Default, Parser)]
#[command(
    name = "sotto",
    version,
    after_help = "SOTTO_PASSWORD, when set, fills in the password: for kiosks and tests.\n\nExamples:\n  sotto\n  sotto 'sotto://192.168.1.5/?pin=…&invite=…'\n  sotto lab.example:7443 --user mary --lang zh-CN"
)]
pub struct Args {
    /// The server: an invite link, or an address such as lab.example or 192.168.1.5:7443
    #[arg(value_name = "LINK")]
    pub link: Option<Link>,
    /// Who you are; filled in for you
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Where servers and settings are kept; another directory is another profile, side by side
    #[arg(long, value_name = "DIR", env = "SOTTO_PROFILE")]
    pub profile: Option<PathBuf>,
    /// The language: zh-CN or en. Otherwise the last one, or that of the desktop
    #[arg(long, value_name = "LANG", value_parser = lang)]
    pub lang: Option<Lang>,
    /// The colours
    #[arg(long, value_name = "THEME")]
    pub theme: Option<ThemeChoice>,
    /// How large everything is, 0.8 to 2
    #[arg(long, value_name = "N", value_parser = zoom)]
    pub zoom: Option<f32>,
}

impl Args {
    /// What was chosen before, with what is asked for now.
    pub(crate) fn over(&self, settings: Settings) -> Settings {
        Settings {
            lang: self.lang.or(settings.lang),
            theme: self.theme.unwrap_or(settings.theme),
            zoom: self.zoom.map_or(settings.zoom, clamp_zoom),
            ..settings
        }
    }
}

fn lang(typed: &str) -> Result<Lang, String> {
    let typed = typed.to_ascii_lowercase().replace('_', "-");
    match typed.split(['-', '.']).next() {
        Some("zh") => Ok(Lang::Chinese),
        Some("en") => Ok(Lang::English),
        _ => Err("there are zh-CN and en".to_owned()),
    }
}

fn zoom(typed: &str) -> Result<f32, String> {
    let zoom: f32 = typed.trim_end_matches('%').parse().map_err(|_| "that is not a number".to_owned())?;
    let zoom = if typed.ends_with('%') { zoom / 100.0 } else { zoom };
    if crate::settings::ZOOM.contains(&zoom) { Ok(zoom) } else { Err("it goes from 0.8 to 2".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        Args::try_parse_from([&["sotto"], arguments].concat())
    }

    #[test]
    fn languages_and_zooms_are_understood_as_people_write_them() {
        let args =
            parse(&["lab：7000", "--lang", "zh_CN.UTF-8", "--zoom", "150%", "--theme", "dark"]).unwrap();
        assert_eq!(args.link.as_ref().map(Link::address), Some("lab:7000".into()));
        let chosen = args.over(Settings::default());
        assert_eq!((chosen.lang, chosen.zoom, chosen.theme), (Some(Lang::Chinese), 1.5, ThemeChoice::Dark));
        for wrong in [&["--zoom", "9"][..], &["--lang", "fr"], &["--theme", "pink"], &["https://x"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
