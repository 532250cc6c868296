//! The clock and the random numbers, in one place, so that a test can have the same ones again.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::mix::{GOLDEN, mix64};

/// Where time and chance come from.
#[derive(Debug)]
pub(crate) enum Environment {
    /// The system's clock and generator.
    System,
    /// Both are a function of a seed: each call advances the one state.
    Seeded(AtomicU64),
}

impl Environment {
    pub(crate) fn new(seed: Option<u64>) -> Self {
        seed.map_or(Self::System, |seed| Self::Seeded(AtomicU64::new(seed)))
    }

    /// 16 random bytes.
    pub(crate) fn random(&self) -> [u8; 16] {
        match self {
            Self::System => uuid::Uuid::new_v4().into_bytes(),
            Self::Seeded(state) => {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&next(state).to_le_bytes());
                bytes[8..].copy_from_slice(&next(state).to_le_bytes());
                bytes
            }
        }
    }

    /// A random number, for a stream's salt.
    pub(crate) fn salt(&self) -> u64 {
        // A UUID of version 4 has six fixed bits; hashing both halves into one leaves none in the salt.
        let hash = blake3::hash(&self.random());
        hash.as_bytes()
            .first_chunk()
            .copied()
            .map_or(0, u64::from_le_bytes)
    }

    /// Microseconds since 1970 UTC; 0 if the clock stands before that.
    pub(crate) fn now_us(&self) -> u64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| {
                    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
                }),
            Self::Seeded(state) => state.fetch_add(1, Ordering::Relaxed) & 0xffff_ffff,
        }
    }
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn next(state: &AtomicU64) -> u64 {
    let before = state.fetch_add(GOLDEN, Ordering::Relaxed);
    mix64(before.wrapping_add(GOLDEN))
}
