//! The bytes of a file as text: UTF-8, one kind of line end, lines of bounded length, whatever it was written in.
//!
//! What cannot be decoded becomes U+FFFD, or stays the broken UTF-8 that it is: the line that has it is refused, and the
//! others are read. Deliberately absent: cells and columns.

use std::io::{self, Cursor, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use postroad_core::limits::{IMPORT_LINE_BYTES_MAX, IMPORT_SAMPLE_BYTES};

/// Bytes that are decoded at once.
const STEP_BYTES: usize = 65_536;

/// A file as text with `\n` behind every line, also the last.
pub(super) struct Text<R> {
    source: io::Chain<Cursor<Vec<u8>>, R>,
    /// None: it is UTF-8 and needs no decoding.
    decoder: Option<Decoder>,
    raw: Vec<u8>,
    decoded: Vec<u8>,
    /// What of `decoded` was read.
    read: usize,
    /// The last byte before `decoded` was `\r`, whose `\n` may follow.
    after_return: bool,
    ended: bool,
    /// Bytes that the line at hand may still have.
    left: usize,
    bytes_read: u64,
}

/// Takes a sample of the source, and gives it back behind a reader that begins with it.
pub(super) fn sample<R: Read>(source: &mut R) -> io::Result<Vec<u8>> {
    let mut sample = Vec::new();
    source.take(IMPORT_SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
    Ok(sample)
}

/// The encoding that a sample of a file looks like.
pub(super) fn detect(sample: &[u8]) -> &'static Encoding {
    let marked = Encoding::for_bom(sample).map(|(encoding, _)| encoding);
    if let Some(encoding) = marked.or_else(|| utf16_without_mark(sample)) {
        return encoding;
    }
    if is_mostly_utf8(sample) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Deny)
}

/// Half of the bytes of western text in UTF-16 are zero, and always the same half.
fn utf16_without_mark(sample: &[u8]) -> Option<&'static Encoding> {
    let pairs = sample.chunks_exact(2).take(2_048);
    let all = pairs.len();
    let (even, odd) =
        pairs.fold((0, 0), |(even, odd), pair| (even + usize::from(pair[0] == 0), odd + usize::from(pair[1] == 0)));
    match all {
        0 => None,
        _ if odd * 5 > all * 2 && even * 20 < all => Some(UTF_16LE),
        _ if even * 5 > all * 2 && odd * 20 < all => Some(UTF_16BE),
        _ => None,
    }
}

/// Bytes of another encoding hardly ever make sound UTF-8 by chance, so a file that is sound in most places has broken ones.
fn is_mostly_utf8(sample: &[u8]) -> bool {
    // The sample may end within a character.
    let whole = match std::str::from_utf8(sample) {
        Ok(_) => return true,
        Err(error) if error.error_len().is_none() => return true,
        Err(_) => sample,
    };
    let (mut wide, mut broken) = (0, 0);
    for chunk in whole.utf8_chunks() {
        wide += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    wide > broken
}

/// The sample as text, for looking at.
pub(super) fn decoded(sample: &[u8], encoding: &'static Encoding) -> String {
    let (text, _) = encoding.decode_with_bom_removal(sample);
    text.into_owned()
}

impl<R: Read> Text<R> {
    /// `sample`: what was taken from the source before.
    pub(super) fn new(sample: Vec<u8>, source: R, encoding: &'static Encoding) -> Self {
        let mark = Encoding::for_bom(&sample).map_or(0, |(_, length)| length);
        let mut head = Cursor::new(sample);
        head.set_position(mark as u64);
        Self {
            source: head.chain(source),
            decoder: (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling()),
            raw: vec![0; STEP_BYTES],
            decoded: Vec::new(),
            read: 0,
            after_return: false,
            ended: false,
            left: IMPORT_LINE_BYTES_MAX,
            bytes_read: mark as u64,
        }
    }

    /// A line ended: the next one may be as long as any.
    pub(super) const fn line_ended(&mut self) {
        self.left = IMPORT_LINE_BYTES_MAX;
    }

    /// Bytes of the file that were taken so far.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    fn step(&mut self) -> io::Result<()> {
        let length = self.source.read(&mut self.raw)?;
        self.bytes_read += length as u64;
        self.ended = length == 0;
        self.read = 0;
        self.decoded.clear();
        let raw = &self.raw[..length];
        match &mut self.decoder {
            Some(decoder) => decode(decoder, raw, self.ended, &mut self.decoded),
            None => self.decoded.extend_from_slice(raw),
        }
        one_line_end(&mut self.decoded, &mut self.after_return);
        if self.ended {
            self.decoded.push(b'\n');
        }
        Ok(())
    }
}

fn decode(decoder: &mut Decoder, mut raw: &[u8], last: bool, text: &mut Vec<u8>) {
    loop {
        let room = decoder.max_utf8_buffer_length(raw.len()).unwrap_or(STEP_BYTES * 3);
        let begin = text.len();
        text.resize(begin + room, 0);
        let (result, taken, written, _) = decoder.decode_to_utf8(raw, &mut text[begin..], last);
        text.truncate(begin + written);
        raw = &raw[taken..];
        if result == CoderResult::InputEmpty {
            return;
        }
    }
}

/// `\r\n` and `\r` become `\n`: the same line has the same number, whoever wrote the file.
fn one_line_end(text: &mut Vec<u8>, after_return: &mut bool) {
    if !*after_return && !text.contains(&b'\r') {
        return;
    }
    text.retain_mut(|byte| {
        let is_second = *byte == b'\n' && *after_return;
        *after_return = *byte == b'\r';
        if *after_return {
            *byte = b'\n';
        }
        !is_second
    });
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.decoded.len() {
            if self.ended {
                return Ok(0);
            }
            self.step()?;
        }
        if self.left == 0 {
            return Err(io::Error::other(LineTooLong));
        }
        let length = buffer.len().min(self.left).min(self.decoded.len() - self.read);
        buffer[..length].copy_from_slice(&self.decoded[self.read..self.read + length]);
        self.read += length;
        self.left -= length;
        Ok(length)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a line is longer than {IMPORT_LINE_BYTES_MAX} bytes; is a quotation mark not closed?")]
struct LineTooLong;

#[cfg(test)]
mod tests {
    use encoding_rs::{SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn text_of(bytes: &[u8]) -> String {
        let mut source = bytes;
        let head = sample(&mut source).unwrap();
        let encoding = detect(&head);
        let mut text = Vec::new();
        Text::new(head, source, encoding).read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    const LINES: &str = "phone;name\n+12025550101;Zoë Müller\n";

    #[test]
    fn a_file_reads_the_same_in_whatever_it_is_written() {
        let marked = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
        let files = [
            LINES.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf", LINES.into()),
            marked(b"\xff\xfe", utf16(LINES, u16::to_le_bytes)),
            marked(b"\xfe\xff", utf16(LINES, u16::to_be_bytes)),
            utf16(LINES, u16::to_le_bytes),
            utf16(LINES, u16::to_be_bytes),
            WINDOWS_1252.encode(LINES).0.into_owned(),
            LINES.replace('\n', "\r\n").into_bytes(),
            LINES.replace('\n', "\r").into_bytes(),
        ];
        for file in files {
            assert_eq!(text_of(&file).trim_end(), LINES.trim_end(), "{file:?}");
        }
    }

    #[test]
    fn encodings_of_other_alphabets_are_told_by_what_they_spell() {
        let russian = "телефон;имя\n+79161234567;Анна Каренина живёт в Москве и пишет письма\n";
        let japanese = "電話,名前\n+819012345678,こんにちは、私の名前は田中です。東京に住んでいます。\n";
        assert_eq!(detect(&WINDOWS_1251.encode(russian).0), WINDOWS_1251);
        assert_eq!(detect(&SHIFT_JIS.encode(japanese).0), SHIFT_JIS);
    }

    #[test]
    fn one_broken_line_does_not_make_a_file_another_encoding() {
        let mut file = LINES.repeat(10).into_bytes();
        file.extend(b"+12025550102;\xff\xfe\n");
        assert_eq!(detect(&file), UTF_8);
    }

    #[test]
    fn a_line_end_is_one_wherever_the_reading_is_cut() {
        let mut after_return = false;
        let mut first = b"a\r".to_vec();
        one_line_end(&mut first, &mut after_return);
        let mut second = b"\nb\r\r\n".to_vec();
        one_line_end(&mut second, &mut after_return);
        assert_eq!((first.as_slice(), second.as_slice()), (&b"a\n"[..], &b"b\n\n"[..]));
    }

    #[test]
    fn a_line_without_end_stops_the_reading() {
        let endless = io::repeat(b'a');
        let error = io::copy(&mut Text::new(Vec::new(), endless, UTF_8), &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("quotation mark"), "{error}");
    }
}
