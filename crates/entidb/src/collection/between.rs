//! Between what values an index is asked for.

use std::ops::{
    Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive,
};

use entidb_codec::Value;

use super::key::ToKey;
use crate::error::Result;

/// Between what an index of values of type `K` can be asked: a range of what [`ToKey`] takes, such as `18..=30`, `.."n"`, or `..`
/// for every value that is not `None`.
#[diagnostic::on_unimplemented(
    message = "an index on a `{K}` is not asked by a `{Self}`",
    label = "give a range of `{K}`, or of references to one"
)]
pub trait ToRange<K> {
    /// The bounds as they are stored, without what comes before all values: absent, undefined and null.
    #[doc(hidden)]
    fn to_range(&self) -> Result<(Bound<Value>, Bound<Value>)>;
}

impl<K> ToRange<K> for RangeFull {
    fn to_range(&self) -> Result<(Bound<Value>, Bound<Value>)> {
        Ok((BEFORE_ALL, Bound::Unbounded))
    }
}

macro_rules! ranges {
    ($($range:ty),*) => {$(
        impl<K, Q: ToKey<K>> ToRange<K> for $range {
            fn to_range(&self) -> Result<(Bound<Value>, Bound<Value>)> {
                let lower = match value(self.start_bound())? {
                    Bound::Unbounded => BEFORE_ALL,
                    bound => bound,
                };
                Ok((lower, value(self.end_bound())?))
            }
        }
    )*};
}

ranges!(
    Range<Q>,
    RangeInclusive<Q>,
    RangeFrom<Q>,
    RangeTo<Q>,
    RangeToInclusive<Q>,
    (Bound<Q>, Bound<Q>)
);

/// Undefined is the last of what is no value.
const BEFORE_ALL: Bound<Value> = Bound::Excluded(Value::Undefined);

fn value<K, Q: ToKey<K>>(bound: Bound<&Q>) -> Result<Bound<Value>> {
    Ok(match bound {
        Bound::Included(key) => Bound::Included(key.to_key()?),
        Bound::Excluded(key) => Bound::Excluded(key.to_key()?),
        Bound::Unbounded => Bound::Unbounded,
    })
}
