//! Pictures, drawn anew: what is kept is pixels and nothing else. No place, no camera, no second file behind the first one.

use std::io::Cursor;

use bytes::Bytes;
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use postroad_core::{
    limits::{PICTURE_ALLOC_BYTES_MAX, PICTURE_PIXELS_MAX, PICTURE_SIDE_MAX, THUMBNAIL_SIDE_MAX},
    media::{MediaRefusal, Wrapping},
};

/// 1 to 100: where nobody sees a difference, and where nobody looks closely.
const QUALITY: u8 = 90;
const THUMBNAIL_QUALITY: u8 = 80;

/// What a picture measures, and how it looks small.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Pixels.
    pub width: u32,
    pub height: u32,
    pub thumbnail: Thumbnail,
}

#[derive(Debug, Clone)]
pub struct Thumbnail {
    /// `image/jpeg`; `image/png` where one can look through the picture.
    pub media_type: &'static str,
    pub bytes: Bytes,
}

/// None: nothing that we draw.
pub(crate) const fn format(wrapping: Wrapping) -> Option<ImageFormat> {
    match wrapping {
        Wrapping::Jpeg => Some(ImageFormat::Jpeg),
        Wrapping::Png => Some(ImageFormat::Png),
        Wrapping::Webp => Some(ImageFormat::WebP),
        _ => None,
    }
}

/// The same picture in the same format. Of one that moves, the first moment.
pub(crate) fn draw_anew(format: ImageFormat, bytes: &[u8]) -> Result<(Bytes, Picture), MediaRefusal> {
    let image = decode(format, bytes)?;
    let thumbnail = thumbnail(&image)?;
    let picture = Picture { width: image.width(), height: image.height(), thumbnail };
    Ok((encode(&image, format, QUALITY)?, picture))
}

/// Upright: the side that was up stands in what is not kept.
pub(crate) fn decode(format: ImageFormat, bytes: &[u8]) -> Result<DynamicImage, MediaRefusal> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(PICTURE_SIDE_MAX);
    limits.max_image_height = Some(PICTURE_SIDE_MAX);
    limits.max_alloc = Some(PICTURE_ALLOC_BYTES_MAX);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| refusal(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > PICTURE_PIXELS_MAX {
        return Err(MediaRefusal::Bomb);
    }
    let orientation = decoder.orientation().map_err(|error| refusal(&error))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| refusal(&error))?;
    image.apply_orientation(orientation);
    Ok(image)
}

fn refusal(error: &ImageError) -> MediaRefusal {
    match error {
        ImageError::Limits(_) => MediaRefusal::Bomb,
        _ => MediaRefusal::UnreadableImage,
    }
}

fn thumbnail(image: &DynamicImage) -> Result<Thumbnail, MediaRefusal> {
    let is_small = image.width().max(image.height()) <= THUMBNAIL_SIDE_MAX;
    if is_small { small(image) } else { small(&image.thumbnail(THUMBNAIL_SIDE_MAX, THUMBNAIL_SIDE_MAX)) }
}

/// As it is shown where nobody looks closely.
pub(crate) fn small(image: &DynamicImage) -> Result<Thumbnail, MediaRefusal> {
    let (media_type, format) =
        if image.color().has_alpha() { ("image/png", ImageFormat::Png) } else { ("image/jpeg", ImageFormat::Jpeg) };
    Ok(Thumbnail { media_type, bytes: encode(image, format, THUMBNAIL_QUALITY)? })
}

fn encode(image: &DynamicImage, format: ImageFormat, quality: u8) -> Result<Bytes, MediaRefusal> {
    let mut bytes = Vec::new();
    let written = match format {
        ImageFormat::Jpeg => write(&flat(image), JpegEncoder::new_with_quality(&mut bytes, quality)),
        ImageFormat::WebP => write(&eight_bits(image), WebPEncoder::new_lossless(&mut bytes)),
        _ => write(&eight_bits(image), PngEncoder::new(&mut bytes)),
    };
    written.map_err(|error| refusal(&error)).map(|()| bytes.into())
}

fn write(image: &DynamicImage, encoder: impl ImageEncoder) -> Result<(), ImageError> {
    image.write_with_encoder(encoder)
}

/// Nothing to look through: JPEG has no such thing.
fn flat(image: &DynamicImage) -> DynamicImage {
    if image.color().has_color() { image.to_rgb8().into() } else { image.to_luma8().into() }
}

fn eight_bits(image: &DynamicImage) -> DynamicImage {
    if image.color().has_alpha() { image.to_rgba8().into() } else { image.to_rgb8().into() }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn jpeg(width: u32, height: u32) -> Vec<u8> {
        let image = RgbImage::from_fn(width, height, |x, y| Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 7]));
        encode(&image.into(), ImageFormat::Jpeg, QUALITY).unwrap().to_vec()
    }

    /// With an EXIF segment that says: turned by a quarter, taken at a place.
    fn with_exif(jpeg: &[u8]) -> Vec<u8> {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
        tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
        tiff.extend([0, 0, 0, 0]);
        tiff.extend(b"GPS 48.8584N 2.2945E");
        let mut segment = vec![0xff, 0xe1];
        segment.extend(u16::try_from(tiff.len() + 8).unwrap().to_be_bytes());
        segment.extend(b"Exif\0\0");
        segment.extend(tiff);
        [&jpeg[..2], &segment, &jpeg[2..]].concat()
    }

    #[test]
    fn a_picture_is_kept_upright_and_without_the_place_where_it_was_taken() {
        let taken = with_exif(&jpeg(40, 20));
        assert!(taken.windows(3).any(|window| window == b"GPS"));
        let (bytes, picture) = draw_anew(ImageFormat::Jpeg, &taken).unwrap();
        assert_eq!((picture.width, picture.height), (20, 40));
        assert!(!bytes.windows(3).any(|window| window == b"GPS") && !bytes.windows(4).any(|window| window == b"Exif"));
    }

    #[test]
    fn what_stands_behind_a_picture_is_gone() {
        let mut two = jpeg(8, 8);
        two.extend(b"<script>alert(1)</script>PK\x03\x04");
        let (bytes, _) = draw_anew(ImageFormat::Jpeg, &two).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"<script"));
    }

    #[test]
    fn the_same_picture_becomes_the_same_bytes() {
        let one = jpeg(50, 50);
        assert_eq!(draw_anew(ImageFormat::Jpeg, &one).unwrap().0, draw_anew(ImageFormat::Jpeg, &one).unwrap().0);
    }

    #[test]
    fn a_thumbnail_keeps_the_shape_and_what_one_looks_through() {
        let (_, wide) = draw_anew(ImageFormat::Jpeg, &jpeg(1_280, 640)).unwrap();
        let small = image::load_from_memory(&wide.thumbnail.bytes).unwrap();
        assert_eq!((small.width(), small.height(), wide.thumbnail.media_type), (320, 160, "image/jpeg"));
        let glass = RgbaImage::from_pixel(10, 10, Rgba([1, 2, 3, 0]));
        let png = encode(&glass.into(), ImageFormat::Png, QUALITY).unwrap();
        let (_, seen_through) = draw_anew(ImageFormat::Png, &png).unwrap();
        let small = image::load_from_memory(&seen_through.thumbnail.bytes).unwrap();
        assert_eq!((small.width(), small.to_rgba8().get_pixel(0, 0)[3]), (10, 0));
    }

    /// A PNG of a few bytes that says it is that large.
    fn bomb(width: u32, height: u32) -> Vec<u8> {
        let tiny = RgbImage::new(1, 1);
        let mut png = encode(&tiny.into(), ImageFormat::Png, QUALITY).unwrap().to_vec();
        png[16..20].copy_from_slice(&width.to_be_bytes());
        png[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = u32::MAX;
        for byte in &png[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        png[29..33].copy_from_slice(&(!crc).to_be_bytes());
        png
    }

    #[test]
    fn a_small_file_that_is_a_huge_picture_is_refused_before_it_is_drawn() {
        for (width, height) in [(19_999, 19_999), (60_000, 2), (2_000_000_000, 2_000_000_000)] {
            let refused = draw_anew(ImageFormat::Png, &bomb(width, height)).unwrap_err();
            assert_eq!(refused, MediaRefusal::Bomb, "{width} x {height}");
        }
    }

    #[test]
    fn a_picture_that_is_cut_is_refused() {
        let whole = jpeg(64, 64);
        let refused = draw_anew(ImageFormat::Jpeg, &whole[..20]).unwrap_err();
        assert_eq!(refused, MediaRefusal::UnreadableImage);
    }
}
