//! One encrypted stream as its appender and its readers share it.

use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::header;
use super::index::Frame;
use super::keys::{Generation, Keys};
use super::scratch::{RUN_COUNT_MAX, RUN_LEN_MAX, Scratch};
use super::source::Source;
use super::walk::{self, Known};
use crate::{StorageError, StorageResult};

/// How often a reader starts over because a writer elsewhere changed what it was reading.
const ATTEMPTS: usize = 10;
/// How often a stream is looked at before what is found is believed to be damage.
const LOOKS: usize = 3;

/// What appender and readers share.
pub(super) struct Stream {
    keys: Keys,
    state: RwLock<State>,
    scratch: Mutex<Scratch>,
}

pub(super) struct State {
    /// Nothing as long as there is no header.
    pub(super) known: Option<Known>,
    /// What was appended and is not sealed yet.
    pub(super) open: Vec<u8>,
    /// Changes whenever bytes that were readable no longer are.
    pub(super) epoch: u64,
    /// Whether an appender of this process keeps this state up to date. If not, readers look for themselves.
    pub(super) live: bool,
}

impl State {
    /// The length of what is sealed, in bytes of plaintext.
    pub(super) fn sealed_end(&self) -> u64 {
        self.known.as_ref().map_or(0, |known| known.index.end())
    }

    pub(super) fn size(&self) -> u64 {
        self.sealed_end() + self.open.len() as u64
    }
}

/// What to do for the next bytes of a read.
enum Plan {
    /// So many bytes were copied from what is not sealed yet.
    Copied(usize),
    /// The frames to read were noted; this is what sealed them.
    Frames(Arc<Generation>),
    PastEnd(u64),
    /// The epoch is another.
    Changed,
}

impl Stream {
    /// Looks at what is there. Writes nothing.
    pub(super) fn open(source: Source<'_>, keys: Keys, live: bool) -> StorageResult<Self> {
        let stream = Self {
            keys,
            state: RwLock::new(State {
                known: None,
                open: Vec::new(),
                epoch: 0,
                live: false,
            }),
            scratch: Mutex::default(),
        };
        stream.refresh(source)?;
        stream.write().live = live;
        Ok(stream)
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    // A panic while the lock was held cannot have left half a change: everything is computed before, and then stored.
    pub(super) fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn size(&self, source: Source<'_>) -> StorageResult<u64> {
        {
            let state = self.state();
            if state.live {
                return Ok(state.size());
            }
        }
        self.refresh(source)?;
        Ok(self.state().size())
    }

    pub(super) fn read_at(
        &self,
        source: Source<'_>,
        offset: u64,
        len: usize,
    ) -> StorageResult<Vec<u8>> {
        let end = offset.checked_add(len as u64);
        if end.is_none_or(|end| end > self.state().size()) {
            let size = self.size(source)?;
            if end.is_none_or(|end| end > size) {
                return Err(StorageError::ReadPastEnd { offset, len, size });
            }
        }
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(len)
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
        bytes.resize(len, 0);
        self.read_into(source, offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Fills `buf` with what is at `offset`, all of it as of one epoch.
    pub(super) fn read_into(
        &self,
        source: Source<'_>,
        offset: u64,
        buf: &mut [u8],
    ) -> StorageResult<()> {
        self.with_scratch(|scratch| self.read_with(scratch, source, offset, buf))
    }

    fn read_with(
        &self,
        scratch: &mut Scratch,
        source: Source<'_>,
        offset: u64,
        buf: &mut [u8],
    ) -> StorageResult<()> {
        let mut epoch = None;
        let mut done = 0;
        let mut attempt = 0;
        loop {
            let rest = buf.get_mut(done..).unwrap_or_default();
            let at = offset.checked_add(done as u64);
            let read = match self.plan(&mut epoch, &mut scratch.frames, at, rest) {
                Plan::Copied(len) => Ok(len),
                Plan::Frames(generation) => {
                    scratch.read(source, &generation, offset + done as u64, rest)
                }
                Plan::PastEnd(size) => Err(StorageError::ReadPastEnd {
                    offset,
                    len: buf.len(),
                    size,
                }),
                Plan::Changed => {
                    (epoch, done) = (None, 0);
                    continue;
                }
            };
            match read {
                Ok(len) => {
                    done += len;
                    if done == buf.len() {
                        return Ok(());
                    }
                }
                Err(error) => {
                    // Perhaps it was cut, and something else lies there now; or it has grown.
                    let size = self.size(source)?;
                    let is_past_end =
                        matches!(error, StorageError::ReadPastEnd { size: old, .. } if old >= size);
                    let state = self.state();
                    let has_changed = epoch != Some(state.epoch);
                    let has_grown =
                        matches!(error, StorageError::ReadPastEnd { .. }) && !is_past_end;
                    attempt += usize::from(!state.live);
                    if attempt > ATTEMPTS || !(has_changed || has_grown) {
                        return Err(error);
                    }
                    (epoch, done) = (None, 0);
                }
            }
        }
    }

    /// What to do for the bytes at `offset`, of which `out` are still wanted.
    fn plan(
        &self,
        epoch: &mut Option<u64>,
        frames: &mut Vec<Frame>,
        offset: Option<u64>,
        out: &mut [u8],
    ) -> Plan {
        let state = self.state();
        if *epoch.get_or_insert(state.epoch) != state.epoch {
            return Plan::Changed;
        }
        let size = state.size();
        let end = offset.and_then(|offset| offset.checked_add(out.len() as u64));
        let (Some(offset), Some(end)) = (offset, end.filter(|end| *end <= size)) else {
            return Plan::PastEnd(size);
        };
        let sealed_end = state.sealed_end();
        let Some(known) = state.known.as_ref().filter(|_| offset < sealed_end) else {
            let from = usize::try_from(offset - sealed_end).unwrap_or(usize::MAX);
            let part = state
                .open
                .get(from..)
                .and_then(|open| open.get(..out.len()));
            out.copy_from_slice(part.unwrap_or_default());
            return Plan::Copied(out.len());
        };
        if out.is_empty() {
            return Plan::Copied(0);
        }
        frames.clear();
        for frame in known
            .index
            .from(known.index.find(offset))
            .iter()
            .take(RUN_COUNT_MAX)
        {
            if let (Some(first), Some(before)) = (frames.first(), frames.last())
                && (frame.logical >= end
                    || before.physical_end() != frame.physical
                    || first.generation != frame.generation
                    || frame.physical_end() - first.physical > RUN_LEN_MAX)
            {
                break;
            }
            frames.push(*frame);
        }
        let first = frames.first();
        match first.and_then(|first| known.index.generation(first.generation)) {
            Some(generation) => Plan::Frames(Arc::clone(generation)),
            None => Plan::PastEnd(size),
        }
    }

    /// Lends the common buffers, or new ones to those who would have to wait for them.
    fn with_scratch<T>(&self, work: impl FnOnce(&mut Scratch) -> T) -> T {
        // Where a panic was in the middle of it, too: what is held may be half of something else.
        let common = self.scratch.try_lock().ok();
        match common {
            Some(mut scratch) => work(&mut scratch),
            None => work(&mut Scratch::default()),
        }
    }

    /// Finds out what has become of a stream that others append to.
    fn refresh(&self, source: Source<'_>) -> StorageResult<()> {
        let mut state = self.write();
        let mut attempt = 1;
        loop {
            let found = refresh_once(source, &self.keys, &mut state);
            // What was taken in before the error is not all that is there: whoever looks next starts from the beginning.
            if found.is_err() && state.known.take().is_some() {
                state.epoch += 1;
            }
            match found {
                // It may have been cut, and other bytes put there, between two looks.
                Err(
                    StorageError::Corrupted(_)
                    | StorageError::Encryption(_)
                    | StorageError::ReadPastEnd { .. },
                ) if attempt < LOOKS => attempt += 1,
                found => return found,
            }
        }
    }
}

fn refresh_once(source: Source<'_>, keys: &Keys, state: &mut State) -> StorageResult<()> {
    if let Some(known) = &state.known {
        // The last header that we know names all before it: if it stands, they stand.
        let mut tag = [0; super::TAG_SIZE];
        let stands = source.size()? >= known.tip.end && {
            source.fill(known.tip.chain_at, &mut tag)?;
            tag == known.tip.chain
        };
        if !stands {
            state.known = None;
            state.epoch += 1;
        }
    }
    let first = state.known.is_none();
    let known = match &mut state.known {
        Some(known) => known,
        None => match header::read(source, keys)? {
            Some(opened) => state.known.insert(Known::new(opened)),
            None => return Ok(()),
        },
    };
    if walk::advance(source, known, first)? && !first {
        state.epoch += 1;
    }
    Ok(())
}
