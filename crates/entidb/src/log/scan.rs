//! Walking through a log, and telling a torn tail from damage.

use std::collections::BTreeMap;

use bytes::Bytes;
use entidb_storage::Directory;

use crate::error::Result;
use crate::format::batch::{self, Synced};
use crate::format::checksum::{Binding, crc32c};
use crate::format::footer::Tally;
use crate::format::header::Header;
use crate::format::name::StreamKind;
use crate::format::{Fault, block, header, record};
use crate::ids::{Lsn, StreamId};
use crate::limits::BATCH_LEN_MAX;
use crate::manifest::SealedEntry;
use crate::stream::Stream;

/// What [`walk`] hands over for each whole batch.
pub(crate) struct Walk<'a> {
    pub(crate) header: &'a batch::Header,
    /// The records.
    pub(crate) body: &'a Bytes,
    /// Offset of the first record in the log, in bytes.
    pub(crate) body_at: u64,
}

/// How a walk ended.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The end of the last whole batch, in bytes.
    pub(crate) end: u64,
    /// What stands in the log up to there.
    pub(crate) tally: Tally,
    /// The last LSN, which the first batch of the next log names as its previous one.
    pub(crate) last_lsn: Lsn,
    /// Why the bytes behind the end are no batch; `None` if there are none, or a footer.
    pub(crate) fault: Option<Fault>,
    /// Whether a whole footer stands at the end.
    pub(crate) sealed: bool,
    /// What the headers of valid batches say is synced, those beyond the end included: the highest offset of each log.
    claims: BTreeMap<StreamId, u64>,
}

impl Tail {
    fn claim(&mut self, claim: Synced) {
        let known = self.claims.entry(claim.log).or_default();
        *known = claim.offset.max(*known);
    }

    /// How far `log` is known to be synced, by what batch headers say.
    pub(crate) fn claimed(&self, log: StreamId) -> u64 {
        self.claims.get(&log).copied().unwrap_or(0)
    }
}

/// Walks through the whole batches of a log, from its header to `limit` (`None`: to its end), the first of which must follow
/// `previous`. Stops, without an error, at what is no whole batch that belongs there; whether that is a torn tail or damage
/// is for the caller to tell, by what is known to be synced. `each` says how many of the batch's records are tombstones.
pub(crate) fn walk(
    stream: &Stream,
    limit: Option<u64>,
    previous: Lsn,
    mut each: impl FnMut(Walk<'_>) -> Result<u64>,
) -> Result<Tail> {
    let mut size = stream.size()?;
    let mut tail = Tail {
        end: header::LEN as u64,
        tally: Tally::new(Header::crc(&stream.header)),
        last_lsn: previous,
        fault: None,
        sealed: false,
        claims: BTreeMap::new(),
    };
    loop {
        let until = limit.map_or(size, |limit| limit.min(size));
        if tail.end >= until {
            return Ok(tail);
        }
        match read_batch(stream, &tail, until) {
            Ok(Ok((header, crc, body))) => {
                let body_at = tail.end + batch::HEADER_LEN as u64;
                let tombstones = each(Walk {
                    header: &header,
                    body: &body,
                    body_at,
                })?;
                tail.end = body_at + u64::from(header.body_len);
                tail.last_lsn = header.lsn;
                tail.claim(header.synced);
                tail.tally.push(&header, crc, tombstones);
                tail.tally.commit();
            }
            Ok(Err(fault)) => match look_beyond(stream, &mut tail, until, size) {
                Ok(()) => {
                    tail.fault = (!tail.sealed).then_some(fault);
                    return Ok(tail);
                }
                Err(error) => size = shrunk(stream, size, error)?,
            },
            Err(error) => size = shrunk(stream, size, error)?,
        }
    }
}

/// A read that failed in a stream which is shorter than it was: beside us, its writer has given back what it had reserved, and
/// the walk goes on to the new end. Gives the new size, or the error if that is not it.
pub(crate) fn shrunk(stream: &Stream, size: u64, error: crate::Error) -> Result<u64> {
    let now = stream.size()?;
    if now < size { Ok(now) } else { Err(error) }
}

/// What stands behind the last whole batch: a footer, or batches that know what was synced.
fn look_beyond(stream: &Stream, tail: &mut Tail, until: u64, size: u64) -> Result<()> {
    let footer = if until == size {
        footer_at_end(stream, size)?
    } else {
        None
    };
    tail.sealed = footer == Some(tail.end);
    if tail.sealed {
        return Ok(());
    }
    // A whole footer was written only once everything before it was synced.
    if let Some(offset) = footer {
        let log = stream.id;
        tail.claim(Synced { log, offset });
    }
    for claim in claims_beyond(stream, tail.end + 1, until)? {
        tail.claim(claim);
    }
    Ok(())
}

type Batch = (batch::Header, u32, Bytes);

/// The whole batch at `tail.end`, or why there is none.
fn read_batch(stream: &Stream, tail: &Tail, limit: u64) -> Result<Result<Batch, Fault>> {
    let at = tail.end;
    let rest = limit - at;
    if rest < batch::HEADER_LEN as u64 {
        return Ok(Err(Fault::damaged(
            format!("a batch header of {} bytes", batch::HEADER_LEN),
            format!("{rest}"),
        )));
    }
    let mut bytes = [0; batch::HEADER_LEN];
    stream.read_into(at, &mut bytes)?;
    let header = match batch::Header::decode(&bytes) {
        Ok(header) => header,
        Err(fault) => return Ok(Err(fault)),
    };
    if let Err(fault) = follows(&header, stream, at, tail.last_lsn, tail.tally.chain())? {
        return Ok(Err(fault));
    }
    let body_len = u64::from(header.body_len);
    let Some(len) = usize::try_from(header.body_len)
        .ok()
        .filter(|len| *len <= BATCH_LEN_MAX)
        .filter(|_| body_len <= rest - batch::HEADER_LEN as u64)
    else {
        return Ok(Err(Fault::damaged(
            format!("{body_len} bytes of records"),
            format!("{}", rest - batch::HEADER_LEN as u64),
        )));
    };
    let body = stream.read(at + batch::HEADER_LEN as u64, len)?;
    let crc = crc32c(&body);
    if crc != header.body_crc {
        return Ok(Err(Fault::checksum(header.body_crc, crc)));
    }
    Ok(Ok((header, batch::Header::crc(&bytes), body)))
}

/// Whether a header is that of the batch at `at` in this log, behind the commit `previous` and the header with the checksum `chain`.
/// One that is, and has a flag that we do not know, is a newer program's: an error, and no torn tail.
pub(crate) fn follows(
    header: &batch::Header,
    stream: &Stream,
    at: u64,
    previous: Lsn,
    chain: u32,
) -> Result<Result<(), Fault>> {
    if !belongs(header, stream, at) {
        return Ok(Err(Fault::damaged(
            format!("a batch of log {} at {at}", stream.id),
            format!("one of log {} at {}", header.log, header.offset),
        )));
    }
    let expected = match stream.one_commit {
        Some(_) => batch::ONE_COMMIT,
        None => 0,
    };
    if header.flags != expected {
        // It is whole and belongs here: a newer program's, and not a torn tail.
        let flags = format!("batch flags {:#x}", header.flags);
        return Err(Fault::Unsupported(flags).at(&stream.name, at));
    }
    if header.previous != previous || header.lsn <= header.previous {
        return Ok(Err(Fault::damaged(
            format!("the commit after {}", previous),
            format!("{} after {}", header.lsn, header.previous),
        )));
    }
    if header.chain != chain {
        return Ok(Err(Fault::checksum(header.chain, chain)));
    }
    Ok(Ok(()))
}

/// Whether a header was written to this log at this offset: not one that merely lies in a payload, or behind an old cut.
fn belongs(header: &batch::Header, stream: &Stream, at: u64) -> bool {
    header.log == stream.id && header.offset == at && header.salt == stream.salt
}

/// Where the whole footer begins that the stream ends with, if it does.
fn footer_at_end(stream: &Stream, size: u64) -> Result<Option<u64>> {
    let Some(tail_at) = size.checked_sub(block::TAIL_LEN as u64) else {
        return Ok(None);
    };
    let mut tail = [0; block::TAIL_LEN];
    stream.read_into(tail_at, &mut tail)?;
    let len = block::len_from_tail(tail).filter(|len| *len <= block::LEN_MAX);
    let Some((len, at)) = len.and_then(|len| Some((len, size.checked_sub(len)?))) else {
        return Ok(None);
    };
    let footer = stream.read(at, usize::try_from(len).unwrap_or(usize::MAX))?;
    let whole = block::decode(stream.salt, at, &footer).and_then(Tally::decode);
    Ok(whole.is_ok().then_some(at))
}

/// What the valid batch headers between `from` and `limit` say is synced: a batch that was damaged after it was durable has
/// later ones behind it that know.
fn claims_beyond(stream: &Stream, from: u64, limit: u64) -> Result<Vec<Synced>> {
    const CHUNK_LEN: u64 = 1 << 20;
    let header_len = batch::HEADER_LEN as u64;
    let mut claims = Vec::new();
    let mut at = from;
    while at + header_len <= limit {
        // Chunks overlap by a header, so that each header lies whole in one.
        let len = (limit - at).min(CHUNK_LEN + header_len);
        let chunk = stream.read(at, usize::try_from(len).unwrap_or(usize::MAX))?;
        let heads = chunk.windows(batch::HEADER_LEN).enumerate();
        for (index, head) in heads.filter(|(_, head)| head.starts_with(&batch::MAGIC)) {
            let Some(Ok(header)) = head.first_chunk().map(batch::Header::decode) else {
                continue;
            };
            if belongs(&header, stream, at + index as u64) {
                claims.push(header.synced);
            }
        }
        at += CHUNK_LEN.min(len);
    }
    Ok(claims)
}

/// One record of a batch, as [`records`] finds it.
pub(crate) struct Found<'a> {
    pub(crate) header: record::Header,
    /// The whole record, whose own checksum is not checked yet.
    pub(crate) bytes: &'a [u8],
    pub(crate) binding: Binding,
}

impl Found<'_> {
    pub(crate) fn is_tombstone(&self) -> bool {
        self.header.kind.is_tombstone()
    }
}

/// Calls `each` with every record of a whole batch. The batch's own checksum held, so anything else is damage, or a newer
/// program's.
pub(crate) fn records<'a>(
    stream: &Stream,
    walk: &Walk<'a>,
    mut each: impl FnMut(Found<'a>) -> Result<()>,
) -> Result<()> {
    let mut at = 0;
    let mut count = 0_u32;
    while let Some(rest) = walk.body.get(at..).filter(|rest| !rest.is_empty()) {
        let offset = walk.body_at + at as u64;
        let fail = |fault: Fault| fault.at(&stream.name, offset);
        let header = record::Header::decode(rest).map_err(fail)?;
        let len = header.record_len();
        let bytes = usize::try_from(len)
            .ok()
            .and_then(|len| rest.get(..len))
            .ok_or_else(|| {
                fail(Fault::damaged(
                    format!("{len} bytes"),
                    rest.len().to_string(),
                ))
            })?;
        each(Found {
            header,
            bytes,
            binding: Binding {
                salt: stream.salt,
                offset,
                lsn: walk.header.lsn,
            },
        })?;
        at += bytes.len();
        count += 1;
    }
    if count != walk.header.count {
        return Err(
            Fault::damaged(format!("{} records", walk.header.count), count.to_string())
                .at(&stream.name, walk.body_at),
        );
    }
    Ok(())
}

/// Opens a segment that was a log: that of a large commit is told by its first batch, and by being of one commit.
pub(crate) fn open_segment(
    directory: &dyn Directory,
    entry: &SealedEntry,
    database: [u8; 16],
) -> Result<Stream> {
    let mut stream = Stream::open(directory, StreamKind::Log, entry.stream, database)?;
    let at = header::LEN as u64;
    if entry.first_lsn == entry.last_lsn && entry.end >= at + batch::HEADER_LEN as u64 {
        let mut bytes = [0; batch::HEADER_LEN];
        stream.read_into(at, &mut bytes)?;
        // What is wrong with it otherwise, whoever reads it tells.
        if let Ok(first) = batch::Header::decode(&bytes)
            && first.flags == batch::ONE_COMMIT
        {
            stream.one_commit = Some(entry.last_lsn);
        }
    }
    Ok(stream)
}
