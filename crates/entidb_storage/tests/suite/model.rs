//! Random histories of one stream, against a vector of bytes.

use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

use crate::sample::bytes;
use entidb_storage::{FileBackend, InMemoryBackend, StorageBackend, StorageError, StorageReader};

#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    AppendParts(Vec<usize>),
    Flush,
    Sync,
    /// Cuts so many of 1000 parts off.
    Truncate(u64),
    TruncateAbove(u64),
    Reserve(u64),
    Read(u64, usize),
    NewReader,
    Drop,
    Close,
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        6 => 0..300_usize,
        2 => 4000..5000_usize,
        2 => 60_000..70_000_usize,
        1 => 250_000..700_000_usize,
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => length().prop_map(Step::Append),
        3 => prop::collection::vec(length(), 0..5).prop_map(Step::AppendParts),
        3 => Just(Step::Flush),
        1 => Just(Step::Sync),
        3 => prop_oneof![0..20_u64, 0..=1000_u64].prop_map(Step::Truncate),
        1 => prop_oneof![1..10_u64, Just(u64::MAX)].prop_map(Step::TruncateAbove),
        2 => prop_oneof![0..100_000_u64, 0..10_000_000_u64].prop_map(Step::Reserve),
        6 => (0..=1000_u64, length()).prop_map(|(at, len)| Step::Read(at, len)),
        1 => Just(Step::NewReader),
        1 => Just(Step::Drop),
        1 => Just(Step::Close),
    ]
}

struct Stream<'a> {
    backend: Box<dyn StorageBackend>,
    readers: Vec<Arc<dyn StorageReader>>,
    model: Vec<u8>,
    path: Option<&'a Path>,
}

impl Stream<'_> {
    fn run(&mut self, seed: usize, step: &Step) -> TestCaseResult {
        let size = self.model.len() as u64;
        match step {
            Step::Append(len) => {
                let data = bytes(seed, *len);
                prop_assert_eq!(self.backend.append(&data).unwrap(), size);
                self.model.extend(data);
            }
            Step::AppendParts(lens) => {
                let parts: Vec<_> = lens.iter().map(|len| bytes(seed + len, *len)).collect();
                let slices: Vec<_> = parts.iter().map(Vec::as_slice).collect();
                prop_assert_eq!(self.backend.append_vectored(&slices).unwrap(), size);
                self.model.extend(parts.concat());
            }
            Step::Flush => self.backend.flush().unwrap(),
            Step::Sync => self.backend.sync().unwrap(),
            Step::Truncate(part) => {
                let new_size = size - size * part / 1000;
                self.backend.truncate(new_size).unwrap();
                self.model.truncate(usize::try_from(new_size).unwrap());
            }
            Step::TruncateAbove(more) => {
                let error = self
                    .backend
                    .truncate(size.saturating_add(*more))
                    .unwrap_err();
                prop_assert!(matches!(error, StorageError::Io(_)));
            }
            Step::Reserve(additional) => self.backend.reserve(*additional).unwrap(),
            Step::Read(part, len) => self.read(size * part / 1000, *len)?,
            Step::NewReader => self.readers.extend(self.backend.reader()),
            Step::Drop => self.reopen(),
            Step::Close => {
                if self.path.is_some() {
                    self.backend.close().unwrap();
                    self.reopen();
                }
            }
        }
        prop_assert_eq!(self.backend.size().unwrap(), self.model.len() as u64);
        Ok(())
    }

    fn read(&self, offset: u64, len: usize) -> TestCaseResult {
        let start = usize::try_from(offset).unwrap();
        let expected = self.model.get(start..start + len);
        let mut results = vec![self.backend.read_at(offset, len)];
        for reader in &self.readers {
            results.push(reader.read_at(offset, len));
            let mut buf = vec![0; len];
            results.push(reader.read_into(offset, &mut buf).map(|()| buf));
        }
        for result in results {
            match (result, expected) {
                (Ok(found), Some(expected)) => prop_assert!(found == expected),
                (Err(StorageError::ReadPastEnd { size, .. }), None) => {
                    prop_assert_eq!(size, self.model.len() as u64);
                }
                (result, _) => prop_assert!(false, "{:?}", result.map(|found| found.len())),
            }
        }
        Ok(())
    }

    fn reopen(&mut self) {
        if let Some(path) = self.path {
            self.backend = Box::new(InMemoryBackend::new());
            self.readers.clear();
            self.backend = Box::new(FileBackend::open(path).unwrap());
        }
    }
}

fn run(
    backend: impl StorageBackend + 'static,
    path: Option<&Path>,
    steps: &[Step],
) -> TestCaseResult {
    let mut stream = Stream {
        readers: backend.reader().into_iter().collect(),
        backend: Box::new(backend),
        model: Vec::new(),
        path,
    };
    for (seed, step) in steps.iter().enumerate() {
        stream.run(seed, step)?;
    }
    stream.read(0, stream.model.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_is_a_vector_of_bytes(steps in prop::collection::vec(step(), 1..60)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stream");
        run(FileBackend::open(&path).unwrap(), Some(&path), &steps)?;
    }

    #[test]
    fn memory_is_a_vector_of_bytes(steps in prop::collection::vec(step(), 1..60)) {
        run(InMemoryBackend::new(), None, &steps)?;
    }
}
