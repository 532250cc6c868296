//! Where a read goes.

use std::fs::File;
use std::io;

use super::seam::System;

/// A caller's buffer, or the spare room of a vector, which is not zeroed before it is filled.
pub(super) enum Target<'a> {
    Slice { buf: &'a mut [u8], filled: usize },
    Spare { vec: &'a mut Vec<u8>, len: usize },
}

impl<'a> Target<'a> {
    #[inline]
    pub(super) fn slice(buf: &'a mut [u8]) -> Self {
        Self::Slice { buf, filled: 0 }
    }

    /// An empty vector that is to be filled with `len` bytes, for which it has room.
    #[inline]
    pub(super) fn vec(vec: &'a mut Vec<u8>, len: usize) -> Self {
        Self::Spare { vec, len }
    }

    /// An empty vector with room for `len` bytes, or an error where the allocator has none.
    #[inline]
    pub(super) fn allocate(len: usize) -> io::Result<Vec<u8>> {
        let mut vec = Vec::new();
        vec.try_reserve_exact(len)
            .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(vec)
    }

    /// How many bytes are wanted.
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Slice { buf, .. } => buf.len(),
            Self::Spare { len, .. } => *len,
        }
    }

    #[inline]
    fn filled(&self) -> usize {
        match self {
            Self::Slice { filled, .. } => *filled,
            Self::Spare { vec, .. } => vec.len(),
        }
    }

    /// Forgets what is filled.
    pub(super) fn restart(&mut self) {
        match self {
            Self::Slice { filled, .. } => *filled = 0,
            Self::Spare { vec, .. } => vec.clear(),
        }
    }

    /// Puts `bytes` behind what is filled.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match self {
            Self::Slice { buf, filled } => {
                buf[*filled..][..bytes.len()].copy_from_slice(bytes);
                *filled += bytes.len();
            }
            Self::Spare { vec, .. } => vec.extend_from_slice(bytes),
        }
    }

    /// Reads `file` from `offset` on until the first `len` bytes are filled; false if the file ends before.
    #[inline]
    pub(super) fn fill(
        &mut self,
        system: &System,
        file: &File,
        offset: u64,
        len: usize,
    ) -> io::Result<bool> {
        while self.filled() < len {
            let position = offset + self.filled() as u64;
            let count = match self {
                Self::Slice { buf, filled } => {
                    let count = system.read(file, &mut buf[*filled..len], position)?;
                    *filled += count;
                    count
                }
                Self::Spare { vec, .. } => system.read_spare(file, vec, position)?,
            };
            if count == 0 {
                return Ok(false);
            }
        }
        if let Self::Spare { vec, .. } = self {
            // The allocator may have given more room than was asked for, and the file may have filled it.
            vec.truncate(len);
        }
        Ok(true)
    }
}
