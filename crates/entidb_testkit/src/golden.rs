//! Text that a file holds a test to.

use std::fmt::Write as _;
use std::path::Path;

/// The environment variable that makes [`golden`] write what it got, rather than compare: set it to 1.
pub const UPDATE_VARIABLE: &str = "ENTIDB_UPDATE_TRACES";

/// Compares `text` with the file at `path`, so that a change of it, of the operations that a store makes say, is a visible
/// difference. With `ENTIDB_UPDATE_TRACES=1` it writes the file.
///
/// # Errors
/// Where the two begin to differ, or what is wrong with the file.
pub fn golden(path: &Path, text: &str) -> Result<(), String> {
    let shown = path.display();
    if std::env::var_os(UPDATE_VARIABLE).is_some_and(|value| value == "1") {
        return std::fs::write(path, text)
            .map_err(|error| format!("cannot write {shown}: {error}"));
    }
    let expected = std::fs::read_to_string(path).map_err(|error| {
        format!("cannot read {shown}: {error}; make it with {UPDATE_VARIABLE}=1")
    })?;
    if expected == text {
        return Ok(());
    }
    let (mut expected, mut got) = (expected.lines(), text.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (expected.next(), got.next()) {
            (one, other) if one == other && one.is_some() => {}
            (expected, got) => {
                let mut message = format!("{shown} differs from line {number} on:\n");
                let _ = writeln!(
                    message,
                    "  expected {}",
                    expected.unwrap_or("no more lines")
                );
                let _ = writeln!(message, "  got      {}", got.unwrap_or("no more lines"));
                let _ = write!(
                    message,
                    "if that is right, run it again with {UPDATE_VARIABLE}=1"
                );
                return Err(message);
            }
        }
    }
}
