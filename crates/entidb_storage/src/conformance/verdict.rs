//! What a check found, and the few tools that checks are written with.

use std::fmt;
use std::panic::Location;

use crate::{StorageBackend, StorageError, StorageReader, StorageResult};

/// What a check found.
pub type Verdict = Result<(), Unmet>;

/// Why a check did not find that its clause holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    /// The clause does not hold: what was done, what was found.
    Fails(String),
    /// The clause could not be looked at: what is missing for it.
    NotChecked(String),
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fails(what) => write!(f, "does not hold: {what}"),
            Self::NotChecked(why) => write!(f, "not checked: {why}"),
        }
    }
}

impl From<StorageError> for Unmet {
    #[track_caller]
    fn from(error: StorageError) -> Self {
        let place = Location::caller();
        Self::Fails(format!(
            "what must succeed here ({}:{}) gave the error: {error}",
            place.file(),
            place.line()
        ))
    }
}

/// Says what does not hold, if it does not.
macro_rules! ensure {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Unmet::Fails(format!($($what)+)));
        }
    };
}
pub(super) use ensure;

/// What is left of a stream or a directory, if it can be opened.
pub(super) fn opened<T>(left: StorageResult<T>, when: &str) -> Result<T, Unmet> {
    left.map_err(|error| Unmet::Fails(format!("{when}, it cannot be opened: {error}")))
}

/// Ends a check that cannot be made.
pub(super) fn not_checked(why: &str) -> Verdict {
    Err(Unmet::NotChecked(why.to_owned()))
}

pub(super) const NO_REOPEN: &str = "the subject cannot be opened again (Subject::reopen)";
pub(super) const NO_READER: &str = "the backend has no reader, which is optional";
pub(super) const NO_KILL: &str =
    "what a killed process leaves is not known (Subject::after(Loss::Process))";
pub(super) const NO_POWER_LOSS: &str =
    "what a power loss leaves is not known (Subject::after(Loss::Power))";

/// SplitMix64: the same numbers for the same seed, everywhere.
#[derive(Debug, Clone)]
pub(super) struct Numbers(pub(super) u64);

impl Numbers {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = bound.max(1) as u64;
        as_len(self.next() % bound)
    }
}

/// `len` bytes without a pattern, the same for the same seed.
pub(super) fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut numbers = Numbers(seed);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend(numbers.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

pub(super) fn as_len(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Lengths on both sides of whatever a backend may have for a buffer, a sector or a page.
const LENGTHS: &[usize] = &[
    1, 2, 511, 512, 4095, 4097, 65_537, 262_143, 262_144, 262_145, 600_000,
];

/// Appends a part of every length, and returns what the stream must now hold.
pub(super) fn filled(backend: &mut dyn StorageBackend) -> StorageResult<Vec<u8>> {
    let mut model = Vec::new();
    for (seed, len) in (0..).zip(LENGTHS) {
        let part = bytes(seed, *len);
        backend.append(&part)?;
        model.extend(part);
    }
    Ok(model)
}

/// That the stream is `model`: its size, all its bytes, and its end.
pub(super) fn ensure_is(backend: &dyn StorageBackend, model: &[u8], when: &str) -> Verdict {
    let size = model.len() as u64;
    let found = backend.size()?;
    ensure!(found == size, "{when}: the size is {found}, not {size}");
    let found = backend.read_at(0, model.len())?;
    ensure_same(&found, model, when)?;
    let past = backend.read_at(size, 1);
    ensure!(
        is_past_end(&past, size, 1, size),
        "{when}: reading the byte behind the end gave {}",
        said(&past)
    );
    Ok(())
}

/// The same for a reader.
pub(super) fn ensure_reads(reader: &dyn StorageReader, model: &[u8], when: &str) -> Verdict {
    let size = reader.size()?;
    ensure!(
        size == model.len() as u64,
        "{when}: a reader's size is {size}, not {}",
        model.len()
    );
    ensure_same(&reader.read_at(0, model.len())?, model, when)?;
    let mut buf = vec![0xee; model.len()];
    reader.read_into(0, &mut buf)?;
    ensure_same(&buf, model, &format!("{when}: a reader's read_into"))?;
    let found = reader.read_bytes(0, model.len())?;
    ensure_same(&found, model, &format!("{when}: a reader's read_bytes"))
}

/// That what was read is what was appended, or where it first differs.
pub(super) fn ensure_same(found: &[u8], expected: &[u8], when: &str) -> Verdict {
    ensure!(
        found.len() == expected.len(),
        "{when}: {} bytes were read where {} were asked for",
        found.len(),
        expected.len()
    );
    let differs = found.iter().zip(expected).position(|(a, b)| a != b);
    if let Some(at) = differs {
        return Err(Unmet::Fails(format!(
            "{when}: byte {at} of what was read is not what was appended"
        )));
    }
    Ok(())
}

pub(super) fn is_past_end<T>(
    result: &StorageResult<T>,
    offset: u64,
    len: usize,
    size: u64,
) -> bool {
    matches!(result, Err(StorageError::ReadPastEnd { offset: o, len: l, size: s }) if (*o, *l, *s) == (offset, len, size))
}

pub(super) fn is_kind<T>(result: &StorageResult<T>, kind: std::io::ErrorKind) -> bool {
    matches!(result, Err(StorageError::Io(error)) if error.kind() == kind)
}

/// A result in words, without its bytes.
pub(super) fn said<T>(result: &StorageResult<T>) -> String {
    match result {
        Ok(_) => "success".to_owned(),
        Err(error @ StorageError::Io(inner)) => {
            format!("the error \"{error}\" ({:?})", inner.kind())
        }
        Err(error) => format!("the error \"{error}\""),
    }
}
