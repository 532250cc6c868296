//! What the demo tells, in numbered steps.

use std::fmt::Display;
use std::io::Write;
use std::path::Path;

use anstream::AutoStream;
use clap::builder::styling::{AnsiColor, Style};

use crate::exit::Outcome;

const HEADING: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();

/// Told on standard output, in colour on a terminal.
pub(super) struct Story {
    out: AutoStream<std::io::Stdout>,
    step: u32,
}

impl Story {
    pub(super) fn new() -> Self {
        Self {
            out: anstream::stdout(),
            step: 0,
        }
    }

    /// Begins the next step.
    pub(super) fn step(&mut self, what: &str) -> Outcome {
        if self.step > 0 {
            writeln!(self.out)?;
        }
        self.step += 1;
        Ok(writeln!(
            self.out,
            "{HEADING}{}. {what}{HEADING:#}",
            self.step
        )?)
    }

    pub(super) fn line(&mut self, line: impl Display) -> Outcome {
        Ok(writeln!(self.out, "   {line}")?)
    }

    pub(super) fn dim(&mut self, line: impl Display) -> Outcome {
        self.line(format_args!("{DIM}{line}{DIM:#}"))
    }

    pub(super) fn good(&mut self, line: impl Display) -> Outcome {
        self.line(format_args!("{GOOD}{line}{GOOD:#}"))
    }

    pub(super) fn end(&mut self) -> Outcome {
        Ok(self.out.flush()?)
    }
}

/// How to call this program from here.
pub(super) fn program() -> String {
    let Ok(program) = std::env::current_exe() else {
        return "entidb".to_owned();
    };
    let in_path = std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path).any(|folder| Some(folder.as_path()) == program.parent())
    });
    if in_path {
        return "entidb".to_owned();
    }
    let here = std::env::current_dir().ok();
    match here.as_deref().map(|here| program.strip_prefix(here)) {
        Some(Ok(below)) if below.components().count() > 1 => quoted(below),
        Some(Ok(below)) => quoted(&Path::new(".").join(below)),
        _ => quoted(&program),
    }
}

/// As a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}
