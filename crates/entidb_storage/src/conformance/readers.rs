//! The read handle: beside, below and after its backend.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use super::BackendSubject;
use super::verdict::{
    NO_READER, Numbers, Unmet, Verdict, as_len, bytes, ensure, ensure_is, ensure_reads, filled,
    is_past_end, not_checked, said,
};
use crate::StorageReader;

/// A reader sees a cut: above it is `ReadPastEnd`, below it nothing has changed.
pub fn reader_sees_a_cut(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let Some(reader) = backend.reader() else {
        return not_checked(NO_READER);
    };
    let mut model = filled(&mut *backend)?;
    for size in [1_400_000, 1_000_000, 10] {
        backend.truncate(size)?;
        model.truncate(as_len(size));
        let past = reader.read_at(size - 1, 2);
        ensure!(
            is_past_end(&past, size - 1, 2, size),
            "a reader across a cut to {size} bytes gave {}",
            said(&past)
        );
        ensure_reads(&*reader, &model, &format!("after a cut to {size}"))?;
        backend.append(b"other")?;
        model.extend(b"other");
        ensure_reads(&*reader, &model, "after an append behind a cut")?;
    }
    Ok(())
}

/// A reader outlives its backend, and does not keep the stream from being opened again.
pub fn reader_outlives_its_backend(subject: &mut BackendSubject<'_>) -> Verdict {
    for close in [false, true] {
        let mut backend = subject.fresh()?;
        let Some(reader) = backend.reader() else {
            return not_checked(NO_READER);
        };
        let second = Arc::clone(&reader);
        let model = filled(&mut *backend)?;
        ensure_reads(&*reader, &model, "while the backend lives")?;
        backend.flush()?;
        if close {
            backend.close()?;
            ensure_reads(&*reader, &model, "after the backend was closed")?;
        }
        drop(backend);
        ensure_reads(&*second, &model, "after the backend was dropped")?;
        if let Some(again) = subject.reopen() {
            ensure_is(&*again?, &model, "opened again beside an old reader")?;
        }
    }
    Ok(())
}

/// Readers in other threads read exactly what was appended, while the backend appends, flushes and reserves.
pub fn reader_is_exact_beside_its_appender(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let Some(reader) = backend.reader() else {
        return not_checked(NO_READER);
    };
    let model = bytes(3, 1 << 20);
    let beside = Beside {
        covered: AtomicU64::new(0),
        done: AtomicBool::new(false),
        start: Barrier::new(3),
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|seed| {
                let (reader, model, beside) = (&*reader, &*model, &beside);
                scope.spawn(move || beside.read(reader, model, seed))
            })
            .collect();
        beside.start.wait();
        let appended = (|| {
            for (n, part) in model.chunks(3001).enumerate() {
                backend.append(part)?;
                beside
                    .covered
                    .fetch_add(part.len() as u64, Ordering::Release);
                match n % 64 {
                    10 => backend.flush()?,
                    40 => backend.reserve(50_000)?,
                    _ => {}
                }
            }
            Ok(())
        })();
        beside.done.store(true, Ordering::Release);
        for thread in threads {
            let found = thread.join();
            found.map_err(|_| Unmet::Fails("a reader's thread panicked".to_owned()))??;
        }
        appended
    })
}

/// What an appender tells the readers beside it.
struct Beside {
    /// How many bytes are appended.
    covered: AtomicU64,
    done: AtomicBool,
    start: Barrier,
}

impl Beside {
    /// Reads while the appender appends, and a good deal in any case.
    fn read(&self, reader: &dyn StorageReader, model: &[u8], seed: u64) -> Verdict {
        let mut numbers = Numbers(seed);
        self.start.wait();
        let mut after = 200;
        while after > 0 {
            if self.done.load(Ordering::Acquire) {
                after -= 1;
            }
            let size = self.covered.load(Ordering::Acquire);
            let seen = reader.size()?;
            ensure!(
                seen >= size,
                "beside its appender a reader's size is {seen}, after {size} bytes were appended"
            );
            let len = numbers.below(3000).min(as_len(size));
            // Half of the reads near the end, where a buffer may be.
            let offset = match numbers.below(2) {
                0 => numbers.below(as_len(size) - len + 1),
                _ => (as_len(size) - len).saturating_sub(numbers.below(2000)),
            };
            let found = reader.read_at(offset as u64, len)?;
            let expected = model.get(offset..offset + len);
            ensure!(
                Some(&*found) == expected,
                "beside its appender a reader found other bytes at {offset} than were appended there"
            );
        }
        Ok(())
    }
}
