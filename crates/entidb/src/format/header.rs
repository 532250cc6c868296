//! The first 80 bytes of every stream.

use super::Fault;
use super::checksum::{KIND_CRC32C, crc32c};
use super::fields::{Fields, put};
use crate::ids::StreamId;

/// Length of a stream's header in bytes. The magic, the version and the place of the checksum stay in every version.
pub(crate) const LEN: usize = MAGIC.len() + 4 + 4 + 8 + 8 + 16 + 8 + 8 + 4 + 8 + 4;
const CRC_AT: usize = LEN - 4;

/// A byte that is no text, the name, and the line ends that a transfer as text would change.
const MAGIC: [u8; 8] = *b"\x89EDB\r\n\x1a\n";
/// The version that this program writes, and the highest that it reads.
pub(crate) const VERSION: u32 = 1;
/// Features that a reader must know. None is defined yet.
const INCOMPATIBLE_KNOWN: u64 = 0;

/// What kind of stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Manifest,
    Log,
    Run,
    Segment,
}

impl Kind {
    fn tag(self) -> [u8; 4] {
        match self {
            Self::Manifest => *b"MANI",
            Self::Log => *b"LOG ",
            Self::Run => *b"RUN ",
            Self::Segment => *b"SEG ",
        }
    }
}

/// Which stream of which database these bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// The database's UUID, the same in all its streams.
    pub(crate) database: [u8; 16],
    /// The number in the stream's name; 0 for the manifest.
    pub(crate) stream: StreamId,
    /// Random, other in every stream: mixed into the checksums.
    pub(crate) salt: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; LEN] {
        let mut bytes = Vec::with_capacity(LEN);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.kind.tag());
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&0_u64.to_le_bytes()); // compatible features
        bytes.extend_from_slice(&0_u64.to_le_bytes()); // incompatible features
        bytes.extend_from_slice(&self.database);
        bytes.extend_from_slice(&self.stream.0.to_le_bytes());
        bytes.extend_from_slice(&self.salt.to_le_bytes());
        bytes.extend_from_slice(&KIND_CRC32C.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]); // reserved
        let crc = crc32c(&bytes);
        let mut out = [0; LEN];
        put(&mut out, 0, &bytes);
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        out
    }

    /// The checksum of an encoded header, to which the chain of the first batch is set.
    pub(crate) fn crc(encoded: &[u8; LEN]) -> u32 {
        Fields::new(encoded.get(CRC_AT..).unwrap_or_default())
            .u32()
            .unwrap_or_default()
    }

    /// Reads a header that must be of `kind`.
    pub(crate) fn decode(bytes: &[u8], kind: Kind) -> Result<Self, Fault> {
        let Some((body, crc)) = bytes.get(..LEN).and_then(|b| b.split_at_checked(CRC_AT)) else {
            return Err(Fault::short(LEN, bytes.len()));
        };
        Self::fields(body, crc, kind).unwrap_or_else(|| Err(Fault::short(LEN, bytes.len())))
    }

    fn fields(body: &[u8], crc: &[u8], kind: Kind) -> Option<Result<Self, Fault>> {
        let mut fields = Fields::new(body);
        let magic: [u8; 8] = fields.array()?;
        if magic != MAGIC {
            return Some(Err(Fault::damaged(
                format!("the mark {}", MAGIC.escape_ascii()),
                format!("{}", magic.escape_ascii()),
            )));
        }
        let tag: [u8; 4] = fields.array()?;
        let version = fields.u32()?;
        let stored = Fields::new(crc).u32()?;
        let computed = crc32c(body);
        if stored != computed {
            let hint = if version > VERSION {
                format!(" (the version field says {version}, this program reads up to {VERSION})")
            } else {
                String::new()
            };
            return Some(Err(Fault::damaged(
                format!("header checksum {stored:08x}"),
                format!("{computed:08x}{hint}"),
            )));
        }
        if version > VERSION {
            return Some(Err(Fault::Unsupported(format!(
                "format version {version}, where this program reads up to {VERSION}"
            ))));
        }
        let _compatible = fields.u64()?;
        let incompatible = fields.u64()?;
        if incompatible & !INCOMPATIBLE_KNOWN != 0 {
            return Some(Err(Fault::Unsupported(format!(
                "format features {incompatible:#x}"
            ))));
        }
        let database = fields.array()?;
        let stream = StreamId(fields.u64()?);
        let salt = fields.u64()?;
        let checksum = fields.u32()?;
        if checksum != KIND_CRC32C {
            return Some(Err(Fault::Unsupported(format!("checksum kind {checksum}"))));
        }
        if version == 0 || tag != kind.tag() {
            return Some(Err(Fault::damaged(
                format!("a stream of kind {}", kind.tag().escape_ascii()),
                format!("{} of version {version}", tag.escape_ascii()),
            )));
        }
        Some(Ok(Self {
            kind,
            database,
            stream,
            salt,
        }))
    }
}
