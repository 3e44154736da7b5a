//! Draws what egui would hand to a graphics card, in plain code: the pictures are the same on every machine,
//! with or without a display.

use std::collections::HashMap;

use egui::epaint::{ImageDelta, Mesh, Primitive, Vertex};
use egui::{Color32, Context, FullOutput, ImageData, Pos2, Rect, TextureId, TexturesDelta, pos2};
use egui_kittest::TestRenderer;
use image::{Rgba, RgbaImage};

struct Texture {
    width: usize,
    height: usize,
    pixels: Vec<Color32>,
}

/// A renderer without a graphics card.
#[derive(Default)]
pub(crate) struct Raster {
    textures: HashMap<TextureId, Texture>,
}

impl TestRenderer for Raster {
    fn handle_delta(&mut self, delta: &mut TexturesDelta) {
        for (id, changes) in &delta.set {
            changes.iter().for_each(|change| self.change(*id, change));
        }
        for id in &delta.free {
            self.textures.remove(id);
        }
        delta.clear();
    }

    fn render(&mut self, ctx: &Context, output: &FullOutput) -> Result<RgbaImage, String> {
        let scale = output.pixels_per_point;
        let size = ctx.content_rect().size() * scale;
        let mut image =
            RgbaImage::from_pixel(size.x.round() as u32, size.y.round() as u32, Rgba([0, 0, 0, 255]));
        for primitive in ctx.tessellate(output.shapes.clone(), scale) {
            let Primitive::Mesh(mesh) = &primitive.primitive else {
                return Err("only meshes can be drawn".to_owned());
            };
            let clip = Rect::from_min_max(
                (primitive.clip_rect.min.to_vec2() * scale).to_pos2().round(),
                (primitive.clip_rect.max.to_vec2() * scale).to_pos2().round(),
            );
            self.mesh(&mut image, mesh, (clip, scale));
        }
        Ok(image)
    }
}

impl Raster {
    fn change(&mut self, id: TextureId, delta: &ImageDelta) {
        let ImageData::Color(image) = &delta.image;
        let [width, height] = image.size;
        let Some([left, top]) = delta.pos else {
            self.textures.insert(id, Texture { width, height, pixels: image.pixels.clone() });
            return;
        };
        let texture = self.textures.get_mut(&id).expect("a texture to change a part of");
        for (row, pixels) in image.pixels.chunks(width).enumerate() {
            let begin = (top + row) * texture.width + left;
            texture.pixels[begin..begin + width].copy_from_slice(pixels);
        }
    }

    fn mesh(&self, image: &mut RgbaImage, mesh: &Mesh, (clip, scale): (Rect, f32)) {
        let texture = &self.textures[&mesh.texture_id];
        for corners in mesh.indices.chunks(3) {
            let [a, b, c] = [0, 1, 2].map(|corner| mesh.vertices[corners[corner] as usize]);
            triangle(image, texture, [a, b, c], (clip, scale));
        }
    }
}

/// Twice the area of the triangle; positive if it turns clockwise on the screen.
fn edge(a: Pos2, b: Pos2, p: Pos2) -> f32 {
    (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)
}

fn triangle(image: &mut RgbaImage, texture: &Texture, mut corners: [Vertex; 3], (clip, scale): (Rect, f32)) {
    let at = |vertex: &Vertex| (vertex.pos.to_vec2() * scale).to_pos2();
    let mut area = edge(at(&corners[0]), at(&corners[1]), at(&corners[2]));
    if area < 0.0 {
        corners.swap(1, 2);
        area = -area;
    }
    if area == 0.0 {
        return;
    }
    let [a, b, c] = corners.each_ref().map(at);
    let bounds = Rect::from_points(&[a, b, c]).intersect(clip);
    let bounds =
        bounds.intersect(Rect::from_min_max(Pos2::ZERO, pos2(image.width() as f32, image.height() as f32)));
    // A pixel belongs to the triangle that holds its middle; on an edge, to the one whose edge is a top or left one.
    let owns = |from: Pos2, to: Pos2| (to.y < from.y) || (to.y == from.y && to.x > from.x);
    let inside = |weight: f32, owned: bool| weight > 0.0 || (weight == 0.0 && owned);
    let owned = [owns(b, c), owns(c, a), owns(a, b)];
    for y in bounds.top().floor() as i32..bounds.bottom().ceil() as i32 {
        for x in bounds.left().floor() as i32..bounds.right().ceil() as i32 {
            let p = pos2(x as f32 + 0.5, y as f32 + 0.5);
            let weights = [edge(b, c, p), edge(c, a, p), edge(a, b, p)];
            if clip.contains(p) && weights.iter().zip(owned).all(|(weight, owned)| inside(*weight, owned)) {
                let weights = weights.map(|weight| weight / area);
                let color = shade(texture, &corners, weights);
                blend(image.get_pixel_mut(x as u32, y as u32), color);
            }
        }
    }
}

/// The vertices' colours and the texture, between them; premultiplied, as egui has them.
fn shade(texture: &Texture, corners: &[Vertex; 3], weights: [f32; 3]) -> [f32; 4] {
    let mut color = [0.0; 4];
    let mut uv = egui::Vec2::ZERO;
    for (vertex, weight) in corners.iter().zip(weights) {
        for (sum, channel) in color.iter_mut().zip(vertex.color.to_array()) {
            *sum += f32::from(channel) / 255.0 * weight;
        }
        uv += vertex.uv.to_vec2() * weight;
    }
    let texel = sample(texture, uv.to_pos2());
    std::array::from_fn(|channel| color[channel] * texel[channel])
}

/// Bilinear.
fn sample(texture: &Texture, uv: Pos2) -> [f32; 4] {
    let (x, y) = (uv.x * texture.width as f32 - 0.5, uv.y * texture.height as f32 - 0.5);
    let (left, top) = (x.floor(), y.floor());
    let texel = |x: f32, y: f32| {
        let x = (x.max(0.0) as usize).min(texture.width - 1);
        let y = (y.max(0.0) as usize).min(texture.height - 1);
        texture.pixels[y * texture.width + x].to_array().map(|channel| f32::from(channel) / 255.0)
    };
    let (right, down) = (x - left, y - top);
    if right < 0.001 && down < 0.001 {
        return texel(left, top);
    }
    let mix = |a: [f32; 4], b: [f32; 4], part: f32| std::array::from_fn(|c| a[c] + (b[c] - a[c]) * part);
    let upper = mix(texel(left, top), texel(left + 1.0, top), right);
    let lower = mix(texel(left, top + 1.0), texel(left + 1.0, top + 1.0), right);
    mix(upper, lower, down)
}

fn blend(pixel: &mut Rgba<u8>, [r, g, b, a]: [f32; 4]) {
    for (under, over) in pixel.0.iter_mut().zip([r, g, b]) {
        *under = (over * 255.0 + f32::from(*under) * (1.0 - a)).round().clamp(0.0, 255.0) as u8;
    }
}
