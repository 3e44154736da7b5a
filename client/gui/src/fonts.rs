//! The fonts: Inter for the user interface, Noto Sans SC so that Chinese is never boxes, Phosphor for icons;
//! whatever else is written comes from the system's fonts.

use std::sync::Arc;

use egui::{Context, FontData, FontDefinitions, FontFamily, FontTweak};
use egui_system_font_provider::SystemFontProvider;

use crate::strings::Lang;
use crate::theme;

const INTER: &[u8] = include_bytes!("../fonts/Inter-Regular.otf");
const INTER_STRONG: &[u8] = include_bytes!("../fonts/Inter-SemiBold.otf");
const NOTO_SC: &[u8] = include_bytes!("../fonts/NotoSansSC-Regular.otf");
const PHOSPHOR: &[u8] = include_bytes!("../fonts/Phosphor.ttf");

/// Installs the bundled fonts.
pub(crate) fn install(ctx: &Context) {
    let mut fonts = FontDefinitions::default();
    let bundled = [("inter", INTER), ("inter-strong", INTER_STRONG), ("noto-sc", NOTO_SC)];
    for (name, data) in bundled {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(data)));
    }
    let tweak = FontTweak { y_offset_factor: 0.0, ..FontTweak::default() };
    fonts.font_data.insert("icons".to_owned(), Arc::new(FontData::from_static(PHOSPHOR).tweak(tweak)));
    let family = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    fonts.families.insert(FontFamily::Proportional, family(&["inter", "noto-sc"]));
    fonts.families.insert(theme::strong(), family(&["inter-strong", "inter", "noto-sc"]));
    fonts.families.insert(theme::icons(), family(&["icons"]));
    if let Some(mono) = fonts.families.get_mut(&FontFamily::Monospace) {
        mono.push("noto-sc".to_owned());
    }
    ctx.set_fonts(fonts);
}

/// Lets the system's fonts stand in for what the bundled ones lack, Chinese characters in the forms of the
/// user interface's language rather than those of the machine's. Takes a moment, in a thread of its own.
pub(crate) fn add_system(ctx: &Context, lang: Lang) {
    let han = match lang {
        Lang::Chinese => lang.tag(),
        Lang::English => "zh-Hans",
    };
    ctx.add_font_provider(Arc::new(SystemFontProvider::new().with_locale(Some(han))));
}
