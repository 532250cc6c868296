//! Backends in memory, each with one lie, and the check that must catch it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use entidb_storage::conformance::{BACKEND_CHECKS, Unmet, Volatile};
use entidb_storage::{
    Capabilities, InMemoryBackend, StorageBackend, StorageError, StorageReader, StorageResult,
};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Lie {
    ReadIsShort,
    ReadPastEndIsCut,
    ReadPastEndIsEmpty,
    ReadPastEndAllocatesFirst,
    ReadPastEndOverflows,
    ReadPastEndIsAnotherError,
    ReadIntoLeavesAByte,
    ReadBytesIsOneOff,
    ReadHidesWhatIsNotFlushed,
    SizeHidesWhatIsNotFlushed,
    ReaderIsStale,
    ReaderSeesOnlyFlushed,
    ReaderIgnoresCuts,
    ReaderDiesWithItsBackend,
    ReaderReturnsOtherBytes,
    AppendReturnsTheNewSize,
    AppendOfNothingFails,
    PartsLoseTheLast,
    PartsReturnTheLastOffset,
    CutBringsBytesBack,
    CutTakesOneTooMany,
    CutAboveSucceeds,
    CutAboveFillsWithZeros,
    CutAboveIsAnotherError,
    ReserveGrows,
    CloseLeavesReadsOpen,
    CapabilitiesWaver,
    AnswersByTheClock,
    OnlyAHistoryFindsIt,
}

use Lie::*;

use crate::lies;

struct Liar {
    inner: InMemoryBackend,
    lie: Lie,
    flushed: u64,
    /// What was cut last, and where.
    cut: Option<(u64, Vec<u8>)>,
    closed: bool,
    alive: Arc<()>,
}

static CLOCK: AtomicU64 = AtomicU64::new(0);

fn liar(lie: Lie) -> Liar {
    Liar {
        inner: InMemoryBackend::new(),
        lie,
        flushed: 0,
        cut: None,
        closed: false,
        alive: Arc::new(()),
    }
}

impl Liar {
    fn all(&self) -> Vec<u8> {
        self.inner.data()
    }

    fn zeros(&mut self, len: u64) -> StorageResult<()> {
        let zeros = vec![0; usize::try_from(len.min(1 << 20)).unwrap()];
        self.inner.append(&zeros).map(drop)
    }
}

impl StorageBackend for Liar {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        if self.closed && self.lie == CloseLeavesReadsOpen {
            return Ok(self.all()[..len.min(1)].to_vec());
        }
        if self.lie == ReadPastEndAllocatesFirst {
            let mut bytes = Vec::with_capacity(len);
            bytes.extend(self.inner.read_at(offset, len)?);
            return Ok(bytes);
        }
        let end = offset.wrapping_add(len as u64);
        let size = self.inner.size()?;
        if self.lie == ReadPastEndOverflows && end <= size && end < offset {
            return Ok(Vec::new());
        }
        let found = self.inner.read_at(offset, len);
        match (self.lie, found) {
            (ReadIsShort, Ok(mut bytes)) if len > 4096 => {
                bytes.truncate(4096);
                Ok(bytes)
            }
            (ReadPastEndIsCut, Err(_)) if offset < size => self
                .inner
                .read_at(offset, usize::try_from(size - offset).unwrap()),
            (ReadPastEndIsEmpty, Err(_)) => Ok(Vec::new()),
            (ReadPastEndIsAnotherError, Err(StorageError::ReadPastEnd { .. })) => {
                Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
            }
            (ReadHidesWhatIsNotFlushed, Ok(mut bytes)) => {
                let visible = self.flushed.saturating_sub(offset).min(len as u64);
                bytes[usize::try_from(visible).unwrap()..].fill(0);
                Ok(bytes)
            }
            (_, found) => found,
        }
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        if data.is_empty() && self.lie == AppendOfNothingFails {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        }
        let offset = self.inner.append(data)?;
        if let (Lie::CutBringsBytesBack, Some((at, old))) = (self.lie, self.cut.take()) {
            let end = usize::try_from(self.inner.size()? - at).unwrap();
            if end < old.len() {
                self.inner.append(&old[end..])?;
            }
        }
        if self.lie == OnlyAHistoryFindsIt && offset % 16 == 13 && data.len() % 8 == 5 {
            self.inner.truncate(offset + data.len() as u64 - 1)?;
        }
        match self.lie {
            AppendReturnsTheNewSize => self.inner.size(),
            _ => Ok(offset),
        }
    }

    fn flush(&mut self) -> StorageResult<()> {
        self.flushed = self.inner.size()?;
        self.inner.flush()
    }

    fn size(&self) -> StorageResult<u64> {
        match self.lie {
            SizeHidesWhatIsNotFlushed => Ok(self.flushed),
            _ => self.inner.size(),
        }
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.flush()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        let size = self.inner.size()?;
        if new_size > size {
            match self.lie {
                CutAboveSucceeds => return Ok(()),
                CutAboveFillsWithZeros => {
                    self.zeros(new_size - size)?;
                    return self.inner.truncate(new_size);
                }
                CutAboveIsAnotherError => return Err(StorageError::Corrupted("no".to_owned())),
                _ => return self.inner.truncate(new_size),
            }
        }
        self.cut = Some((
            new_size,
            self.all()[usize::try_from(new_size).unwrap()..].to_vec(),
        ));
        self.flushed = self.flushed.min(new_size);
        match self.lie {
            CutTakesOneTooMany => self.inner.truncate(new_size.saturating_sub(1)),
            _ => self.inner.truncate(new_size),
        }
    }

    fn read_into(&self, offset: u64, buf: &mut [u8]) -> StorageResult<()> {
        let Some(last) = buf.len().checked_sub(1) else {
            return self.inner.read_into(offset, buf);
        };
        let old = buf[last];
        self.inner.read_into(offset, buf)?;
        if self.lie == ReadIntoLeavesAByte {
            buf[last] = old;
        }
        Ok(())
    }

    fn read_bytes(&self, offset: u64, len: usize) -> StorageResult<Bytes> {
        match self.lie {
            ReadBytesIsOneOff if offset > 0 && len > 0 => self.inner.read_bytes(offset - 1, len),
            _ => self.inner.read_bytes(offset, len),
        }
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        match (self.lie, parts) {
            (PartsLoseTheLast, [first @ .., _]) if first.len() > 2 => {
                self.inner.append_vectored(first)
            }
            (PartsReturnTheLastOffset, [first, rest @ ..]) => {
                let mut offset = self.inner.append(first)?;
                for part in rest {
                    offset = self.inner.append(part)?;
                }
                Ok(offset)
            }
            _ => self.inner.append_vectored(parts),
        }
    }

    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        match self.lie {
            ReserveGrows => self.zeros(additional),
            AnswersByTheClock if CLOCK.fetch_add(1, Ordering::Relaxed) % 7 == 6 => {
                Err(io::Error::from(io::ErrorKind::StorageFull).into())
            }
            _ => Ok(()),
        }
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        let inner = self.inner.reader()?;
        Some(match self.lie {
            ReaderIsStale => InMemoryBackend::with_data(self.all()).reader()?,
            ReaderSeesOnlyFlushed
            | ReaderIgnoresCuts
            | ReaderDiesWithItsBackend
            | ReaderReturnsOtherBytes => Arc::new(LyingReader {
                old: InMemoryBackend::with_data(vec![0xab; 2_000_000]).reader()?,
                inner,
                backend: Arc::downgrade(&self.alive),
                lie: self.lie,
            }),
            _ => inner,
        })
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        if self.lie == CapabilitiesWaver {
            capabilities.zero_copy_reads = self.flushed > 0;
        }
        capabilities
    }

    fn close(&mut self) -> StorageResult<()> {
        self.closed = true;
        self.inner.close()
    }
}

struct LyingReader {
    inner: Arc<dyn StorageReader>,
    old: Arc<dyn StorageReader>,
    backend: Weak<()>,
    lie: Lie,
}

impl StorageReader for LyingReader {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        match (self.lie, self.inner.read_at(offset, len)) {
            (ReaderIgnoresCuts, Err(_)) => self.old.read_at(offset, len),
            (ReaderDiesWithItsBackend, Ok(_)) if self.backend.strong_count() == 0 => {
                Err(StorageError::Closed)
            }
            (ReaderReturnsOtherBytes, Ok(mut bytes)) if len > 1000 && len < 3000 => {
                bytes[999] ^= 1;
                Ok(bytes)
            }
            (_, found) => found,
        }
    }

    fn size(&self) -> StorageResult<u64> {
        let size = self.inner.size()?;
        match self.lie {
            ReaderSeesOnlyFlushed => Ok(size / 4096 * 4096),
            _ => Ok(size),
        }
    }
}

fn caught(lie: Lie, by: &str) {
    let check = BACKEND_CHECKS
        .iter()
        .find(|check| check.name == by)
        .unwrap();
    let verdict = check.run(&mut Volatile::new(|| liar(lie)));
    assert!(
        matches!(verdict, Err(Unmet::Fails(_))),
        "{lie:?} passes {by}: {verdict:?}"
    );
    println!("{}", verdict.unwrap_err());
}

lies! {
    a_short_read: ReadIsShort is caught by clause_01_reads_are_exact;
    a_read_cut_at_the_end: ReadPastEndIsCut is caught by clause_01_past_the_end_is_an_error_before_anything_is_allocated;
    an_empty_read_past_the_end: ReadPastEndIsEmpty is caught by clause_01_past_the_end_is_an_error_before_anything_is_allocated;
    an_allocation_before_the_end_is_checked: ReadPastEndAllocatesFirst is caught by clause_01_past_the_end_is_an_error_before_anything_is_allocated;
    an_end_that_overflows: ReadPastEndOverflows is caught by clause_01_past_the_end_is_an_error_before_anything_is_allocated;
    another_error_past_the_end: ReadPastEndIsAnotherError is caught by clause_01_past_the_end_is_an_error_before_anything_is_allocated;
    a_buffer_not_filled: ReadIntoLeavesAByte is caught by clause_01_the_ways_of_reading_agree;
    other_bytes_when_counted: ReadBytesIsOneOff is caught by clause_01_the_ways_of_reading_agree;
    an_append_not_read_until_flushed: ReadHidesWhatIsNotFlushed is caught by clause_02_a_read_sees_every_append_before_it;
    a_size_without_what_is_not_flushed: SizeHidesWhatIsNotFlushed is caught by clause_02_a_read_sees_every_append_before_it;
    a_stale_reader: ReaderIsStale is caught by clause_02_a_reader_sees_every_append_before_it;
    a_reader_of_whole_pages: ReaderSeesOnlyFlushed is caught by clause_02_a_reader_sees_every_append_before_it;
    a_reader_that_ignores_cuts: ReaderIgnoresCuts is caught by reader_sees_a_cut;
    a_reader_that_dies_with_its_backend: ReaderDiesWithItsBackend is caught by reader_outlives_its_backend;
    a_reader_with_other_bytes_beside_the_appender: ReaderReturnsOtherBytes is caught by reader_is_exact_beside_its_appender;
    a_wrong_offset: AppendReturnsTheNewSize is caught by clause_03_append_returns_the_size_before_it;
    an_empty_append_that_fails: AppendOfNothingFails is caught by clause_03_append_returns_the_size_before_it;
    a_lost_part: PartsLoseTheLast is caught by clause_03_parts_are_appended_as_their_concatenation;
    the_offset_of_the_last_part: PartsReturnTheLastOffset is caught by clause_03_parts_are_appended_as_their_concatenation;
    old_bytes_behind_a_cut: CutBringsBytesBack is caught by clause_08_a_cut_is_exact_and_old_bytes_never_come_back;
    a_cut_of_one_too_many: CutTakesOneTooMany is caught by clause_08_a_cut_is_exact_and_old_bytes_never_come_back;
    a_cut_above_that_succeeds: CutAboveSucceeds is caught by clause_08_cutting_above_the_size_is_invalid_and_changes_nothing;
    a_cut_above_that_grows: CutAboveFillsWithZeros is caught by clause_08_cutting_above_the_size_is_invalid_and_changes_nothing;
    a_cut_above_with_another_error: CutAboveIsAnotherError is caught by clause_08_cutting_above_the_size_is_invalid_and_changes_nothing;
    room_that_counts: ReserveGrows is caught by reserve_changes_neither_size_nor_content;
    a_read_after_close: CloseLeavesReadsOpen is caught by close_is_final;
    capabilities_that_waver: CapabilitiesWaver is caught by capabilities_stay_the_same;
    answers_by_the_clock: AnswersByTheClock is caught by clause_12_the_same_history_gives_the_same_answers;
    what_only_a_history_finds: OnlyAHistoryFindsIt is caught by history_is_that_of_a_vector_of_bytes;
}
