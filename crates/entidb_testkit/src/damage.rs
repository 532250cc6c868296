//! Damage of bytes that were durable.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use entidb_storage::{StorageError, StorageResult};

use crate::disk::{FileId, Inner, SimDisk};
use crate::rng::Rng;

/// Damage at rest: what a disk may do to bytes that it had, long after a sync. Sectors are counted from 0.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Damage<'a> {
    /// Some bits of a byte are flipped.
    Flip {
        /// Where, in bytes.
        offset: u64,
        /// Which bits.
        mask: u8,
    },
    /// A sector reads as zeros.
    Zero {
        /// Which one.
        sector: u64,
    },
    /// A sector reads as random bytes.
    Junk {
        /// Which one.
        sector: u64,
    },
    /// A write went to the wrong place: a sector reads as another one, of this stream or of another.
    Misdirected {
        /// Which one is wrong.
        sector: u64,
        /// The stream whose bytes are there.
        from: &'a str,
        /// Which of its sectors.
        from_sector: u64,
    },
    /// A write was lost: a sector reads as it did on the earlier disk.
    Stale {
        /// Which one.
        sector: u64,
        /// The disk as it was: a [`SimDisk::restart`] from then.
        earlier: &'a SimDisk,
    },
    /// The stream is cut.
    Cut {
        /// How many bytes are left.
        len: u64,
    },
    /// The whole stream is what it was on the earlier disk, or gone if it was not there.
    RolledBack {
        /// The disk as it was: a [`SimDisk::restart`] from then.
        earlier: &'a SimDisk,
    },
    /// The stream is gone.
    Missing,
}

impl SimDisk {
    /// Damages the stream `name`, from under all who have it open.
    ///
    /// # Errors
    /// [`StorageError::Io`] of kind `NotFound` if there is no such stream, and [`StorageError::ReadPastEnd`] if it has no such
    /// place.
    pub fn damage(&self, name: &str, damage: &Damage<'_>) -> StorageResult<()> {
        let donor = self.donor(name, damage)?;
        let mut inner = self.lock();
        let id = find(&inner, name)?;
        let sector_len = inner.state.sector_len;
        let mut rng = Rng::new(inner.state.seed);
        let file = inner.file_mut(id)?;
        let size = file.len();
        match damage {
            Damage::Flip { offset, mask } => {
                let at = within(*offset, 1, size)?.start;
                file.bytes_mut()[at] ^= mask;
            }
            Damage::Zero { sector } => {
                let range = range(*sector, sector_len, size)?;
                file.bytes_mut()[range].fill(0);
            }
            Damage::Junk { sector } => {
                let range = range(*sector, sector_len, size)?;
                rng.fill(&mut file.bytes_mut()[range]);
            }
            Damage::Misdirected { sector, .. } | Damage::Stale { sector, .. } => {
                let range = range(*sector, sector_len, size)?;
                let donor = donor.unwrap_or_default();
                let len = range.len().min(donor.len());
                file.bytes_mut()[range][..len].copy_from_slice(&donor[..len]);
            }
            Damage::Cut { len } => {
                let len = within(*len, 0, size)?.start;
                file.cut_buffer(len);
            }
            Damage::RolledBack { .. } | Damage::Missing => {
                inner.state.put_durably(name, donor.map(Arc::new));
            }
        }
        Ok(())
    }

    /// The bytes of another place, or another time, that the damage brings here.
    fn donor(&self, name: &str, damage: &Damage<'_>) -> StorageResult<Option<Vec<u8>>> {
        let (disk, name, sector) = match damage {
            Damage::Misdirected {
                from, from_sector, ..
            } => (self, *from, Some(*from_sector)),
            Damage::Stale { sector, earlier } => (*earlier, name, Some(*sector)),
            Damage::RolledBack { earlier } => (*earlier, name, None),
            _ => return Ok(None),
        };
        let inner = disk.lock();
        let id = match find(&inner, name) {
            Err(_) if sector.is_none() => return Ok(None),
            found => found?,
        };
        let bytes = &inner.file(id)?.now.bytes;
        let sector_len = inner.state.sector_len;
        let range = sector.map_or(Ok(0..bytes.len()), |sector| {
            range(sector, sector_len, bytes.len())
        })?;
        Ok(Some(bytes[range].to_vec()))
    }
}

fn find(inner: &Inner, name: &str) -> StorageResult<FileId> {
    inner.state.find(name).ok_or_else(|| {
        let message = format!("{name}: there is no such stream");
        StorageError::Io(io::Error::new(io::ErrorKind::NotFound, message))
    })
}

/// The bytes of a sector, as far as the stream has it.
fn range(sector: u64, sector_len: usize, size: usize) -> StorageResult<Range<usize>> {
    let start = within(sector.saturating_mul(sector_len as u64), 1, size)?.start;
    Ok(start..size.min(start + sector_len))
}

fn within(offset: u64, len: usize, size: usize) -> StorageResult<Range<usize>> {
    usize::try_from(offset)
        .ok()
        .and_then(|start| Some(start..start.checked_add(len)?))
        .filter(|range| range.end <= size)
        .ok_or(StorageError::ReadPastEnd {
            offset,
            len,
            size: size as u64,
        })
}
