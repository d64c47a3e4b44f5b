//! Other programs: what they print goes to standard error, because standard output is for data.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, stderr};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};
use xshell::Cmd;

use crate::environment;

/// Runs to the end; an exit code other than 0 is an error.
pub fn run(command: Cmd<'_>) -> Result<()> {
    let told = command.to_string();
    let status = status(command)?;
    if !status.success() {
        bail!("`{told}` ended with {status}");
    }
    Ok(())
}

/// Runs to the end, whatever the end is.
pub fn status(command: Cmd<'_>) -> Result<ExitStatus> {
    eprintln!("$ {command}");
    let program = command.to_string();
    Command::from(command).stdout(stderr()).status().with_context(|| format!("cannot start `{program}`"))
}

/// Runs to the end, and shows each line of standard output to `read` too.
pub fn watch(command: Cmd<'_>, mut read: impl FnMut(&str)) -> Result<ExitStatus> {
    eprintln!("$ {command}");
    let program = command.to_string();
    let mut child =
        Command::from(command).stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{program}`"))?;
    let output = child.stdout.take().expect("standard output was asked for");
    for line in BufReader::new(output).lines() {
        let line = line?;
        eprintln!("{line}");
        read(&line);
    }
    Ok(child.wait()?)
}

/// Becomes the other program: it gets our terminal, our signals and our standard output.
pub fn become_program(command: Cmd<'_>) -> Result<Infallible> {
    eprintln!("$ {command}");
    let program = command.to_string();
    let cause = Command::from(command).exec();
    Err(cause).with_context(|| format!("cannot start `{program}`"))
}

/// The first file of this name in `PATH` or in `more` folders.
pub fn find(program: &str, more: &[PathBuf]) -> Option<PathBuf> {
    environment::path().iter().chain(more).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use xshell::Shell;

    #[test]
    fn watching_shows_every_line_and_the_exit_code() {
        let shell = Shell::new().unwrap();
        let mut lines = Vec::new();
        let status =
            watch(shell.cmd("sh").args(["-c", "echo one; echo two; exit 3"]), |line| lines.push(line.to_owned()))
                .unwrap();
        assert_eq!(lines, ["one", "two"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_failed_program_is_an_error_that_names_it() {
        let shell = Shell::new().unwrap();
        let error = run(shell.cmd("sh").args(["-c", "exit 2"])).unwrap_err().to_string();
        assert!(error.contains("exit 2") && error.contains("exit status: 2"), "{error}");
    }
}
