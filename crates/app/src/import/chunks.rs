//! Reads a file on a thread of its own, chunk by chunk, while the chunks before are written.

use std::io::Read;

use csv::{ByteRecord, Reader, StringRecord};
use postroad_store::import::LineError;
use tokio::sync::mpsc;

use super::line::{LineProblem, LineReader};
use crate::contacts::merge::Row;

/// Rows one transaction takes: a twentieth of a second's work to lose, and statements large enough to be cheap.
pub(super) const CHUNK_ROWS: usize = 5_000;
/// Chunks read ahead.
const AHEAD: usize = 2;

/// Lines that are written together.
#[derive(Default)]
pub(super) struct Chunk {
    /// With the line of the file where each begins.
    pub(super) rows: Vec<(i64, Row)>,
    pub(super) errors: Vec<LineError>,
}

impl Chunk {
    const fn len(&self) -> usize {
        self.rows.len() + self.errors.len()
    }
}

/// Starts reading behind the first `skip` rows. The receiver ends with the file, or with why it cannot be read on.
pub(super) fn read<R: Read + Send + 'static>(
    mut file: Reader<R>,
    lines: LineReader,
    skip: i64,
) -> mpsc::Receiver<Result<Chunk, csv::Error>> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || {
        // Who stopped listening wants no more chunks.
        let _ = read_all(&mut file, &lines, skip, &sender);
    });
    receiver
}

type Gone = mpsc::error::SendError<Result<Chunk, csv::Error>>;

fn read_all<R: Read>(
    file: &mut Reader<R>,
    lines: &LineReader,
    skip: i64,
    sender: &mpsc::Sender<Result<Chunk, csv::Error>>,
) -> Result<(), Gone> {
    let mut record = ByteRecord::new();
    let mut chunk = Chunk::default();
    let mut number: i64 = 0;
    loop {
        match file.read_byte_record(&mut record) {
            Ok(true) => number += 1,
            Ok(false) => break,
            Err(error) => return sender.blocking_send(Err(error)),
        }
        if number > skip {
            take(&mut chunk, &record, lines);
        }
        if chunk.len() == CHUNK_ROWS {
            sender.blocking_send(Ok(std::mem::take(&mut chunk)))?;
        }
    }
    if chunk.len() > 0 { sender.blocking_send(Ok(chunk)) } else { Ok(()) }
}

fn take(chunk: &mut Chunk, record: &ByteRecord, lines: &LineReader) {
    let line = record.position().map_or(0, |position| i64::try_from(position.line()).unwrap_or(i64::MAX));
    let row = match StringRecord::from_byte_record(record.clone()) {
        Ok(record) => lines.read(&record),
        Err(_) => Err(LineProblem::NotText),
    };
    match row {
        Ok(row) => chunk.rows.push((line, row)),
        Err(problem) => chunk.errors.push(error(line, &problem)),
    }
}

pub(super) fn error(line: i64, problem: &LineProblem) -> LineError {
    LineError { line, code: problem.code().to_owned(), detail: problem.to_string() }
}
