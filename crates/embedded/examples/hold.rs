//! Holds a private database until standard input ends, then stops it if it started it. The tests run it to have a
//! process that they can kill, or that is another user.
//!
//! `hold DATA_DIR [BIN_DIR]` prints `started` or `attached`, the address and the server's process id on one line.

use std::error::Error;
use std::io::{self, Read, Write};

use postroad_embedded::{Embedded, Options};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let mut options = Options::new(arguments.next().ok_or("usage: hold DATA_DIR [BIN_DIR]")?);
    options.bin_dir = arguments.next().map(Into::into);

    let embedded = Embedded::start(&options)?;
    let how = if embedded.started_by_us() { "started" } else { "attached" };
    writeln!(io::stdout(), "{how} {} {}", embedded.url("postgres"), embedded.pid())?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(embedded.stop()?)
}
