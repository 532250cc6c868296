//! The text of a path to its steps.

use super::{Field, Path, PathError, PathFault, Step, is_plain};
use crate::{NESTING_MAX, json};

pub(super) fn parse(text: &str) -> Result<Path, PathError> {
    let mut parser = Parser { text, at: 0 };
    if text.is_empty() {
        return Err(parser.error(PathFault::Empty));
    }
    let mut steps = Vec::new();
    while parser.at < text.len() {
        let start = parser.at;
        let step = if parser.eat('[') {
            if !parser.eat(']') {
                return Err(parser.error(PathFault::NoIndex));
            }
            Step::Each
        } else {
            if !steps.is_empty() && !parser.eat('.') {
                return Err(parser.error(PathFault::NoPoint));
            }
            Step::Field(parser.key()?)
        };
        if steps.len() == NESTING_MAX {
            parser.at = start;
            return Err(parser.error(PathFault::TooLong));
        }
        steps.push(step);
    }
    Ok(Path { steps })
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, char: char) -> bool {
        let found = self.rest().starts_with(char);
        if found {
            self.at += char.len_utf8();
        }
        found
    }

    fn error(&self, fault: PathFault) -> PathError {
        PathError {
            offset: self.at,
            fault,
        }
    }

    fn key(&mut self) -> Result<Field, PathError> {
        let rest = self.rest();
        if rest.starts_with('"') {
            return self.quoted();
        }
        let len = rest.find(|c| !is_plain(c)).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(len);
        self.at += len;
        match behind.chars().next() {
            None | Some('.' | '[') if key.is_empty() => Err(self.error(PathFault::NoKey)),
            None | Some('.' | '[') => Ok(Field::new(key)),
            Some(char) => Err(self.error(PathFault::NeedsQuotes(char))),
        }
    }

    /// A JSON string: to its end, which is the first quote without a backslash, and then as JSON
    /// has it.
    fn quoted(&mut self) -> Result<Field, PathError> {
        let mut escaped = true; // The opening quote ends nothing.
        let end = self.rest().bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let string = end.and_then(|end| self.rest().get(..=end));
        let key = string
            .and_then(|string| json::to_value(string.as_bytes()).ok()?.into_text().ok())
            .ok_or(self.error(PathFault::BadQuotes))?;
        self.at += string.map_or(0, str::len);
        Ok(Field::new(&key))
    }
}
