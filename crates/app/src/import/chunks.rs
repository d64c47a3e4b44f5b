//! Reads a file on a thread of its own, chunk by chunk, while the chunks before are written.

use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder, StringRecord};
use postroad_core::limits::IMPORT_KEPT_BYTES_MAX;
use postroad_store::import::LineError;
use tokio::sync::mpsc;

use super::{
    ImportError, ImportOptions,
    dialect::{Delimiter, FileEncoding},
    header::{self, HeaderError, Heading},
    line::{LineProblem, LineReader},
    text::{self, Text},
};
use crate::contacts::merge::Row;

/// Rows one transaction takes: a tenth of a second's work to lose, and statements large enough to be cheap.
pub(super) const CHUNK_ROWS: usize = 5_000;
/// Chunks read ahead.
const AHEAD: usize = 2;

/// A file whose header was read.
pub(super) struct Opened<R> {
    reader: Reader<Text<R>>,
    pub(super) encoding: FileEncoding,
    pub(super) delimiter: Delimiter,
    pub(super) headings: Vec<Heading>,
}

/// Lines that are written together.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) rows: Vec<Row>,
    /// Where each row stood.
    pub(super) lines: Vec<Line>,
    pub(super) errors: Vec<LineError>,
    /// Of the file, up to the end of the chunk and a little further.
    pub(super) bytes_read: u64,
}

/// A line that can be read.
pub(super) struct Line {
    /// Of the file, where it begins.
    pub(super) number: i64,
    pub(super) fields: StringRecord,
}

impl Chunk {
    const fn len(&self) -> usize {
        self.lines.len() + self.errors.len()
    }
}

/// Tells how the file is written, and reads its header.
pub(super) fn open<R: Read>(source: R, options: &ImportOptions) -> Result<Opened<R>, ImportError> {
    let (mut reader, encoding, delimiter) = table(source, (options.encoding, options.delimiter))?;
    let headings = header::read(&header_of(&mut reader)?, &options.mapping)?;
    Ok(Opened { reader, encoding, delimiter, headings })
}

type Table<R> = (Reader<Text<R>>, FileEncoding, Delimiter);

/// Lines of cells, as the caller says that they are written, else as they look.
fn table<R: Read>(
    mut source: R,
    (encoding, delimiter): (Option<FileEncoding>, Option<Delimiter>),
) -> Result<Table<R>, csv::Error> {
    let sample = text::sample(&mut source)?;
    let encoding = encoding.unwrap_or_else(|| FileEncoding(text::detect(&sample)));
    let delimiter = delimiter.unwrap_or_else(|| Delimiter::sniff(&text::decoded(&sample, encoding.0)));
    let reader = ReaderBuilder::new()
        .flexible(true)
        .delimiter(delimiter.byte())
        .buffer_capacity(65_536)
        .from_reader(Text::new(sample, source, encoding.0));
    Ok((reader, encoding, delimiter))
}

fn header_of<R: Read>(reader: &mut Reader<Text<R>>) -> Result<StringRecord, ImportError> {
    let header = reader.byte_headers()?.clone();
    let header = StringRecord::from_byte_record(header).ok().filter(is_sound);
    header.ok_or_else(|| HeaderError::NotText.into())
}

/// A small file as its header and its lines, each with where it begins; none for a line that is no text.
pub(crate) fn small_table(bytes: &[u8]) -> Result<SmallTable, ImportError> {
    let (mut reader, ..) = table(bytes, (None, None))?;
    let header = header_of(&mut reader)?;
    let (mut record, mut lines) = (ByteRecord::new(), Vec::new());
    while next_record(&mut reader, &mut record)? {
        let number = number(&record, reader.position().line());
        let fields = StringRecord::from_byte_record(std::mem::take(&mut record));
        lines.push((number, fields.ok().filter(is_sound)));
    }
    Ok(SmallTable { header, lines })
}

pub(crate) struct SmallTable {
    pub(crate) header: StringRecord,
    pub(crate) lines: Vec<(i64, Option<StringRecord>)>,
}

/// What a line came to.
pub(super) type LineRead = (i64, StringRecord, Result<Row, LineProblem>);

impl<R: Read> Opened<R> {
    pub(super) fn columns(&self) -> Vec<header::Column> {
        self.headings.iter().map(|heading| heading.column.clone()).collect()
    }

    /// The next line; none: the file ends. What is no text is shown with marks in its place.
    pub(super) fn next(&mut self, record: &mut ByteRecord, lines: &LineReader) -> Result<Option<LineRead>, csv::Error> {
        if !self.skip(record)? {
            return Ok(None);
        }
        let number = number(record, self.reader.position().line());
        let read = match StringRecord::from_byte_record(std::mem::take(record)) {
            Ok(fields) if is_sound(&fields) => {
                let row = lines.read(&fields);
                (number, fields, row)
            }
            Ok(fields) => (number, fields, Err(LineProblem::WrongEncoding)),
            Err(error) => {
                let fields = StringRecord::from_byte_record_lossy(error.into_byte_record());
                (number, fields, Err(LineProblem::WrongEncoding))
            }
        };
        Ok(Some(read))
    }

    /// Passes over a line. False: the file ends.
    fn skip(&mut self, record: &mut ByteRecord) -> Result<bool, csv::Error> {
        next_record(&mut self.reader, record)
    }

    fn bytes_read(&self) -> u64 {
        self.reader.get_ref().bytes_read()
    }
}

fn next_record<R: Read>(reader: &mut Reader<Text<R>>, record: &mut ByteRecord) -> Result<bool, csv::Error> {
    reader.get_mut().line_ended();
    reader.read_byte_record(record)
}

/// Where a record begins, behind the empty lines before it: from where it ended and the line ends in it. A quotation that
/// is never closed ends with the file and not with a line, so the number is never less than where the reader stood before.
fn number(record: &ByteRecord, ended: u64) -> i64 {
    let began = record.position().map_or(1, csv::Position::line);
    let inside = record.as_slice().iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
    i64::try_from(began.max(ended.saturating_sub(1 + inside))).unwrap_or(i64::MAX)
}

/// The mark of what could not be decoded, and what no text of ours can hold.
fn is_sound(fields: &StringRecord) -> bool {
    let text = fields.as_slice();
    !text.contains('\0') && !text.contains('\u{fffd}')
}

/// Starts reading behind the first `skip` rows. The receiver ends with the file, or with why it cannot be read on.
pub(super) fn read<R: Read + Send + 'static>(mut file: Opened<R>, lines: LineReader, skip: i64) -> Chunks {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        // Who stopped listening wants no more chunks.
        let _ = read_all(&mut file, &lines, skip, &sender);
    });
    receiver
}

pub(super) type Chunks = mpsc::Receiver<Result<Chunk, csv::Error>>;
type Gone = mpsc::error::SendError<Result<Chunk, csv::Error>>;
type Sender = mpsc::Sender<Result<Chunk, csv::Error>>;

fn read_all<R: Read>(file: &mut Opened<R>, lines: &LineReader, skip: i64, sender: &Sender) -> Result<(), Gone> {
    let mut record = ByteRecord::new();
    for _ in 0..skip {
        match file.skip(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return sender.blocking_send(Err(error)),
        }
    }
    let mut chunk = Chunk::default();
    loop {
        match file.next(&mut record, lines) {
            Ok(Some(read)) => take(&mut chunk, read),
            Ok(None) => break,
            Err(error) => return sender.blocking_send(Err(error)),
        }
        if chunk.len() == CHUNK_ROWS {
            chunk.bytes_read = file.bytes_read();
            sender.blocking_send(Ok(std::mem::take(&mut chunk)))?;
        }
    }
    chunk.bytes_read = file.bytes_read();
    if chunk.len() > 0 { sender.blocking_send(Ok(chunk)) } else { Ok(()) }
}

fn take(chunk: &mut Chunk, (number, fields, row): LineRead) {
    match row {
        Ok(row) => {
            chunk.rows.push(row);
            chunk.lines.push(Line { number, fields });
        }
        Err(problem) => chunk.errors.push(error(number, &fields, &problem)),
    }
}

/// The line as it stands in the error file. The database holds every character but one.
pub(super) fn error(number: i64, fields: &StringRecord, problem: &LineProblem) -> LineError {
    let is_short = fields.as_slice().len() <= IMPORT_KEPT_BYTES_MAX;
    let kept = || fields.iter().map(|field| field.replace('\0', "\u{fffd}")).collect();
    LineError {
        line: number,
        code: problem.code().to_owned(),
        detail: problem.to_string().replace('\0', "\u{fffd}"),
        fields: is_short.then(kept),
    }
}
