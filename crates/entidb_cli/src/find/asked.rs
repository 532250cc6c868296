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
    Range(Bound<Value>, Bound<Value>),
    Prefix(String),
    Words(Words, String),
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
        let value = |given: &String| value::of(given, args.text);
        let bound = |given: &Option<String>| given.as_ref().map(value);
        let ranged = args.from.is_some() || args.to.is_some();
        let what = if let Some((which, text)) = words(args) {
            What::Words(which, text.clone())
        } else if let Some(prefix) = &args.prefix {
            What::Prefix(prefix.clone())
        } else if ranged {
            What::Range(
                bound(&args.from).map_or(Bound::Unbounded, Bound::Included),
                bound(&args.to).map_or(Bound::Unbounded, Bound::Excluded),
            )
        } else {
            if args.asked.len() % 2 == 1 {
                return Err(Failure::wrong_use(format!(
                    "there is no VALUE for {}: give one behind it, or --from, --to, --prefix or --words",
                    args.asked.last().map_or("PATH", String::as_str)
                )));
            }
            What::Equal(args.asked.iter().skip(1).step_by(2).map(value).collect())
        };
        let paths: Vec<String> = match &what {
            What::Equal(_) => args.asked.iter().step_by(2).cloned().collect(),
            _ => args.asked.clone(),
        };
        if !matches!(what, What::Equal(_) | What::Words(..)) && paths.len() != 1 {
            return Err(Failure::wrong_use(
                "with --from, --to and --prefix goes one PATH, and no VALUE",
            ));
        }
        Ok(Self {
            paths: index::canonical(&paths)?,
            what,
        })
    }
}

fn words(args: &Find) -> Option<(Words, &String)> {
    let all = args.words.as_ref().map(|text| (Words::All, text));
    let any = args.any.as_ref().map(|text| (Words::Any, text));
    let prefix = args.word_prefix.as_ref();
    all.or(any)
        .or_else(|| prefix.map(|text| (Words::Prefix, text)))
}
