//! The bytes of a file or of standard input, counted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much is read at once, in bytes.
const BUFFER_LEN: usize = 256 << 10;

/// What some editors put before UTF-8. It is no part of the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An input that has been opened.
pub(crate) struct Input {
    pub(crate) reader: Box<dyn BufRead + Send>,
    /// How many bytes have been read so far.
    pub(crate) read_bytes: Arc<AtomicU64>,
    /// How many there are, where that is known.
    pub(crate) len_bytes: Option<u64>,
}

impl Input {
    pub(crate) fn file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let len_bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self::new(file, len_bytes))
    }

    pub(crate) fn stdin() -> Self {
        Self::new(io::stdin(), None)
    }

    pub(crate) fn new(bytes: impl Read + Send + 'static, len_bytes: Option<u64>) -> Self {
        let read_bytes = Arc::new(AtomicU64::new(0));
        let counted = Counted {
            inner: bytes,
            count: Arc::clone(&read_bytes),
        };
        Self {
            reader: Box::new(WithoutMark::new(BufReader::with_capacity(
                BUFFER_LEN, counted,
            ))),
            read_bytes,
            len_bytes,
        }
    }
}

struct Counted<R> {
    inner: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(buffer)?;
        self.count.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}

/// Passes over a byte order mark at the beginning.
pub(crate) struct WithoutMark<R> {
    inner: R,
    /// What was read while looking for the mark and is none.
    head: Cursor<Vec<u8>>,
    looked: bool,
}

impl<R: BufRead> WithoutMark<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self {
            inner,
            head: Cursor::default(),
            looked: false,
        }
    }

    /// The mark can come in pieces.
    fn look(&mut self) -> io::Result<()> {
        let head = self.head.get_mut();
        while BYTE_ORDER_MARK.starts_with(head) && head.len() < BYTE_ORDER_MARK.len() {
            let Some(&byte) = self.inner.fill_buf()?.first() else {
                break;
            };
            // Most inputs begin otherwise, and are left as they are.
            if head.is_empty() && BYTE_ORDER_MARK.first() != Some(&byte) {
                break;
            }
            head.push(byte);
            self.inner.consume(1);
        }
        if head == BYTE_ORDER_MARK {
            head.clear();
        }
        self.looked = true;
        Ok(())
    }

    fn in_head(&self) -> bool {
        self.head.position() < self.head.get_ref().len() as u64
    }
}

impl<R: BufRead> BufRead for WithoutMark<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.looked {
            self.look()?;
        }
        if self.in_head() {
            self.head.fill_buf()
        } else {
            self.inner.fill_buf()
        }
    }

    fn consume(&mut self, len: usize) {
        if self.in_head() {
            self.head.consume(len);
        } else {
            self.inner.consume(len);
        }
    }
}

impl<R: BufRead> Read for WithoutMark<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

/// What `Read` is for a source that has a buffer: a copy out of it.
pub(super) fn read_buffered(source: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    let piece = source.fill_buf()?;
    let len = piece.len().min(buffer.len());
    buffer[..len].copy_from_slice(&piece[..len]);
    source.consume(len);
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time.
    struct Slow(Cursor<Vec<u8>>);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(&mut buffer[..1])
        }
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_and_nothing_else() {
        for (bytes, rest) in [
            (&b"\xef\xbb\xbf{}"[..], &b"{}"[..]),
            (b"\xef\xbb\xbf", b""),
            (b"\xef\xbbx", b"\xef\xbbx"),
            (b"\xef", b"\xef"),
            (b"", b""),
            (b"{}", b"{}"),
            (b"\xef\xbb\xbf\xef\xbb\xbf", b"\xef\xbb\xbf"),
        ] {
            let slow = Slow(Cursor::new(bytes.to_vec()));
            let mut out = Vec::new();
            Input::new(slow, None).reader.read_to_end(&mut out).unwrap();
            assert_eq!(out, rest, "{bytes:?}");
        }
    }
}
