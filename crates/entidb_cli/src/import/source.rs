//! Where entities come from.

use entidb::limits::PAYLOAD_LEN_MAX;

use crate::exit::Failure;

/// How long an entity's encoding can be while its `_id` is still in it, in bytes. The payload's own limit is checked by
/// [`entidb::Payload`].
pub(super) const ENTITY_LEN_MAX: usize = PAYLOAD_LEN_MAX + (1 << 20);

/// Entities, one after the other, in canonical CBOR.
pub(crate) trait Source: Send {
    /// Appends the next entity to `out`; false at the end. After a fault that is not fatal it can be called again.
    fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, Fault>;

    /// Where the last entity was, like `line 7`.
    fn place(&self) -> String;
}

/// Why an entity could not be had.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The input is wrong.
    Bad {
        /// Where, like `line 7`.
        place: String,
        /// What is wrong there.
        why: String,
        /// There is no telling where the next entity begins.
        fatal: bool,
    },
    /// The input cannot be read.
    Read(String),
}

impl Fault {
    pub(crate) fn bad(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Bad {
            place: place.into(),
            why: why.into(),
            fatal: false,
        }
    }

    pub(super) fn fatal(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Bad {
            place: place.into(),
            why: why.into(),
            fatal: true,
        }
    }

    /// The fault of the codec's reader that means that the input cannot be read.
    pub(super) fn read(error: &dyn std::error::Error) -> Self {
        Self::Read(
            error
                .source()
                .map_or_else(|| error.to_string(), ToString::to_string),
        )
    }

    /// As the end of a command that has done nothing yet.
    pub(crate) fn failure(self, shown: &str) -> Failure {
        match self {
            Self::Bad { place, why, .. } => Failure::no(format!("{shown}, {place}: {why}")),
            Self::Read(why) => Failure::could_not(format!("could not read {shown}: {why}")),
        }
    }
}
