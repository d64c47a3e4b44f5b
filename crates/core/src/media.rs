//! Files that people send and get: what may come in, as what it counts, and where one stands.
//!
//! Which bytes are which type, and pictures made harmless, is the business of the room that has the decoders. To allow a type:
//! its line in [`TYPES`].

use crate::{account::Channel, limits, message::MediaKind, words::words};

words! {
    /// Where a file stands.
    MediaState {
        /// Its parts come in. Ends with the last part, or after a day.
        Receiving = "receiving",
        /// It is to be fetched, or looked at. Ends with an answer, or when the attempts are used up.
        Wanted = "wanted",
        /// It can be read.
        Stored = "stored",
        /// It was looked at, and is not kept: the code says why.
        Refused = "refused",
        /// Nobody has it any more, or nobody gives it: the code says why.
        Lost = "lost",
        /// It cannot be read any more; its bytes are being deleted.
        Purging = "purging",
        Purged = "purged",
    }
}

words! {
    /// Why a file is not kept.
    MediaRefusal {
        Empty = "empty",
        /// Larger than the channel carries for its kind.
        TooLarge = "too_large",
        TypeNotAllowed = "type_not_allowed",
        /// It is something else than it says.
        TypeDisagrees = "type_disagrees",
        /// Small as a file, and huge as a picture.
        Bomb = "bomb",
        UnreadableImage = "unreadable_image",
    }
}

words! {
    /// Why nobody has a file.
    MediaLoss {
        /// The provider does not have it, or not any more.
        Gone = "gone",
        /// The provider did not let us have it.
        Forbidden = "forbidden",
        /// Every attempt failed; the last one tells why.
        AttemptsUsedUp = "attempts_used_up",
        /// The account is gone, or cannot be used.
        NoAccount = "no_account",
        /// Its parts did not come within a day.
        Abandoned = "abandoned",
    }
}

/// How the bytes of a type are wrapped. Types of one wrapping cannot be told apart for sure, so that one is taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    Jpeg,
    Png,
    Webp,
    Gif,
    Heif,
    /// ISO base media: MP4, 3GP, QuickTime.
    IsoMedia,
    Ogg,
    Matroska,
    Mp3,
    Aac,
    Amr,
    Wave,
    Pdf,
    /// Office files since 2007, OpenDocument.
    Zip,
    /// Office files before 2007.
    Ole,
    Rtf,
    /// Whatever is text: never shown, always a download.
    Text,
}

/// A type that may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaType {
    /// Its one spelling.
    pub name: &'static str,
    aliases: &'static [&'static str],
    pub wrapping: Wrapping,
    pub kind: MediaKind,
    /// A browser may show it under our address. All others are downloads.
    pub shown: bool,
}

const fn of(name: &'static str, wrapping: Wrapping, kind: MediaKind) -> MediaType {
    MediaType { name, aliases: &[], wrapping, kind, shown: !matches!(kind, MediaKind::Document) }
}

const fn alias(aliases: &'static [&'static str], base: MediaType) -> MediaType {
    MediaType { aliases, ..base }
}

const fn download(base: MediaType) -> MediaType {
    MediaType { shown: false, ..base }
}

/// Of each wrapping the usual type first: what says nothing of itself is that.
pub const TYPES: &[MediaType] = &[
    alias(&["image/jpg", "image/pjpeg"], of("image/jpeg", Wrapping::Jpeg, MediaKind::Image)),
    alias(&["image/x-png"], of("image/png", Wrapping::Png, MediaKind::Image)),
    of("image/webp", Wrapping::Webp, MediaKind::Image),
    download(of("image/gif", Wrapping::Gif, MediaKind::Image)),
    download(alias(&["image/heif"], of("image/heic", Wrapping::Heif, MediaKind::Image))),
    alias(&["video/x-m4v"], of("video/mp4", Wrapping::IsoMedia, MediaKind::Video)),
    alias(&["video/3gp", "video/3gpp2"], of("video/3gpp", Wrapping::IsoMedia, MediaKind::Video)),
    of("video/quicktime", Wrapping::IsoMedia, MediaKind::Video),
    alias(&["audio/m4a", "audio/x-m4a", "audio/3gpp"], of("audio/mp4", Wrapping::IsoMedia, MediaKind::Audio)),
    alias(&["audio/opus", "application/ogg"], of("audio/ogg", Wrapping::Ogg, MediaKind::Audio)),
    of("video/ogg", Wrapping::Ogg, MediaKind::Video),
    of("video/webm", Wrapping::Matroska, MediaKind::Video),
    of("audio/webm", Wrapping::Matroska, MediaKind::Audio),
    alias(&["audio/mp3"], of("audio/mpeg", Wrapping::Mp3, MediaKind::Audio)),
    alias(&["audio/x-aac", "audio/aacp"], of("audio/aac", Wrapping::Aac, MediaKind::Audio)),
    of("audio/amr", Wrapping::Amr, MediaKind::Audio),
    alias(&["audio/x-wav", "audio/wave"], of("audio/wav", Wrapping::Wave, MediaKind::Audio)),
    of("application/pdf", Wrapping::Pdf, MediaKind::Document),
    of("application/vnd.openxmlformats-officedocument.wordprocessingml.document", Wrapping::Zip, MediaKind::Document),
    of("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Wrapping::Zip, MediaKind::Document),
    of("application/vnd.openxmlformats-officedocument.presentationml.presentation", Wrapping::Zip, MediaKind::Document),
    of("application/vnd.oasis.opendocument.text", Wrapping::Zip, MediaKind::Document),
    of("application/vnd.oasis.opendocument.spreadsheet", Wrapping::Zip, MediaKind::Document),
    of("application/vnd.oasis.opendocument.presentation", Wrapping::Zip, MediaKind::Document),
    of("application/msword", Wrapping::Ole, MediaKind::Document),
    of("application/vnd.ms-excel", Wrapping::Ole, MediaKind::Document),
    of("application/vnd.ms-powerpoint", Wrapping::Ole, MediaKind::Document),
    alias(&["text/rtf"], of("application/rtf", Wrapping::Rtf, MediaKind::Document)),
    of("text/plain", Wrapping::Text, MediaKind::Document),
    alias(&["application/csv"], of("text/csv", Wrapping::Text, MediaKind::Document)),
    alias(&["text/x-vcard"], of("text/vcard", Wrapping::Text, MediaKind::Document)),
    of("text/calendar", Wrapping::Text, MediaKind::Document),
    of("text/html", Wrapping::Text, MediaKind::Document),
    alias(&["text/xml"], of("application/xml", Wrapping::Text, MediaKind::Document)),
    of("application/json", Wrapping::Text, MediaKind::Document),
    of("image/svg+xml", Wrapping::Text, MediaKind::Document),
];

/// The type of this name. Parameters, case and other spellings do not matter.
pub fn find(name: &str) -> Option<&'static MediaType> {
    let bare = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    TYPES.iter().find(|known| known.name == bare || known.aliases.contains(&bare.as_str()))
}

/// What says nothing of itself.
pub fn says_nothing(name: &str) -> bool {
    let bare = name.split(';').next().unwrap_or_default().trim();
    bare.is_empty()
        || ["application/octet-stream", "binary/octet-stream"].iter().any(|word| bare.eq_ignore_ascii_case(word))
}

/// Whether a file whose type is of the kind `found` may go, or come, as the kind `said`. A document may be anything; a voice may
/// come as a film without pictures.
pub const fn is_sent_as(found: MediaKind, said: MediaKind) -> bool {
    match said {
        MediaKind::Image | MediaKind::Sticker => matches!(found, MediaKind::Image),
        MediaKind::Video | MediaKind::Audio => matches!(found, MediaKind::Video | MediaKind::Audio),
        MediaKind::Document => true,
    }
}

/// Bytes of a file of this kind that the channel carries. WhatsApp: each kind its own; other channels: as text messages with
/// pictures have it, 5 MB.
pub const fn bytes_max(channel: Channel, kind: MediaKind) -> usize {
    match (channel, kind) {
        (Channel::Whatsapp, MediaKind::Image) => limits::IMAGE_BYTES_MAX,
        (Channel::Whatsapp, MediaKind::Video | MediaKind::Audio) => limits::RECORDING_BYTES_MAX,
        (Channel::Whatsapp, MediaKind::Document) => limits::DOCUMENT_BYTES_MAX,
        (Channel::Whatsapp, MediaKind::Sticker) => limits::STICKER_BYTES_MAX,
        _ => limits::MMS_BYTES_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_every_spelling_of_it() {
        for (written, name) in [
            ("image/jpeg", "image/jpeg"),
            ("IMAGE/JPG", "image/jpeg"),
            ("audio/ogg; codecs=opus", "audio/ogg"),
            (" text/html ;charset=utf-8", "text/html"),
        ] {
            assert_eq!(find(written).map(|known| known.name), Some(name), "{written}");
        }
        for unknown in ["", "image", "application/x-msdownload", "application/zip", "image/jpeg2"] {
            assert_eq!(find(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_can_hold_a_script_is_never_shown() {
        for text in TYPES.iter().filter(|known| known.wrapping == Wrapping::Text || known.kind == MediaKind::Document) {
            assert!(!text.shown, "{}", text.name);
        }
        assert!(find("image/png").is_some_and(|known| known.shown));
    }

    #[test]
    fn a_document_may_be_anything_and_a_picture_only_a_picture() {
        use MediaKind::{Audio, Document, Image, Sticker, Video};
        assert!(is_sent_as(Image, Document) && is_sent_as(Video, Audio) && is_sent_as(Image, Sticker));
        assert!(!is_sent_as(Document, Image) && !is_sent_as(Video, Sticker) && !is_sent_as(Document, Audio));
    }

    #[test]
    fn no_name_stands_for_two_types() {
        let names: Vec<&str> =
            TYPES.iter().flat_map(|known| known.aliases.iter().copied().chain([known.name])).collect();
        for name in &names {
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{name}");
        }
    }
}
