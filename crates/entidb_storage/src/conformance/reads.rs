//! Clauses 1 and 2: what a read returns.

use std::iter;

use super::BackendSubject;
use super::verdict::{
    NO_READER, Verdict, as_len, bytes, ensure, ensure_is, ensure_reads, ensure_same, filled,
    is_past_end, not_checked, said,
};

/// Clause 1: a read returns exactly the bytes that were appended there, all of them.
pub fn clause_01_reads_are_exact(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    ensure_is(&*backend, &[], "a new stream")?;
    let model = filled(&mut *backend)?;
    ensure_is(&*backend, &model, "the whole stream")?;
    for (offset, expected) in ranges(&model) {
        let len = expected.len();
        let found = backend.read_at(offset, len)?;
        ensure_same(&found, expected, &format!("read_at({offset}, {len})"))?;
    }
    Ok(())
}

/// Clause 1: `read_into` and `read_bytes` return what `read_at` does.
pub fn clause_01_the_ways_of_reading_agree(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let model = filled(&mut *backend)?;
    for flushed in [false, true] {
        if flushed {
            backend.flush()?;
        }
        for (offset, expected) in ranges(&model) {
            let len = expected.len();
            let mut buf = vec![0xee; len];
            backend.read_into(offset, &mut buf)?;
            ensure_same(&buf, expected, &format!("read_into({offset}, {len})"))?;
            let found = backend.read_bytes(offset, len)?;
            ensure_same(&found, expected, &format!("read_bytes({offset}, {len})"))?;
        }
    }
    Ok(())
}

/// Ranges of `model` that begin, end and lie across where parts meet.
fn ranges(model: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    let starts = [
        0,
        1,
        511,
        4096,
        70_000,
        400_000,
        model.len() - 1,
        model.len(),
    ];
    let lens = [0, 1, 511, 4096, 65_536, 300_000];
    starts
        .into_iter()
        .flat_map(move |start| iter::zip(iter::repeat(start), lens))
        .filter_map(|(start, len)| Some((start as u64, model.get(start..start + len)?)))
}

/// Clause 1: past the end is `ReadPastEnd`, for every offset and length, before anything is allocated.
pub fn clause_01_past_the_end_is_an_error_before_anything_is_allocated(
    subject: &mut BackendSubject<'_>,
) -> Verdict {
    let mut backend = subject.fresh()?;
    // The greatest lengths first: allocating those panics, which is caught, and allocating others may end the process.
    let lens = [
        usize::MAX,
        isize::MAX as usize + 1,
        isize::MAX as usize,
        1 << 40,
        1001,
        1000,
        1,
        0,
    ];
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
    for size in [0, 1000] {
        let added = size - backend.size()?;
        backend.append(&bytes(1, as_len(added)))?;
        for (len, offset) in lens.iter().flat_map(|len| offsets.map(|at| (*len, at))) {
            if offset
                .checked_add(len as u64)
                .is_some_and(|end| end <= size)
            {
                continue;
            }
            let mut results = vec![
                ("read_at", backend.read_at(offset, len)),
                ("read_bytes", backend.read_bytes(offset, len).map(Vec::from)),
            ];
            if let Some(reader) = backend.reader() {
                results.push(("a reader's read_at", reader.read_at(offset, len)));
            }
            if len <= 1001 {
                let result = backend.read_into(offset, &mut vec![0; len]);
                results.push(("read_into", result.map(|()| Vec::new())));
            }
            for (method, result) in results {
                ensure!(
                    is_past_end(&result, offset, len, size),
                    "{method}({offset}, {len}) in a stream of {size} bytes gave {}",
                    said(&result)
                );
            }
        }
    }
    Ok(())
}

/// Clause 2: a read sees every byte that an earlier append returned, flushed or not, and the size counts it.
pub fn clause_02_a_read_sees_every_append_before_it(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let mut model = Vec::new();
    for round in 0..40 {
        let part = bytes(round, part_len(round));
        backend.append(&part)?;
        model.extend_from_slice(&part);
        let size = backend.size()?;
        ensure!(
            size == model.len() as u64,
            "size() is {size} after {} bytes were appended (round {round}, flushes at every seventh)",
            model.len()
        );
        if round % 7 == 3 {
            backend.flush()?;
        }
        // The last bytes alone, and the last ones with some before them.
        for len in [part.len(), (part.len() + 5000).min(model.len())] {
            let start = model.len() - len;
            let found = backend.read_at(start as u64, len)?;
            let expected = model.get(start..).unwrap_or_default();
            ensure_same(&found, expected, &format!("read after append {round}"))?;
        }
    }
    ensure_is(&*backend, &model, "everything appended")
}

/// Clause 2: a reader that was made before sees every append, too.
pub fn clause_02_a_reader_sees_every_append_before_it(subject: &mut BackendSubject<'_>) -> Verdict {
    let mut backend = subject.fresh()?;
    let Some(reader) = backend.reader() else {
        return not_checked(NO_READER);
    };
    let mut model = Vec::new();
    for round in 0..20 {
        let part = bytes(round, part_len(round));
        backend.append(&part)?;
        model.extend_from_slice(&part);
        ensure_reads(&*reader, &model, &format!("after append {round}"))?;
        if round % 7 == 3 {
            backend.flush()?;
            ensure_reads(&*reader, &model, "after a flush")?;
        }
    }
    Ok(())
}

fn part_len(round: u64) -> usize {
    match round % 5 {
        0 => 10,
        1 => 100_000,
        2 => 1,
        3 => 300_000,
        _ => 4096,
    }
}
