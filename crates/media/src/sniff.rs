//! What a file is, by its bytes: what it says of itself only has to agree.

use bytes::Bytes;
use data_encoding::HEXLOWER;
use postroad_core::media::{self, MediaRefusal, MediaType, TYPES, Wrapping};
use sha2::{Digest, Sha256};

use crate::picture::{self, Picture};

/// Bytes of a text that are looked at.
const TEXT_LOOKED_AT_BYTES: usize = 65_536;

/// A file that may be kept, as it may be kept.
#[derive(Debug, Clone)]
pub struct Examined {
    pub media_type: &'static MediaType,
    pub bytes: Bytes,
    /// Of `bytes`: 64 digits.
    pub sha256: String,
    /// Of what we can draw: made anew, so that nothing but pixels is in it.
    pub picture: Option<Picture>,
}

/// Looks at a whole file. Decoding takes a second and hundreds of megabytes at worst: call it on a thread for that.
pub fn examine(declared: Option<&str>, bytes: Bytes) -> Result<Examined, MediaRefusal> {
    if bytes.is_empty() {
        return Err(MediaRefusal::Empty);
    }
    let media_type = type_of(declared, &bytes)?;
    let (bytes, picture) = match picture::format(media_type.wrapping) {
        Some(format) => {
            let (bytes, picture) = picture::draw_anew(format, &bytes)?;
            (bytes, Some(picture))
        }
        None => (bytes, None),
    };
    let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
    Ok(Examined { media_type, bytes, sha256, picture })
}

pub(crate) fn type_of(declared: Option<&str>, bytes: &[u8]) -> Result<&'static MediaType, MediaRefusal> {
    let found = sniff(bytes);
    let Some(said) = declared.filter(|name| !media::says_nothing(name)) else {
        return found.ok_or(MediaRefusal::TypeNotAllowed);
    };
    let said = media::find(said).ok_or(MediaRefusal::TypeNotAllowed)?;
    match found {
        Some(found) if found.wrapping == said.wrapping => Ok(said),
        Some(_) => Err(MediaRefusal::TypeDisagrees),
        None if infer::get(bytes).is_some() || said.wrapping != Wrapping::Text => Err(MediaRefusal::TypeDisagrees),
        None => Err(MediaRefusal::TypeNotAllowed),
    }
}

/// None: a type that may not come in, or none that anybody knows.
fn sniff(bytes: &[u8]) -> Option<&'static MediaType> {
    if bytes.get(4..8) == Some(b"ftyp") {
        return iso_media(bytes.get(8..12)?);
    }
    match infer::get(bytes).map(|found| found.mime_type()) {
        None | Some("text/html" | "text/xml" | "image/svg+xml") => text(bytes),
        Some("application/zip") => first_of(Wrapping::Zip),
        Some("application/x-ole-storage") => first_of(Wrapping::Ole),
        Some(name) => media::find(name),
    }
}

/// By the brand at the beginning: ISO/IEC 14496-12, and mp4ra.org for the brands.
fn iso_media(brand: &[u8]) -> Option<&'static MediaType> {
    match brand {
        b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1" => media::find("image/heic"),
        b"avif" | b"avis" => None,
        b"M4A " | b"M4B " => media::find("audio/mp4"),
        b"qt  " => media::find("video/quicktime"),
        [b'3', b'g', ..] => media::find("video/3gpp"),
        _ => media::find("video/mp4"),
    }
}

fn first_of(wrapping: Wrapping) -> Option<&'static MediaType> {
    TYPES.iter().find(|known| known.wrapping == wrapping)
}

/// Text has no byte that only programs have.
fn text(bytes: &[u8]) -> Option<&'static MediaType> {
    let looked_at = &bytes[..bytes.len().min(TEXT_LOOKED_AT_BYTES)];
    let is_script = looked_at.starts_with(b"#!");
    let is_text = looked_at.iter().all(|byte| *byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c));
    let in_utf16 = looked_at.starts_with(&[0xff, 0xfe]) || looked_at.starts_with(&[0xfe, 0xff]);
    (!is_script && (is_text || in_utf16)).then(|| first_of(Wrapping::Text)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &[u8] = b"<!DOCTYPE html><html><script>alert(1)</script></html>";
    const SVG: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";

    type Case = (Option<&'static str>, &'static [u8], Result<&'static str, MediaRefusal>);

    fn found(declared: Option<&str>, bytes: &[u8]) -> Result<&'static str, MediaRefusal> {
        type_of(declared, bytes).map(|found| found.name)
    }

    #[test]
    fn a_file_is_what_its_bytes_are_and_what_it_says_only_has_to_agree() {
        let mp4: &'static [u8] = b"\0\0\0\x18ftypisom\0\0\0\0isommp41";
        let zip: &'static [u8] = b"PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        let cases: &[Case] = &[
            (Some("application/pdf"), b"%PDF-1.7\n", Ok("application/pdf")),
            (None, b"%PDF-1.7\n", Ok("application/pdf")),
            (Some("application/octet-stream"), b"%PDF-1.7\n", Ok("application/pdf")),
            (Some("image/png"), b"%PDF-1.7\n", Err(MediaRefusal::TypeDisagrees)),
            (Some("audio/mp4"), mp4, Ok("audio/mp4")),
            (Some("video/mp4"), mp4, Ok("video/mp4")),
            (Some("image/jpeg"), mp4, Err(MediaRefusal::TypeDisagrees)),
            (Some("audio/ogg; codecs=opus"), b"OggS\0\x02\0\0\0\0\0\0\0\0", Ok("audio/ogg")),
            (Some("text/csv"), b"name,age\nAda,36\n", Ok("text/csv")),
            (None, b"name,age\nAda,36\n", Ok("text/plain")),
            (Some("text/html"), HTML, Ok("text/html")),
            (Some("image/png"), HTML, Err(MediaRefusal::TypeDisagrees)),
            (Some("image/svg+xml"), SVG, Ok("image/svg+xml")),
            (Some("image/jpeg"), SVG, Err(MediaRefusal::TypeDisagrees)),
            (
                Some("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
                zip,
                Ok("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            ),
            (Some("application/zip"), zip, Err(MediaRefusal::TypeNotAllowed)),
            (Some("text/plain"), b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", Err(MediaRefusal::TypeDisagrees)),
            (None, b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", Err(MediaRefusal::TypeNotAllowed)),
            (Some("text/plain"), b"#!/bin/sh\nrm -rf /\n", Err(MediaRefusal::TypeDisagrees)),
            (None, b"\0\x01\x02\x03", Err(MediaRefusal::TypeNotAllowed)),
        ];
        for (declared, bytes, expected) in cases {
            let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(20)]);
            assert_eq!(found(*declared, bytes), *expected, "{declared:?} {shown}");
        }
    }

    #[test]
    fn nothing_is_no_file() {
        assert_eq!(examine(None, Bytes::new()).unwrap_err(), MediaRefusal::Empty);
    }

    #[test]
    fn what_is_kept_is_named_by_its_own_hash() {
        let kept = examine(Some("text/html"), Bytes::from_static(HTML)).unwrap();
        assert_eq!(kept.sha256, HEXLOWER.encode(&Sha256::digest(HTML)));
        assert!(kept.picture.is_none() && !kept.media_type.shown);
    }
}
