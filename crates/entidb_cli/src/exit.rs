//! How the program ends: exit codes, and the one sentence on standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use entidb::ErrorKind;

/// What a command comes to.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// No: absent, a bad line, damage found.
const NO: u8 = 1;
/// Wrong use.
const WRONG_USE: u8 = 2;
/// Could not: locked, full, I/O, damaged.
const COULD_NOT: u8 = 3;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Ends with this code and this sentence.
    Told { code: u8, sentence: String },
    /// Standard output failed. If whoever read it has gone, nothing went wrong.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn no(sentence: impl Into<String>) -> Self {
        Self::told(NO, sentence)
    }

    pub(crate) fn wrong_use(sentence: impl Into<String>) -> Self {
        Self::told(WRONG_USE, sentence)
    }

    pub(crate) fn could_not(sentence: impl Into<String>) -> Self {
        Self::told(COULD_NOT, sentence)
    }

    fn told(code: u8, sentence: impl Into<String>) -> Self {
        Self::Told {
            code,
            sentence: sentence.into(),
        }
    }
}

/// Of standard output: what happens with other files is told with their names.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<entidb::Error> for Failure {
    fn from(error: entidb::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::could_not(format!(
                "{error}; check the path, or make one with `entidb import` or `entidb put`"
            )),
            ErrorKind::Invalid => Self::wrong_use(error.to_string()),
            ErrorKind::Duplicate => Self::no(error.to_string()),
            _ => Self::could_not(error.to_string()),
        }
    }
}

/// Tells how it went, on standard error if it went wrong.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(Failure::Output(error)) => {
            say(format_args!("could not write to standard output: {error}"));
            ExitCode::from(COULD_NOT)
        }
        Err(Failure::Told { code, sentence }) => {
            say(sentence);
            ExitCode::from(code)
        }
    }
}

/// Help and version are answers; anything else that clap has to say is wrong use.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nobody is left to hear that this could not be written.
    let _ = error.print();
    match error.kind() {
        clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion => {
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(WRONG_USE),
    }
}

/// Writes a sentence to standard error.
pub(crate) fn say(sentence: impl Display) {
    // In one piece, so that nothing comes between; and nobody is left to hear that this could not be written.
    let line = format!("entidb: {sentence}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
