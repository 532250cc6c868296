//! A frame: 96 bytes of authenticated header, and behind it up to a block of sealed bytes.

use super::cipher::{Cipher, Nonce, Tag, Unauthentic};
use super::header::{ID_LEN, put, take};
use super::{BLOCK_LEN_MAX, TAG_SIZE};
use crate::StorageResult;

pub(super) const MAGIC: [u8; 4] = [0xb5, b'E', b'D', b'f'];

const KIND_AT: usize = MAGIC.len();
const LEN_AT: usize = KIND_AT + 4;
const COUNTER_AT: usize = LEN_AT + 4;
const GENERATION_AT: usize = COUNTER_AT + 4;
const LOGICAL_AT: usize = GENERATION_AT + ID_LEN;
const DURABLE_AT: usize = LOGICAL_AT + 8;
const CHAIN_AT: usize = DURABLE_AT + 8;
const BODY_TAG_AT: usize = CHAIN_AT + TAG_SIZE;
const HEADER_TAG_AT: usize = BODY_TAG_AT + TAG_SIZE;
pub(super) const HEADER_LEN: usize = HEADER_TAG_AT + TAG_SIZE;

/// Where in a frame its body's tag lies.
pub(super) const TAG_AT: usize = BODY_TAG_AT;
/// Where in a frame its header's tag lies, by which the next frame names it.
pub(super) const CHAIN_TAG_AT: usize = HEADER_TAG_AT;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The bytes that follow.
    Data,
    /// Voids every byte from its offset on, and gives those back that were not to be cut.
    Cut,
    /// Says only how far the stream is durable.
    Mark,
}

impl Kind {
    fn code(self) -> u32 {
        match self {
            Self::Data => 1,
            Self::Cut => 2,
            Self::Mark => 3,
        }
    }
}

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The body's length, in bytes.
    pub(super) len: u32,
    pub(super) counter: u32,
    pub(super) generation: [u8; ID_LEN],
    /// Where the body stands in the plaintext.
    pub(super) logical: u64,
    /// How far the sealed stream was known to be durable when this was sealed.
    pub(super) durable: u64,
    /// The tag of the header before this one.
    pub(super) chain: Tag,
}

impl Header {
    /// Reads what may be a header, and is believed only once [`authenticate`] agrees.
    pub(super) fn decode(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        if !bytes.starts_with(&MAGIC) {
            return None;
        }
        let kind = match u32::from_le_bytes(take(bytes, KIND_AT)) {
            1 => Kind::Data,
            2 => Kind::Cut,
            3 => Kind::Mark,
            _ => return None,
        };
        let len = u32::from_le_bytes(take(bytes, LEN_AT));
        let sound = match kind {
            Kind::Data => len > 0,
            Kind::Cut => true,
            Kind::Mark => len == 0,
        };
        (sound && len as usize <= BLOCK_LEN_MAX).then(|| Self {
            kind,
            len,
            counter: u32::from_le_bytes(take(bytes, COUNTER_AT)),
            generation: take(bytes, GENERATION_AT),
            logical: u64::from_le_bytes(take(bytes, LOGICAL_AT)),
            durable: u64::from_le_bytes(take(bytes, DURABLE_AT)),
            chain: take(bytes, CHAIN_AT),
        })
    }

    /// The end of the frame that begins at `physical`.
    pub(super) fn end(&self, physical: u64) -> u64 {
        physical + HEADER_LEN as u64 + u64::from(self.len)
    }
}

/// Header and body have a nonce each: no two of one counter are the same.
#[derive(Clone, Copy)]
enum Part {
    Body = 0,
    Header = 1,
}

fn nonce(part: Part, counter: u32) -> Nonce {
    let mut nonce = [0; super::NONCE_SIZE];
    nonce[0] = part as u8;
    put(&mut nonce, 4, &counter.to_le_bytes());
    nonce
}

/// What the tag of a header covers: where it lies, and all of it but the tag.
fn bound(physical: u64, bytes: &[u8; HEADER_LEN]) -> [u8; 8 + HEADER_TAG_AT] {
    let mut bound = [0; 8 + HEADER_TAG_AT];
    put(&mut bound, 0, &physical.to_le_bytes());
    put(&mut bound, 8, &bytes[..HEADER_TAG_AT]);
    bound
}

/// Seals the frame that will lie at `physical`. In `frame`, the header's room comes first, then the plaintext. Returns the
/// tag that the next frame names.
pub(super) fn seal(
    cipher: &Cipher,
    header: &Header,
    physical: u64,
    frame: &mut [u8],
) -> StorageResult<Tag> {
    let Some((head, body)) = frame.split_first_chunk_mut::<HEADER_LEN>() else {
        return Ok(Tag::default());
    };
    debug_assert_eq!(body.len(), header.len as usize);
    let body_tag = cipher.seal(nonce(Part::Body, header.counter), b"", body)?;
    put(head, 0, &MAGIC);
    put(head, KIND_AT, &header.kind.code().to_le_bytes());
    put(head, LEN_AT, &header.len.to_le_bytes());
    put(head, COUNTER_AT, &header.counter.to_le_bytes());
    put(head, GENERATION_AT, &header.generation);
    put(head, LOGICAL_AT, &header.logical.to_le_bytes());
    put(head, DURABLE_AT, &header.durable.to_le_bytes());
    put(head, CHAIN_AT, &header.chain);
    put(head, BODY_TAG_AT, &body_tag);
    let bound = bound(physical, head);
    let tag = cipher.seal(nonce(Part::Header, header.counter), &bound, &mut [])?;
    put(head, HEADER_TAG_AT, &tag);
    Ok(tag)
}

/// Whether the header was sealed by this cipher for this place. Returns its tag.
pub(super) fn authenticate(
    cipher: &Cipher,
    header: &Header,
    physical: u64,
    bytes: &[u8; HEADER_LEN],
) -> Result<Tag, Unauthentic> {
    let tag = take(bytes, HEADER_TAG_AT);
    let bound = bound(physical, bytes);
    cipher.open(
        nonce(Part::Header, header.counter),
        &bound,
        &[],
        &mut [],
        &tag,
    )?;
    Ok(tag)
}

/// Decrypts a frame's body. The counter is the one that an authentic header named: only one body was ever sealed under it.
pub(super) fn open(
    cipher: &Cipher,
    counter: u32,
    sealed: &[u8],
    plain: &mut [u8],
    tag: &Tag,
) -> Result<(), Unauthentic> {
    cipher.open(nonce(Part::Body, counter), b"", sealed, plain, tag)
}
