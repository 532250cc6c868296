//! Random histories against a vector of bytes. The seeds are fixed, so that a failure fails again.

use std::io::ErrorKind;
use std::sync::Arc;

use super::BackendSubject;
use super::verdict::{
    NO_REOPEN, Numbers, Unmet, Verdict, as_len, bytes, ensure, ensure_is, ensure_reads,
    ensure_same, is_kind, is_past_end, not_checked, said,
};
use crate::{StorageBackend, StorageReader};

const HISTORIES: u64 = 12;
const STEPS: u64 = 80;

/// Whatever is called in whatever order, the backend is a vector of bytes.
pub fn history_is_that_of_a_vector_of_bytes(subject: &mut BackendSubject<'_>) -> Verdict {
    for seed in 0..HISTORIES {
        let mut history = History::new(subject.fresh()?, seed);
        for step in 0..STEPS {
            history
                .step(step)
                .map_err(|unmet| told(unmet, seed, step))?;
        }
        ensure_is(&*history.backend, &history.model, "at the end of a history")?;
    }
    Ok(())
}

/// The same with the stream closed or dropped after a flush, and opened again, in between.
pub fn history_goes_on_when_opened_again(subject: &mut BackendSubject<'_>) -> Verdict {
    for seed in HISTORIES..2 * HISTORIES {
        let mut history = History::new(subject.fresh()?, seed);
        for step in 0..STEPS {
            history
                .step(step)
                .map_err(|unmet| told(unmet, seed, step))?;
            if step % 16 == 15 {
                let History {
                    mut backend,
                    numbers,
                    model,
                    ..
                } = history;
                match numbers.clone().below(2) {
                    0 => backend.close()?,
                    _ => backend.flush()?,
                }
                drop(backend);
                let Some(again) = subject.reopen() else {
                    return not_checked(NO_REOPEN);
                };
                history = History::new(again?, seed);
                (history.numbers, history.model) = (numbers, model);
                ensure_is(&*history.backend, &history.model, "opened again")
                    .map_err(|unmet| told(unmet, seed, step))?;
            }
        }
    }
    Ok(())
}

fn told(unmet: Unmet, seed: u64, step: u64) -> Unmet {
    match unmet {
        Unmet::Fails(what) => Unmet::Fails(format!("history {seed}, step {step}: {what}")),
        other => other,
    }
}

struct History {
    backend: Box<dyn StorageBackend>,
    readers: Vec<Arc<dyn StorageReader>>,
    model: Vec<u8>,
    numbers: Numbers,
}

impl History {
    fn new(backend: Box<dyn StorageBackend>, seed: u64) -> Self {
        Self {
            readers: backend.reader().into_iter().collect(),
            backend,
            model: Vec::new(),
            numbers: Numbers(seed),
        }
    }

    fn len(&mut self) -> usize {
        match self.numbers.below(12) {
            0..=6 => self.numbers.below(300),
            7..=8 => 4000 + self.numbers.below(1000),
            9..=10 => 60_000 + self.numbers.below(10_000),
            _ => 250_000 + self.numbers.below(100_000),
        }
    }

    fn part(&mut self) -> Vec<u8> {
        let len = self.len();
        bytes(self.numbers.next(), len)
    }

    fn step(&mut self, step: u64) -> Verdict {
        let size = self.model.len();
        match self.numbers.below(20) {
            0..=6 => {
                let part = self.part();
                let offset = self.backend.append(&part)?;
                ensure!(
                    offset == size as u64,
                    "append to {size} bytes returned {offset}"
                );
                self.model.extend(part);
            }
            7..=8 => {
                let parts: Vec<_> = (0..self.numbers.below(5)).map(|_| self.part()).collect();
                let slices: Vec<_> = parts.iter().map(Vec::as_slice).collect();
                let offset = self.backend.append_vectored(&slices)?;
                ensure!(
                    offset == size as u64,
                    "append_vectored to {size} bytes returned {offset}"
                );
                self.model.extend(parts.concat());
            }
            9..=10 => self.backend.flush()?,
            11 => self.backend.sync()?,
            12..=13 => {
                let kept = size - self.cut_len(size);
                self.backend.truncate(kept as u64)?;
                self.model.truncate(kept);
            }
            14 => {
                let above = size + 1 + self.numbers.below(10);
                let result = self.backend.truncate(above as u64);
                ensure!(
                    is_kind(&result, ErrorKind::InvalidInput),
                    "truncate({above}) of {size} bytes gave {}",
                    said(&result)
                );
            }
            15 => self.backend.reserve(self.numbers.below(3_000_000) as u64)?,
            16 => self.readers.extend(self.backend.reader()),
            _ => self.read()?,
        }
        let size = as_len(self.backend.size()?);
        ensure!(
            size == self.model.len(),
            "the size is {size}, not {}",
            self.model.len()
        );
        if step % 20 == 19 {
            ensure_is(&*self.backend, &self.model, "everything")?;
            for reader in &self.readers {
                ensure_reads(&**reader, &self.model, "everything")?;
            }
        }
        Ok(())
    }

    /// Mostly a little, sometimes all.
    fn cut_len(&mut self, size: usize) -> usize {
        match self.numbers.below(3) {
            0 => self.numbers.below(size + 1),
            _ => self.numbers.below(size / 50 + 1),
        }
    }

    fn read(&mut self) -> Verdict {
        let offset = self.numbers.below(self.model.len() + 1);
        let len = self.len();
        let mut results = vec![self.backend.read_at(offset as u64, len)];
        for reader in &self.readers {
            results.push(reader.read_at(offset as u64, len));
        }
        for result in results {
            let when = format!("read_at({offset}, {len})");
            match self.model.get(offset..offset + len) {
                Some(expected) => ensure_same(&result?, expected, &when)?,
                None => ensure!(
                    is_past_end(&result, offset as u64, len, self.model.len() as u64),
                    "{when} of {} bytes gave {}",
                    self.model.len(),
                    said(&result)
                ),
            }
        }
        Ok(())
    }
}
