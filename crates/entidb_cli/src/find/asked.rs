//! What is looked for, and where.

use std::ops::Bound;

use entidb::Value;

use crate::args::Find;
use crate::exit::{Failure, Outcome};
use crate::{index, value};

/// What `find` was asked.
pub(crate) struct Asked {
    /// In the spelling in which an index has them.
    pub(crate) paths: Vec<String>,
    pub(crate) what: What,
}

pub(crate) enum What {
    /// One value for each path.
    Equal(Vec<Value>),
    /// One value for each path but the last, and there a range or a beginning.
    Between(Vec<Value>, Between),
    Words(Words, String),
}

pub(crate) enum Between {
    Range(Bound<Value>, Bound<Value>),
    Prefix(String),
}

/// Which texts are found by their words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Words {
    All,
    Any,
    Prefix,
}

impl Asked {
    pub(crate) fn of(args: &Find) -> Outcome<Self> {
        let (paths, what) = match (words(args), between(args)) {
            (Some((which, text)), _) => (args.asked.clone(), What::Words(which, text.clone())),
            (None, Some(between)) => {
                let (paths, values) = pairs(args);
                if paths.len() != values.len() + 1 {
                    return Err(Failure::wrong_use(
                        "--from, --to and --prefix are about a last PATH that has no VALUE behind it",
                    ));
                }
                (paths, What::Between(values, between))
            }
            (None, None) => {
                let (paths, values) = pairs(args);
                if paths.len() != values.len() {
                    return Err(Failure::wrong_use(format!(
                        "there is no VALUE for {}: give one behind it, or --from, --to, --prefix or --words",
                        paths.last().map_or("PATH", String::as_str)
                    )));
                }
                (paths, What::Equal(values))
            }
        };
        let paths = index::canonical(&paths)?;
        if paths.iter().any(|path| path == "_id") {
            return Err(Failure::wrong_use(
                "_id is no PATH: `entidb get` finds an entity by its id",
            ));
        }
        Ok(Self { paths, what })
    }

    /// What there is to say where nothing was found: of what was asked by a number that may be stored as a text.
    pub(crate) fn hint(&self, args: &Find) -> String {
        let (What::Equal(values) | What::Between(values, _)) = &self.what else {
            return String::new();
        };
        let given = args.asked.iter().skip(1).step_by(2);
        let read = given
            .zip(values)
            .find(|(given, value)| !args.text && value.as_str().is_none() && *given != "null");
        read.map_or_else(String::new, |(given, _)| {
            format!("; {given} was not read as a text: --text does that")
        })
    }
}

/// PATH and VALUE by turns.
fn pairs(args: &Find) -> (Vec<String>, Vec<Value>) {
    let paths = args.asked.iter().step_by(2).cloned();
    let values = args.asked.iter().skip(1).step_by(2);
    let value = |given: &String| value::of(given, args.text);
    (paths.collect(), values.map(value).collect())
}

fn between(args: &Find) -> Option<Between> {
    if let Some(prefix) = &args.prefix {
        return Some(Between::Prefix(prefix.clone()));
    }
    if args.from.is_none() && args.to.is_none() {
        return None;
    }
    let value = |given: &Option<String>| given.as_ref().map(|given| value::of(given, args.text));
    Some(Between::Range(
        value(&args.from).map_or(Bound::Unbounded, Bound::Included),
        value(&args.to).map_or(Bound::Unbounded, Bound::Excluded),
    ))
}

fn words(args: &Find) -> Option<(Words, &String)> {
    let all = args.words.as_ref().map(|text| (Words::All, text));
    let any = args.any.as_ref().map(|text| (Words::Any, text));
    let prefix = args.word_prefix.as_ref();
    all.or(any)
        .or_else(|| prefix.map(|text| (Words::Prefix, text)))
}
