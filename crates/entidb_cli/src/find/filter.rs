//! Whether an entity has what is looked for, without an index: by the same comparison of values.

use std::ops::{Bound, RangeBounds};

use entidb::Value;
use entidb_codec::Path;
use entidb_codec::key::{self, Case};

use super::asked::{Asked, Between, What};
use crate::exit::{Failure, Outcome};
use crate::index;

/// What has to hold at each path; of several values there, for one of them.
pub(crate) struct Filter {
    conditions: Vec<(Path, Condition)>,
}

enum Condition {
    /// The value's index key is within these.
    Keys(Bound<Vec<u8>>, Bound<Vec<u8>>),
    Prefix(String),
}

impl Filter {
    pub(crate) fn new(asked: &Asked) -> Outcome<Self> {
        let (values, between) = match &asked.what {
            What::Equal(values) => (values, None),
            What::Between(values, between) => (values, Some(between)),
            What::Words(..) => {
                return Err(Failure::wrong_use(
                    "words are found by a full-text index alone",
                ));
            }
        };
        let mut conditions = Vec::new();
        for value in values {
            let key = Bound::Included(key_of(value)?);
            conditions.push(Condition::Keys(key.clone(), key));
        }
        match between {
            Some(Between::Range(from, to)) => {
                conditions.push(Condition::Keys(bound(from)?, bound(to)?));
            }
            Some(Between::Prefix(prefix)) => conditions.push(Condition::Prefix(prefix.clone())),
            None => {}
        }
        let paths = asked.paths.iter().map(|path| index::path(path));
        let paths = paths.collect::<Outcome<Vec<_>>>()?;
        Ok(Self {
            conditions: paths.into_iter().zip(conditions).collect(),
        })
    }

    pub(crate) fn passes(&self, payload: &[u8]) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|(path, condition)| {
            let mut items = path.find(payload);
            items.any(|item| condition.holds(item))
        })
    }
}

impl Condition {
    fn holds(&self, item: &[u8]) -> bool {
        match self {
            Self::Keys(from, to) => {
                let mut found = Vec::new();
                let encoded = key::push(&mut found, item, Case::Sensitive);
                let within = (from.as_ref(), to.as_ref());
                encoded.is_ok() && RangeBounds::<Vec<u8>>::contains(&within, &found)
            }
            Self::Prefix(prefix) => entidb_codec::decode(item)
                .is_ok_and(|value| value.as_str().is_some_and(|text| text.starts_with(prefix))),
        }
    }
}

fn bound(bound: &Bound<Value>) -> Outcome<Bound<Vec<u8>>> {
    Ok(match bound {
        Bound::Included(value) => Bound::Included(key_of(value)?),
        Bound::Excluded(value) => Bound::Excluded(key_of(value)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn key_of(value: &Value) -> Outcome<Vec<u8>> {
    let mut found = Vec::new();
    key::push_value(&mut found, value, Case::Sensitive)
        .map_err(|error| Failure::wrong_use(format!("that cannot be looked for: {error}")))?;
    Ok(found)
}
