//! Encryption of streams and of directories: AES-256-GCM in frames, random access kept.
//!
//! The format is drawn in `docs/encryption-format.md`; what it protects against, and the argument that no nonce is ever used
//! twice, are in `docs/security.md`.
//!
//! Promises: a byte that is read is the byte that was appended there, or there is an error; what is on the medium says
//! nothing of the content but its length. Relies on the storage contract of what it wraps. Must never write in the middle
//! of a stream, and never seal two plaintexts under one nonce.

mod append;
mod backend;
mod cipher;
mod cut;
mod directory;
mod frame;
mod header;
mod index;
mod key;
mod keyring;
mod keys;
mod passphrase;
mod random;
mod reader;
mod scratch;
mod sealer;
mod source;
mod stream;
#[cfg(test)]
mod tests;
mod walk;
mod whole;
mod window;

pub use backend::EncryptedBackend;
pub use directory::{EncryptedDirectory, KEYRING, is_encrypted};
pub use key::EncryptionKey;
pub use passphrase::PassphraseParams;

/// How many bytes a key has.
pub const KEY_SIZE: usize = 32;
/// How many bytes a nonce has.
pub const NONCE_SIZE: usize = 12;
/// How many bytes an authentication tag has.
pub const TAG_SIZE: usize = 16;

/// The smallest block size, in bytes.
const BLOCK_LEN_MIN: usize = 1024;
/// The largest block size, and so the longest body of a frame, in bytes.
const BLOCK_LEN_MAX: usize = 1024 * 1024;
/// The block size of who does not choose one, in bytes.
const BLOCK_LEN_DEFAULT: usize = 4096;
