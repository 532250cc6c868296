//! Standard output, written in large pieces of whole lines.

use std::fmt::Write as _;
use std::io::{self, Write};

/// How much is collected before it is written, in bytes.
const BUFFER_LEN: usize = 256 << 10;

/// Whether whoever read standard output has gone, as far as that can be told without writing to it.
#[cfg(unix)]
pub(crate) fn is_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = io::stdout();
    let mut asked = [PollFd::new(&stdout, PollFlags::empty())];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let gone = PollFlags::ERR | PollFlags::HUP;
    poll(&mut asked, Some(&now)).is_ok() && asked[0].revents().intersects(gone)
}

/// Whether whoever read standard output has gone: here, only writing tells.
#[cfg(not(unix))]
pub(crate) fn is_closed() -> bool {
    false
}

/// A sink of lines. What is not flushed is lost.
pub(crate) struct Lines<W: Write> {
    sink: W,
    buffer: Vec<u8>,
}

impl Lines<io::Stdout> {
    /// The lines of standard output.
    pub(crate) fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write> Lines<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self {
            sink,
            buffer: Vec::with_capacity(BUFFER_LEN),
        }
    }

    /// Adds a line that `write` appends, without its line feed.
    pub(crate) fn line<E: From<io::Error>>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        write(&mut self.buffer)?;
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_LEN {
            self.write()?;
        }
        Ok(())
    }

    /// Adds a line of text.
    pub(crate) fn text(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        self.line(|buffer| {
            let mut line = String::new();
            write!(line, "{text}").map_err(io::Error::other)?;
            buffer.extend_from_slice(line.as_bytes());
            Ok(())
        })
    }

    /// Hands everything over.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write()?;
        self.sink.flush()
    }

    /// Hands everything over, and the sink back.
    pub(crate) fn into_sink(mut self) -> io::Result<W> {
        self.flush()?;
        Ok(self.sink)
    }

    fn write(&mut self) -> io::Result<()> {
        self.sink.write_all(&self.buffer)?;
        self.buffer.clear();
        // One large entity does not make the buffer large for good.
        self.buffer.shrink_to(2 * BUFFER_LEN);
        Ok(())
    }
}
