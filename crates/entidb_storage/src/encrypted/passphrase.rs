//! From a passphrase to a key.

use argon2::{Algorithm, Argon2, Params, Version};

use super::{KEY_SIZE, random};
use crate::{StorageError, StorageResult};

/// What Argon2id (RFC 9106, version 0x13) is told besides the passphrase: how hard to work, and a salt. No secret.
///
/// Parameters are bounded, so that a changed keyring cannot make a program take all memory, or hours: up to 1 GiB of memory,
/// 64 iterations, 16 lanes, and memory times iterations no more than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseParams {
    pub(super) memory_kib: u32,
    pub(super) iterations: u32,
    pub(super) lanes: u32,
    pub(super) salt: [u8; Self::SALT_SIZE],
}

const MEMORY_KIB_MAX: u32 = 1 << 20;
const ITERATIONS_MAX: u32 = 64;
const LANES_MAX: u32 = 16;
const WORK_KIB_MAX: u64 = 1 << 22;

impl PassphraseParams {
    /// How many bytes the salt has.
    pub const SALT_SIZE: usize = 16;

    /// RFC 9106's second recommendation, 64 MiB, 3 iterations and 4 lanes, with a random salt: about a tenth of a second.
    ///
    /// # Errors
    /// [`StorageError::Io`] if the operating system has no random numbers.
    pub fn recommended() -> StorageResult<Self> {
        Self::new(64 * 1024, 3, 4, random::array()?)
    }

    /// Parameters of one's own.
    ///
    /// # Errors
    /// [`StorageError::Encryption`] if they are out of bounds.
    pub fn new(
        memory_kib: u32,
        iterations: u32,
        lanes: u32,
        salt: [u8; Self::SALT_SIZE],
    ) -> StorageResult<Self> {
        let params = Self {
            memory_kib,
            iterations,
            lanes,
            salt,
        };
        let work = u64::from(memory_kib) * u64::from(iterations);
        let sound = (1..=ITERATIONS_MAX).contains(&iterations)
            && (1..=LANES_MAX).contains(&lanes)
            && (8 * lanes..=MEMORY_KIB_MAX).contains(&memory_kib)
            && work <= WORK_KIB_MAX;
        if !sound {
            return Err(StorageError::Encryption(format!(
                "Argon2id with {memory_kib} KiB, {iterations} iterations and {lanes} lanes is out of bounds"
            )));
        }
        Ok(params)
    }

    /// The memory it takes, in KiB.
    #[must_use]
    pub fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// How often it goes through that memory.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.iterations
    }

    /// Into how many lanes the memory is divided.
    #[must_use]
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// The salt.
    #[must_use]
    pub fn salt(&self) -> &[u8; Self::SALT_SIZE] {
        &self.salt
    }

    pub(super) fn derive(&self, passphrase: &[u8], key: &mut [u8; KEY_SIZE]) -> StorageResult<()> {
        let failed = |error: argon2::Error| StorageError::Encryption(format!("Argon2id: {error}"));
        let params = Params::new(self.memory_kib, self.iterations, self.lanes, Some(KEY_SIZE))
            .map_err(failed)?;
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &self.salt, key)
            .map_err(failed)
    }
}
