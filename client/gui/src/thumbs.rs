//! Small pictures of files that are here. They are made by the thread behind the window, within bounds, and kept up to a number.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use egui::{Color32, ColorImage, CornerRadius, Rect, TextureHandle, TextureOptions, Ui, Vec2, vec2};

use crate::action::Action;
use crate::look::Look;
use crate::theme::ROUND_CARD;

/// The box a picture stands in, in points: reserved before it is there.
pub(crate) const BOX: Vec2 = vec2(320.0, 180.0);
/// The most pixels a picture may have to be looked at, and bytes its decoder may take.
const MOST_PIXELS: u64 = 40_000_000;
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// Pictures that are kept: at 640 × 360 pixels and 4 bytes, 55 MB at the most.
const KEPT: usize = 60;
/// Pictures that were pasted are kept this long, for transfers that wait.
const KEPT_PASTED: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

/// The pictures.
#[derive(Default)]
pub(crate) struct Thumbs {
    all: RefCell<HashMap<PathBuf, Thumb>>,
}

enum Thumb {
    Asked,
    Ready(TextureHandle),
    /// It cannot be shown.
    Nothing,
}

impl std::fmt::Debug for Thumbs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Thumbs").field("count", &self.all.borrow().len()).finish()
    }
}

impl Thumbs {
    /// Paints a picture in its box, or asks for it.
    pub(crate) fn paint(&self, ui: &Ui, look: &Look, (path, place): (&PathBuf, Rect)) -> Option<Action> {
        ui.painter().rect_filled(place, CornerRadius::same(ROUND_CARD), look.t.bg[1]);
        let mut all = self.all.borrow_mut();
        match all.get(path) {
            None => {
                if all.len() >= KEPT {
                    all.clear();
                }
                all.insert(path.clone(), Thumb::Asked);
                return Some(Action::Thumb(path.clone()));
            }
            Some(Thumb::Ready(texture)) => {
                let size = texture.size_vec2();
                let scale = (place.width() / size.x).min(place.height() / size.y).min(1.0);
                let shown = Rect::from_center_size(place.center(), size * scale);
                let whole = Rect::from_min_max(egui::Pos2::ZERO, egui::pos2(1.0, 1.0));
                ui.painter().image(texture.id(), shown, whole, Color32::WHITE);
            }
            Some(Thumb::Asked | Thumb::Nothing) => {}
        }
        None
    }

    /// A picture that was asked for is there, or cannot be made.
    pub(crate) fn keep(&self, ctx: &egui::Context, (path, image): (PathBuf, Option<ColorImage>)) {
        let thumb = image.map_or(Thumb::Nothing, |image| {
            Thumb::Ready(ctx.load_texture(path.to_string_lossy(), image, TextureOptions::LINEAR))
        });
        self.all.borrow_mut().insert(path, thumb);
    }
}

/// Makes a small picture of a file. May take its time.
pub(crate) fn make(path: &Path) -> Option<ColorImage> {
    let mut reader = image::ImageReader::open(path).ok()?.with_guessed_format().ok()?;
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    (limits.max_image_width, limits.max_image_height) = (Some(20_000), Some(20_000));
    reader.limits(limits);
    let (width, height) =
        image::ImageReader::open(path).ok()?.with_guessed_format().ok()?.into_dimensions().ok()?;
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return None;
    }
    let picture = reader.decode().ok()?;
    let small = picture.thumbnail(640, 360).into_rgba8();
    let size = [small.width(), small.height()].map(|side| usize::try_from(side).unwrap_or(0));
    Some(ColorImage::from_rgba_unmultiplied(size, small.as_raw()))
}

/// Makes a file of a picture, for its owner only; files of more than a week ago go. May take its time.
pub(crate) fn save(dir: &Path, picture: &ColorImage) -> Option<PathBuf> {
    std::fs::create_dir_all(dir).ok()?;
    for old in std::fs::read_dir(dir).ok()?.flatten() {
        let age = old.metadata().and_then(|found| found.modified()).ok().and_then(|at| at.elapsed().ok());
        if age.is_some_and(|age| age > KEPT_PASTED) {
            let _ = std::fs::remove_file(old.path());
        }
    }
    let side = |side: usize| u32::try_from(side).ok();
    let [width, height] = picture.size;
    let bytes = picture.pixels.iter().flat_map(Color32::to_srgba_unmultiplied).collect();
    let image = image::RgbaImage::from_raw(side(width)?, side(height)?, bytes)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    let path = dir.join(format!("picture-{}.png", now.as_millis()));
    image.save(&path).ok()?;
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_made_small_and_a_bomb_is_not_made_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        image::RgbImage::new(1000, 100).save(&path).unwrap();
        assert_eq!(make(&path).unwrap().size, [640, 64]);
        std::fs::write(&path, b"not a picture").unwrap();
        assert!(make(&path).is_none());
        // A header that promises 100,000 × 100,000 pixels.
        let mut bomb = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x01\x86\xa0\0\x01\x86\xa0\x08\x06\0\0\0".to_vec();
        bomb.extend_from_slice(&[0; 64]);
        std::fs::write(&path, bomb).unwrap();
        assert!(make(&path).is_none());
    }
}
