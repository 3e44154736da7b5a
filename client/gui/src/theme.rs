//! The design system in one place: colours, sizes and type, and how they become egui's style. Views take
//! colours from [`Tokens`] and never invent one.

use std::sync::Arc;

use egui::epaint::Shadow;
use egui::style::ScrollStyle;
use egui::{Color32, Context, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, vec2};

/// Distances, in points: inside a row, between controls, panel padding, dialog padding, between sections.
pub(crate) const TIGHT: f32 = 4.0;
pub(crate) const SPACE: f32 = 8.0;
pub(crate) const PAD: f32 = 12.0;
pub(crate) const WIDE: f32 = 16.0;
pub(crate) const SECTION: f32 = 24.0;

/// Corner radii, in points: chips, controls, cards, dialogs.
pub(crate) const ROUND_CHIP: u8 = 4;
pub(crate) const ROUND_CONTROL: u8 = 6;
pub(crate) const ROUND_CARD: u8 = 8;
pub(crate) const ROUND_DIALOG: u8 = 12;

/// Heights, in points.
pub(crate) const CONTROL: f32 = 32.0;
pub(crate) const COMPACT: f32 = 28.0;
pub(crate) const HEADER: f32 = 52.0;
pub(crate) const ROW_PERSON: f32 = 36.0;
pub(crate) const ROW_ROOM: f32 = 56.0;

/// Widths, in points.
pub(crate) const COLUMN: f32 = 264.0;
pub(crate) const COLUMN_NARROW: f32 = 64.0;
pub(crate) const DIALOG: f32 = 420.0;
pub(crate) const CARD: f32 = 360.0;

/// A style of type: size and line height, in points, and whether it is the stronger weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Type {
    pub(crate) size: f32,
    pub(crate) line: f32,
    pub(crate) strong: bool,
}

impl Type {
    pub(crate) const DISPLAY: Self = Self { size: 28.0, line: 36.0, strong: true };
    pub(crate) const H1: Self = Self { size: 20.0, line: 28.0, strong: true };
    pub(crate) const TITLE: Self = Self { size: 16.0, line: 24.0, strong: true };
    pub(crate) const BODY: Self = Self { size: 14.0, line: 22.0, strong: false };
    pub(crate) const STRONG: Self = Self { size: 14.0, line: 22.0, strong: true };
    pub(crate) const SMALL: Self = Self { size: 12.0, line: 18.0, strong: false };
    pub(crate) const CAPTION: Self = Self { size: 12.0, line: 18.0, strong: false };

    pub(crate) fn font(self) -> FontId {
        let family = if self.strong { strong() } else { FontFamily::Proportional };
        FontId::new(self.size, family)
    }
}

/// The semibold family.
pub(crate) fn strong() -> FontFamily {
    FontFamily::Name(Arc::from("strong"))
}

/// The icon family.
pub(crate) fn icons() -> FontFamily {
    FontFamily::Name(Arc::from("icons"))
}

/// The colours of one theme.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tokens {
    /// Timeline; side columns and header; cards, popups and inputs; hovered; pressed.
    pub(crate) bg: [Color32; 5],
    /// Hairlines, decorative.
    pub(crate) line: Color32,
    /// Borders of inputs: at least 3:1.
    pub(crate) line2: Color32,
    /// Body; previews and secondary; timestamps and hints (not on `bg[4]`).
    pub(crate) text: [Color32; 3],
    /// Primary fill; white stands on it.
    pub(crate) accent: Color32,
    /// Links and focus rings.
    pub(crate) accent_text: Color32,
    /// Selected rows.
    pub(crate) accent_soft: Color32,
    pub(crate) ok: Color32,
    pub(crate) warn: Color32,
    pub(crate) danger: Color32,
    /// Destructive buttons; white stands on it.
    pub(crate) danger_solid: Color32,
    /// Found text, and the row of a warning.
    pub(crate) mention: Color32,
    /// Fingerprints.
    pub(crate) code: Color32,
    /// Names, by the hash of the account.
    pub(crate) names: [Color32; 12],
    /// Behind dialogs.
    pub(crate) shade: Color32,
    /// Of popups.
    pub(crate) shadow: u8,
}

const fn hex(rgb: u32) -> Color32 {
    let [_, r, g, b] = rgb.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

/// White initials stand on these, in both themes.
pub(crate) const AVATARS: [Color32; 12] = [
    hex(0xA74449),
    hex(0xA44C1D),
    hex(0x915C08),
    hex(0x776A0A),
    hex(0x4F7715),
    hex(0x0C7D48),
    hex(0x087970),
    hex(0x097689),
    hex(0x036EAE),
    hex(0x5460B3),
    hex(0x7B52A4),
    hex(0x954886),
];

/// The log-in card over whatever is behind it: black, four fifths opaque.
pub(crate) const CARD_FILL: Color32 = Color32::from_rgba_premultiplied(0, 0, 0, 204);

pub(crate) const DARK: Tokens = Tokens {
    bg: [hex(0x0F1216), hex(0x15191F), hex(0x1C222A), hex(0x252C36), hex(0x2F3844)],
    line: hex(0x2A313B),
    line2: hex(0x6F7A89),
    text: [hex(0xE8ECF2), hex(0xB3BCC8), hex(0x919BA9)],
    accent: hex(0x2B6BE4),
    accent_text: hex(0x86B4FF),
    accent_soft: hex(0x1B2B47),
    ok: hex(0x4CC38A),
    warn: hex(0xF2B24C),
    danger: hex(0xFF8B82),
    danger_solid: hex(0xC9343A),
    mention: hex(0x33290F),
    code: hex(0x0B0E12),
    names: [
        hex(0xFD9696),
        hex(0xFE9A6C),
        hex(0xF0A646),
        hex(0xCCB93E),
        hex(0x99C965),
        hex(0x63D18F),
        hex(0x16D3C3),
        hex(0x17CCED),
        hex(0x71BFFF),
        hex(0xA3B2FE),
        hex(0xCC9FFF),
        hex(0xEE94DB),
    ],
    shade: Color32::from_black_alpha(150),
    shadow: 90,
};

pub(crate) const LIGHT: Tokens = Tokens {
    bg: [hex(0xFFFFFF), hex(0xF4F6F9), hex(0xFFFFFF), hex(0xEAEEF4), hex(0xDDE4ED)],
    line: hex(0xD8DEE7),
    line2: hex(0x7C8796),
    text: [hex(0x1A2129), hex(0x465160), hex(0x5D6877)],
    accent: hex(0x1F5FD6),
    accent_text: hex(0x1A55C0),
    accent_soft: hex(0xE3EDFD),
    ok: hex(0x12704A),
    warn: hex(0x835400),
    danger: hex(0xB3261E),
    danger_solid: hex(0xC4302B),
    mention: hex(0xFFF3D6),
    code: hex(0xF1F3F6),
    names: [
        hex(0x96353B),
        hex(0x933D08),
        hex(0x7E4F04),
        hex(0x675B07),
        hex(0x436803),
        hex(0x036D3D),
        hex(0x0B6961),
        hex(0x0B6677),
        hex(0x085F96),
        hex(0x4751A2),
        hex(0x6C4494),
        hex(0x853A77),
    ],
    shade: Color32::from_black_alpha(110),
    shadow: 40,
};

impl Tokens {
    /// The colours of a theme, harder ones on request.
    #[must_use]
    pub(crate) fn of(theme: Theme, contrast: bool) -> Self {
        let tokens = match theme {
            Theme::Dark => DARK,
            Theme::Light => LIGHT,
        };
        if !contrast {
            return tokens;
        }
        let [text1, text2, _] = tokens.text;
        Self { text: [text1, text1, text2], line: tokens.line2, ..tokens }
    }

    /// The colour of a name, or of an avatar: always the same for one account.
    pub(crate) fn index(key: &str) -> usize {
        // FNV-1a: the same on every machine and in every version, unlike std's hasher.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        // The last step of MurmurHash3: FNV alone leaves short names close together.
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        usize::try_from((mixed ^ (mixed >> 33)) % 12).unwrap_or(0)
    }

    pub(crate) fn name(&self, key: &str) -> Color32 {
        self.names.get(Self::index(key)).copied().unwrap_or(self.accent_text)
    }
}

/// Makes both themes egui's style.
pub(crate) fn apply(ctx: &Context, contrast: bool, still: bool) {
    for theme in [Theme::Dark, Theme::Light] {
        let tokens = Tokens::of(theme, contrast);
        ctx.style_mut_of(theme, |style| {
            style.text_styles = [
                (TextStyle::Heading, Type::H1.font()),
                (TextStyle::Body, Type::BODY.font()),
                (TextStyle::Button, Type::STRONG.font()),
                (TextStyle::Small, Type::SMALL.font()),
                (TextStyle::Monospace, FontId::monospace(13.0)),
            ]
            .into();
            style.animation_time = if still { 0.0 } else { 0.12 };
            style.interaction.selectable_labels = false;
            spacing(&mut style.spacing);
            visuals(&mut style.visuals, &tokens);
            if still {
                style.scroll_animation = egui::style::ScrollAnimation::none();
            }
        });
    }
}

fn spacing(spacing: &mut egui::style::Spacing) {
    spacing.item_spacing = vec2(SPACE, SPACE);
    spacing.button_padding = vec2(PAD, 6.0);
    spacing.interact_size = vec2(CONTROL, CONTROL);
    spacing.menu_margin = Margin::same(6);
    spacing.window_margin = Margin::same(16);
    spacing.icon_width = 18.0;
    spacing.scroll = ScrollStyle { bar_width: 8.0, handle_min_length: 32.0, ..ScrollStyle::floating() };
    spacing.scroll.fade.strength = 0.0;
    spacing.tooltip_width = 320.0;
}

fn visuals(visuals: &mut egui::Visuals, tokens: &Tokens) {
    let [timeline, panel, card, hover, press] = tokens.bg;
    let [text1, _, text3] = tokens.text;
    visuals.panel_fill = panel;
    visuals.window_fill = card;
    visuals.window_stroke = Stroke::new(1.0, tokens.line);
    visuals.window_corner_radius = CornerRadius::same(ROUND_DIALOG);
    visuals.menu_corner_radius = CornerRadius::same(ROUND_CARD);
    visuals.extreme_bg_color = timeline;
    visuals.text_edit_bg_color = Some(card);
    visuals.code_bg_color = tokens.code;
    visuals.weak_text_color = Some(text3);
    visuals.hyperlink_color = tokens.accent_text;
    visuals.warn_fg_color = tokens.warn;
    visuals.error_fg_color = tokens.danger;
    visuals.selection.bg_fill = tokens.accent.gamma_multiply(0.45);
    visuals.selection.stroke = Stroke::new(1.0, text1);
    visuals.indent_has_left_vline = false;
    visuals.image_loading_spinners = false;
    visuals.popup_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: shadow(tokens.shadow) };
    visuals.window_shadow = Shadow { offset: [0, 16], blur: 48, spread: 0, color: shadow(tokens.shadow) };
    visuals.text_cursor.stroke = Stroke::new(2.0, tokens.accent_text);
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.fg_stroke.color = text1;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, tokens.line);
    let states = [
        (&mut widgets.inactive, hover),
        (&mut widgets.hovered, press),
        (&mut widgets.active, press),
        (&mut widgets.open, press),
    ];
    for (widget, fill) in states {
        widget.weak_bg_fill = fill;
        widget.bg_fill = fill;
        widget.bg_stroke = Stroke::NONE;
        widget.expansion = 0.0;
        widget.corner_radius = CornerRadius::same(ROUND_CONTROL);
        widget.fg_stroke = Stroke::new(1.5, text1);
    }
}

fn shadow(alpha: u8) -> Color32 {
    Color32::from_black_alpha(alpha)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG 2.2, relative luminance.
    fn luminance(color: Color32) -> f64 {
        let channel = |value: u8| {
            let value = f64::from(value) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(color.r()) + 0.7152 * channel(color.g()) + 0.0722 * channel(color.b())
    }

    fn ratio(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn all() -> impl Iterator<Item = (String, Tokens)> {
        [Theme::Dark, Theme::Light].into_iter().flat_map(|theme| {
            [false, true]
                .map(|contrast| (format!("{theme:?}, contrast {contrast}"), Tokens::of(theme, contrast)))
        })
    }

    #[test]
    fn every_text_can_be_read_on_every_surface_it_may_stand_on() {
        for (theme, t) in all() {
            let [bg0, bg1, bg2, bg3, bg4] = t.bg;
            let surfaces = [bg0, bg1, bg2, bg3, t.accent_soft, t.mention];
            let [text1, text2, text3] = t.text;
            let texts = [text1, text2, text3, t.accent_text, t.ok, t.warn, t.danger];
            for (text, surface) in texts.iter().flat_map(|text| surfaces.map(|surface| (*text, surface))) {
                let ratio = ratio(text, surface);
                assert!(ratio >= 4.5, "{theme}: {text:?} on {surface:?} has {ratio:.2}");
            }
            for text in [text1, text2, t.accent_text, t.danger] {
                assert!(ratio(text, bg4) >= 4.5, "{theme}: {text:?} on pressed");
                assert!(ratio(text, t.code) >= 4.5, "{theme}: {text:?} on code");
            }
            for name in t.names {
                for surface in [bg0, t.accent_soft, bg3] {
                    assert!(ratio(name, surface) >= 4.5, "{theme}: name {name:?} on {surface:?}");
                }
            }
        }
    }

    #[test]
    fn white_stands_on_what_is_filled() {
        for (theme, t) in all() {
            for fill in [t.accent, t.danger_solid].into_iter().chain(AVATARS) {
                let ratio = ratio(Color32::WHITE, fill);
                assert!(ratio >= 4.5, "{theme}: white on {fill:?} has {ratio:.2}");
            }
        }
    }

    #[test]
    fn borders_and_focus_rings_can_be_seen() {
        for (theme, t) in all() {
            for surface in t.bg.into_iter().take(3) {
                assert!(ratio(t.line2, surface) >= 3.0, "{theme}: border on {surface:?}");
                assert!(ratio(t.accent_text, surface) >= 3.0, "{theme}: ring on {surface:?}");
            }
        }
    }

    #[test]
    fn the_login_card_can_be_read_over_a_white_desktop() {
        let over_white = |_: u8| 255 - CARD_FILL.a();
        let card = Color32::from_gray(over_white(0));
        let [text1, text2, _] = DARK.text;
        for text in [text1, text2, DARK.accent_text, DARK.danger, Color32::WHITE] {
            assert!(ratio(text, card) >= 4.5, "{text:?} has {:.2}", ratio(text, card));
        }
    }

    #[test]
    fn an_account_has_one_colour_for_ever() {
        assert_eq!(["mary", "李雷", "tom", "me"].map(Tokens::index), [1, 8, 4, 4]);
    }
}
