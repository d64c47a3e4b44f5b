//! Faces: the middle of a picture, small and square.

use bytes::Bytes;
use postroad_core::{limits::FACE_SIDE, media::MediaRefusal};

use crate::{
    picture::{self, Thumbnail},
    sniff::type_of,
};

/// Takes what we draw and nothing else. Call it on a thread for that, as [`crate::examine`].
pub fn face(declared: Option<&str>, bytes: &Bytes) -> Result<Thumbnail, MediaRefusal> {
    if bytes.is_empty() {
        return Err(MediaRefusal::Empty);
    }
    let format = picture::format(type_of(declared, bytes)?.wrapping).ok_or(MediaRefusal::TypeNotAllowed)?;
    let image = picture::decode(format, bytes)?;
    let side = image.width().min(image.height());
    let middle = image.crop_imm((image.width() - side) / 2, (image.height() - side) / 2, side, side);
    let small = if side > FACE_SIDE { middle.thumbnail_exact(FACE_SIDE, FACE_SIDE) } else { middle };
    picture::small(&small)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    fn picture(format: ImageFormat, width: u32, height: u32) -> Bytes {
        let mut bytes = Cursor::new(Vec::new());
        let third = |x: u32| if (width / 3..width * 2 / 3).contains(&x) { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
        RgbImage::from_fn(width, height, |x, _| third(x)).write_to(&mut bytes, format).unwrap();
        bytes.into_inner().into()
    }

    #[test]
    fn a_face_is_the_middle_of_a_picture_and_small() {
        for (width, height, side) in [(900, 300, 256), (300, 100, 100), (512, 512, 256)] {
            let face = face(Some("image/png"), &picture(ImageFormat::Png, width, height)).unwrap();
            let drawn = image::load_from_memory(&face.bytes).unwrap().to_rgb8();
            assert_eq!(
                (drawn.width(), drawn.height(), face.media_type),
                (side, side, "image/jpeg"),
                "{width}x{height}"
            );
            let red = drawn.get_pixel(side / 2, side / 2)[0];
            assert!(red > 200, "{width}x{height}: {red}");
        }
    }

    #[test]
    fn what_is_no_picture_is_no_face() {
        let cases: [(Option<&str>, Bytes, MediaRefusal); 4] = [
            (None, Bytes::new(), MediaRefusal::Empty),
            (Some("image/png"), picture(ImageFormat::Jpeg, 9, 9), MediaRefusal::TypeDisagrees),
            (Some("application/pdf"), Bytes::from_static(b"%PDF-1.7\n"), MediaRefusal::TypeNotAllowed),
            (None, picture(ImageFormat::Jpeg, 90, 90).slice(..30), MediaRefusal::UnreadableImage),
        ];
        for (declared, bytes, expected) in cases {
            assert_eq!(face(declared, &bytes).unwrap_err(), expected, "{declared:?}");
        }
    }
}
