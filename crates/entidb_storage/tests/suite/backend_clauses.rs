//! The clauses of `StorageBackend` as functions that any backend can be put through. Each says what does not hold.

use std::sync::Arc;

use crate::{Verdict, ensure};
use entidb_storage::{StorageBackend, StorageError, StorageReader, StorageResult};

/// A kind of backend.
pub(crate) trait Subject {
    /// A new, empty stream.
    fn fresh(&mut self) -> StorageResult<Box<dyn StorageBackend>>;

    /// The stream that was made last, opened again; nothing for a backend that lives only as long as its handle.
    fn again(&mut self) -> Option<StorageResult<Box<dyn StorageBackend>>>;

    /// What the death of the process would leave of the stream that was made last, if something outlives it.
    fn medium(&mut self) -> Option<Vec<u8>>;
}

/// Lengths on both sides of whatever a backend may have for a buffer, a sector or a page.
const LENGTHS: &[usize] = &[
    1, 2, 511, 512, 4095, 4097, 65_537, 262_143, 262_144, 262_145, 600_000,
];

pub(crate) fn bytes(seed: usize, len: usize) -> Vec<u8> {
    let period: Vec<u8> = (0..251_usize)
        .map(|i| ((i * 7 + seed) % 256).to_le_bytes()[0])
        .collect();
    let mut bytes = period.repeat(len / period.len() + 1);
    bytes.truncate(len);
    bytes
}

fn all(backend: &dyn StorageBackend) -> StorageResult<Vec<u8>> {
    backend.read_at(0, as_len(backend.size()?))
}

fn as_len(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

/// Puts a stream of every length together, and says what it holds.
fn filled(backend: &mut dyn StorageBackend) -> StorageResult<Vec<u8>> {
    let mut model = Vec::new();
    for (seed, len) in LENGTHS.iter().enumerate() {
        backend.append(&bytes(seed, *len))?;
        model.extend(bytes(seed, *len));
    }
    Ok(model)
}

fn is_past_end<T>(result: &StorageResult<T>, offset: u64, len: usize, size: u64) -> bool {
    matches!(result, Err(StorageError::ReadPastEnd { offset: o, len: l, size: s }) if (*o, *l, *s) == (offset, len, size))
}

pub(crate) fn clause_01_reads_are_exact_or_an_error(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    ensure!(backend.size()? == 0, "a new stream is not empty");
    ensure!(
        backend.read_at(0, 0)?.is_empty(),
        "an empty read of an empty stream"
    );
    let model = filled(&mut *backend)?;
    let size = model.len() as u64;
    ensure!(backend.size()? == size, "the size is not what was appended");
    for start in [0, 1, 511, 4096, 70_000, 400_000, model.len() - 1] {
        for len in [0, 1, 511, 4096, 65_536, 300_000] {
            let Some(expected) = model.get(start..start + len) else {
                continue;
            };
            let offset = start as u64;
            ensure!(
                backend.read_at(offset, len)? == expected,
                "read_at({offset}, {len})"
            );
            ensure!(
                backend.read_bytes(offset, len)? == expected,
                "read_bytes({offset}, {len})"
            );
            let mut buf = vec![0xee; len];
            backend.read_into(offset, &mut buf)?;
            ensure!(buf == expected, "read_into({offset}, {len})");
        }
    }
    ensure!(
        backend.read_at(size, 0)?.is_empty(),
        "an empty read at the end"
    );
    Ok(())
}

pub(crate) fn clause_01_past_the_end_is_decided_before_anything_is_allocated(
    subject: &mut dyn Subject,
) -> Verdict {
    let mut backend = subject.fresh()?;
    for size in [0, 1000] {
        let added = size - backend.size()?;
        backend.append(&bytes(1, as_len(added)))?;
        let offsets = [
            0,
            1,
            999,
            1000,
            1001,
            1 << 31,
            1 << 63,
            u64::MAX - 1,
            u64::MAX,
        ];
        let lens = [
            0,
            1,
            1000,
            1001,
            1 << 40,
            isize::MAX as usize,
            isize::MAX as usize + 1,
            usize::MAX,
        ];
        for (offset, len) in offsets
            .iter()
            .flat_map(|offset| lens.map(|len| (*offset, len)))
        {
            if offset
                .checked_add(len as u64)
                .is_some_and(|end| end <= size)
            {
                continue;
            }
            let what = format!("read of {len} at {offset} in {size}");
            ensure!(
                is_past_end(&backend.read_at(offset, len), offset, len, size),
                "{what}"
            );
            ensure!(
                is_past_end(&backend.read_bytes(offset, len), offset, len, size),
                "{what}"
            );
            if len <= 1001 {
                let result = backend.read_into(offset, &mut vec![0; len]);
                ensure!(is_past_end(&result, offset, len, size), "{what}");
            }
            if let Some(reader) = backend.reader() {
                ensure!(
                    is_past_end(&reader.read_at(offset, len), offset, len, size),
                    "{what}"
                );
            }
        }
    }
    Ok(())
}

pub(crate) fn clause_02_a_read_sees_every_append_before_it(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let reader = backend.reader();
    let mut model = Vec::new();
    for round in 0..40 {
        let part = bytes(round, [10, 100_000, 1, 300_000, 4096][round % 5]);
        backend.append(&part)?;
        model.extend_from_slice(&part);
        if round % 7 == 3 {
            backend.flush()?;
        }
        // The last bytes alone, and the last ones with some before them.
        for len in [part.len(), (part.len() + 5000).min(model.len())] {
            let start = model.len() - len;
            let expected = &model[start..];
            ensure!(
                backend.read_at(start as u64, len)? == expected,
                "round {round}, {len}"
            );
            if let Some(reader) = &reader {
                ensure!(
                    reader.size()? == model.len() as u64,
                    "the reader's size, round {round}"
                );
                ensure!(
                    reader.read_at(start as u64, len)? == expected,
                    "reader, round {round}, {len}"
                );
                ensure!(
                    reader.read_bytes(start as u64, len)? == expected,
                    "reader, round {round}, {len}"
                );
            }
        }
    }
    ensure!(all(&*backend)? == model, "everything");
    Ok(())
}

pub(crate) fn clause_03_append_returns_the_size_before_it(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for (seed, len) in LENGTHS.iter().enumerate() {
        let part = bytes(seed, *len);
        ensure!(
            backend.append(&part)? == model.len() as u64,
            "append of {len}"
        );
        model.extend_from_slice(&part);
        ensure!(
            backend.append(&[])? == model.len() as u64,
            "an empty append"
        );
        ensure!(
            backend.append_vectored(&[])? == model.len() as u64,
            "no parts"
        );
        let parts: [&[u8]; 5] = [b"a", &[], &part, b"bc", &part];
        ensure!(
            backend.append_vectored(&parts)? == model.len() as u64,
            "parts of {len}"
        );
        model.extend(parts.concat());
        ensure!(
            backend.size()? == model.len() as u64,
            "the size after {len}"
        );
    }
    ensure!(all(&*backend)? == model, "everything");
    Ok(())
}

pub(crate) fn clause_04_flushed_bytes_survive_the_process(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    backend.flush()?;
    backend.append(b"perhaps")?;
    if let Some(left) = subject.medium() {
        ensure!(
            left.starts_with(&model),
            "what was flushed is not on the medium"
        );
    }
    drop(backend);
    if let Some(backend) = subject.again() {
        let backend = backend?;
        ensure!(
            backend.read_at(0, model.len())? == model,
            "what was flushed is not there again"
        );
    }
    Ok(())
}

pub(crate) fn clause_05_synced_bytes_survive_the_process(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    backend.sync()?;
    if let Some(left) = subject.medium() {
        ensure!(
            left.starts_with(&model),
            "what was synced is not on the medium"
        );
    }
    backend.close()?;
    ensure!(
        matches!(backend.size(), Err(StorageError::Closed)),
        "closed, and yet a size"
    );
    ensure!(
        matches!(backend.read_at(0, 1), Err(StorageError::Closed)),
        "closed, and yet a read"
    );
    ensure!(
        matches!(backend.append(b"x"), Err(StorageError::Closed)),
        "closed, and yet an append"
    );
    ensure!(
        matches!(backend.flush(), Err(StorageError::Closed)),
        "closed, and yet a flush"
    );
    ensure!(
        matches!(backend.sync(), Err(StorageError::Closed)),
        "closed, and yet a sync"
    );
    ensure!(
        matches!(backend.truncate(0), Err(StorageError::Closed)),
        "closed, and yet a cut"
    );
    ensure!(
        matches!(backend.close(), Err(StorageError::Closed)),
        "closed twice"
    );
    ensure!(backend.reader().is_none(), "closed, and yet a reader");
    if let Some(left) = subject.medium() {
        ensure!(left == model, "what was closed is not exactly the stream");
    }
    if let Some(backend) = subject.again() {
        ensure!(
            all(&*backend?)? == model,
            "what was closed is not there again"
        );
    }
    Ok(())
}

pub(crate) fn clause_06_below_the_flush_all_is_intact_whatever_came_after(
    subject: &mut dyn Subject,
) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for round in 0..20 {
        let part = bytes(round, 1000 * round + 1);
        backend.append(&part)?;
        model.extend_from_slice(&part);
        backend.flush()?;
        backend.reserve(10_000)?;
        backend.append(&bytes(99, 5000))?;
        if round % 3 == 0 {
            backend.append(&bytes(98, 300_000))?;
        }
        if let Some(left) = subject.medium() {
            ensure!(left.starts_with(&model), "round {round}");
        }
        backend.truncate(model.len() as u64)?;
    }
    if let Some(left) = subject.medium() {
        ensure!(left.starts_with(&model), "after the last cut");
        let behind = &left[model.len()..];
        ensure!(
            behind.iter().all(|byte| *byte == 0),
            "cut bytes are still on the medium"
        );
    }
    Ok(())
}

pub(crate) fn clause_08_a_cut_is_exact_and_for_good(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = filled(&mut *backend)?;
    for flushed in [true, false] {
        for cut in [1, 0, 1000, 70_000, 400_000] {
            if flushed {
                backend.flush()?;
            }
            let size = model.len().saturating_sub(cut);
            backend.truncate(size as u64)?;
            model.truncate(size);
            ensure!(
                backend.size()? == size as u64,
                "the size after a cut of {cut}"
            );
            let past = backend.read_at(size as u64, 1);
            ensure!(
                is_past_end(&past, size as u64, 1, size as u64),
                "a read of what was cut"
            );
            ensure!(
                all(&*backend)? == model,
                "what is left after a cut of {cut}"
            );
            // Room, and other bytes, where the old ones were.
            backend.reserve(1000)?;
            ensure!(all(&*backend)? == model, "what is left after room was made");
            backend.append(&bytes(cut, 700))?;
            model.extend(bytes(cut, 700));
            ensure!(
                all(&*backend)? == model,
                "after appending behind a cut of {cut}"
            );
        }
        backend.append(&bytes(5, 700_000))?;
        model.extend(bytes(5, 700_000));
    }
    backend.truncate(0)?;
    ensure!(backend.size()? == 0, "cut to nothing");
    backend.append(b"anew")?;
    backend.close()?;
    if let Some(backend) = subject.again() {
        ensure!(all(&*backend?)? == b"anew", "old bytes came back");
    }
    Ok(())
}

pub(crate) fn clause_08_a_cut_is_durable_when_it_returns(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    backend.flush()?;
    backend.truncate(600_000)?;
    if let Some(left) = subject.medium() {
        ensure!(
            left == model[..600_000],
            "the medium still has what was cut"
        );
    }
    Ok(())
}

pub(crate) fn clause_08_cutting_above_the_size_is_invalid_and_changes_nothing(
    subject: &mut dyn Subject,
) -> Verdict {
    let mut backend = subject.fresh()?;
    backend.append(b"some")?;
    for flushed in [false, true] {
        if flushed {
            backend.flush()?;
        }
        backend.reserve(100)?;
        for size in [5, 100, 1 << 40, u64::MAX] {
            let result = backend.truncate(size);
            let invalid = matches!(&result, Err(StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidInput);
            ensure!(invalid, "truncate({size}): {result:?}");
            ensure!(
                all(&*backend)? == b"some",
                "truncate({size}) changed something"
            );
        }
        backend.truncate(4)?;
    }
    Ok(())
}

pub(crate) fn a_reader_outlives_its_backend(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let Some(reader) = backend.reader() else {
        return Ok(());
    };
    let second = Arc::clone(&reader);
    let model = filled(&mut *backend)?;
    ensure!(whole(&*reader)? == model, "while the backend lives");
    drop(backend);
    ensure!(whole(&*second)? == model, "after it was dropped");
    if let Some(again) = subject.again() {
        // It does not keep the file from being opened again, either.
        ensure!(all(&*again?)? == model, "opened again");
    }
    Ok(())
}

fn whole(reader: &dyn StorageReader) -> StorageResult<Vec<u8>> {
    let mut buf = vec![0; as_len(reader.size()?)];
    reader.read_into(0, &mut buf)?;
    Ok(buf)
}

pub(crate) fn a_reader_sees_a_cut(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let Some(reader) = backend.reader() else {
        return Ok(());
    };
    let mut model = filled(&mut *backend)?;
    for size in [1_400_000, 1_000_000, 10] {
        backend.truncate(size)?;
        model.truncate(as_len(size));
        ensure!(whole(&*reader)? == model, "below a cut to {size}");
        let past = reader.read_at(size - 1, 2);
        ensure!(
            is_past_end(&past, size - 1, 2, size),
            "above a cut to {size}: {past:?}"
        );
    }
    Ok(())
}

pub(crate) fn reserved_room_is_never_seen(subject: &mut dyn Subject) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for round in 0..30 {
        backend.reserve(100_000)?;
        ensure!(backend.size()? == model.len() as u64, "round {round}");
        let past = backend.read_at(model.len() as u64, 1);
        ensure!(
            is_past_end(&past, model.len() as u64, 1, model.len() as u64),
            "round {round}"
        );
        backend.append(&bytes(round, 90_000))?;
        model.extend(bytes(round, 90_000));
        if round % 4 == 0 {
            backend.flush()?;
        }
        ensure!(all(&*backend)? == model, "round {round}");
    }
    drop(backend);
    if let Some(again) = subject.again() {
        ensure!(all(&*again?)? == model, "opened again");
    }
    Ok(())
}

pub(crate) fn clause_12_the_same_history_gives_the_same_bytes(
    subject: &mut dyn Subject,
) -> Verdict {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let mut backend = subject.fresh()?;
        let first = filled(&mut *backend)?;
        backend.flush()?;
        backend.truncate(first.len() as u64 / 2)?;
        backend.append(b"end")?;
        let read = all(&*backend)?;
        backend.close()?;
        runs.push((read, subject.medium()));
    }
    ensure!(runs[0] == runs[1], "two runs of one history differ");
    Ok(())
}
