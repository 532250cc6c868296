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
}

impl Asked {
    pub(crate) fn of(args: &Find) -> Outcome<Self> {
        let value = |given: &String| value::of(given, args.text);
        let bound = |given: &Option<String>| given.as_ref().map(value);
        let ranged = args.from.is_some() || args.to.is_some();
        let what = if let Some(prefix) = &args.prefix {
            What::Prefix(prefix.clone())
        } else if ranged {
            What::Range(
                bound(&args.from).map_or(Bound::Unbounded, Bound::Included),
                bound(&args.to).map_or(Bound::Unbounded, Bound::Excluded),
            )
        } else {
            if args.asked.len() % 2 == 1 {
                return Err(Failure::wrong_use(format!(
                    "there is no VALUE for {}: give one behind it, or --from, --to or --prefix",
                    args.asked.last().map_or("PATH", String::as_str)
                )));
            }
            What::Equal(args.asked.iter().skip(1).step_by(2).map(value).collect())
        };
        let paths: Vec<String> = match &what {
            What::Equal(_) => args.asked.iter().step_by(2).cloned().collect(),
            _ => args.asked.clone(),
        };
        if !matches!(what, What::Equal(_)) && paths.len() != 1 {
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
