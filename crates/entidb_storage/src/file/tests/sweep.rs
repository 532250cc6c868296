//! A fixed history in which every system call fails once and for ever, in every way, and after each step the stream is
//! what the steps that succeeded made it.

use std::path::Path;

use rustix::io::Errno;

use super::super::faults::{Fault, Faults, Rule};
use super::super::seam::Call;
use super::{FileBackend, bytes, folder, open};
use crate::{StorageBackend, StorageError, StorageResult};

#[derive(Debug, Clone, Copy)]
enum Step {
    Append(usize),
    AppendParts(usize, usize),
    Flush,
    Sync,
    Truncate(u64),
    Reserve(u64),
    Read(u64, usize),
    Reopen,
    Close,
}

const HISTORY: &[Step] = &[
    Step::Append(10),
    Step::Reserve(100_000),
    Step::Append(270_000),
    Step::Read(5, 100),
    Step::Flush,
    Step::Append(200_000),
    Step::Append(100_000),
    Step::Truncate(500_000),
    Step::Read(460_000, 20_000),
    Step::Truncate(300_000),
    Step::AppendParts(70_000, 300_000),
    Step::Append(5),
    Step::Sync,
    Step::Close,
    Step::Reopen,
    Step::Append(7),
    Step::Truncate(3),
    Step::Append(100),
    Step::Reserve(1),
    Step::Flush,
    Step::Append(9),
    Step::Reopen,
    Step::Flush,
];

/// What the stream must be.
#[derive(Default)]
struct Model {
    bytes: Vec<u8>,
    /// How much of it a crash must leave.
    durable: usize,
}

struct Run<'a> {
    faults: &'a Faults,
    path: &'a Path,
    backend: Option<FileBackend>,
    model: Model,
    poisoned: bool,
    /// Whether a drop may have lost what was not durable.
    lost: bool,
    step: Step,
}

impl Run<'_> {
    fn step(&mut self, seed: usize, step: Step) {
        self.step = step;
        self.faults.take_calls();
        let before = self.model.bytes.len();
        let Some(backend) = &mut self.backend else {
            return self.reopen();
        };
        let data = |len| bytes(seed, len);
        let result = match step {
            Step::Append(len) => backend.append(&data(len)).map(|start| {
                assert_eq!(start, before as u64);
                self.model.bytes.extend(data(len));
            }),
            Step::AppendParts(a, b) => backend
                .append_vectored(&[&data(a), b"", &data(b), b"end"])
                .map(|start| {
                    assert_eq!(start, before as u64);
                    self.model
                        .bytes
                        .extend([data(a), data(b), b"end".to_vec()].concat());
                }),
            Step::Flush => backend.flush(),
            Step::Sync => backend.sync(),
            // A history with a step that failed may be shorter than the cut.
            Step::Truncate(size) => truncate(backend, &mut self.model, size.min(before as u64)),
            Step::Reserve(additional) => backend.reserve(additional),
            Step::Read(offset, len) => read(backend, &self.model, offset, len),
            Step::Reopen => return self.reopen(),
            Step::Close => backend.close(),
        };
        self.judge(result);
        self.look();
    }

    fn judge(&mut self, result: StorageResult<()>) {
        let step = self.step;
        let calls = self.faults.take_calls();
        let failed = |kinds: &[Call]| {
            calls
                .iter()
                .any(|(call, failed)| *failed && kinds.contains(call))
        };
        let changes = [
            Call::Write,
            Call::SetLen,
            Call::Allocate,
            Call::DataSync,
            Call::Sync,
            Call::DirectorySync,
        ];
        if self.poisoned {
            assert!(
                !calls.iter().any(|(call, _)| changes.contains(call)),
                "{step:?} changed {calls:?}"
            );
            match step {
                Step::Read(..) => {}
                _ => assert!(
                    matches!(result, Err(StorageError::Poisoned)),
                    "{step:?} {result:?}"
                ),
            }
        } else if let Err(error) = &result {
            assert!(matches!(error, StorageError::Io(_)), "{step:?} {error}");
            let rollback =
                matches!(step, Step::Append(_) | Step::AppendParts(..)) && failed(&[Call::SetLen]);
            let interrupted = |call: &&(Call, bool)| call.1 && call.0 == Call::OpenDirectory;
            self.poisoned = failed(&[Call::DataSync, Call::Sync, Call::DirectorySync])
                || calls.iter().filter(interrupted).count() > 0
                || rollback;
            assert!(!(self.poisoned && error.is_full()), "{step:?} {error}");
        } else if matches!(step, Step::Flush | Step::Sync | Step::Close) {
            assert!(
                !failed(&[Call::DataSync, Call::Sync, Call::DirectorySync]),
                "{step:?} hid an error"
            );
            self.model.durable = self.model.bytes.len();
        }
        if matches!(step, Step::Close) && (result.is_ok() || self.poisoned) {
            self.backend = None;
            self.lost |= std::mem::take(&mut self.poisoned);
        }
        if let Some(backend) = &mut self.backend {
            let answer = self.faults.paused(|| backend.append(b""));
            assert_eq!(
                matches!(answer, Err(StorageError::Poisoned)),
                self.poisoned,
                "{step:?} {result:?} {calls:?}"
            );
        }
    }

    /// The stream is the model, for the backend and its readers.
    fn look(&self) {
        let Some(backend) = &self.backend else { return };
        self.faults.paused(|| {
            let (step, model) = (self.step, &self.model.bytes);
            assert_eq!(backend.size().unwrap(), model.len() as u64, "{step:?}");
            assert!(
                backend.read_at(0, model.len()).unwrap() == *model,
                "{step:?}"
            );
            let reader = backend.reader().unwrap();
            let mut buf = vec![0; model.len()];
            reader.read_into(0, &mut buf).unwrap();
            assert!(buf == *model, "{step:?}");
            assert!(matches!(
                backend.read_at(model.len() as u64, 1),
                Err(StorageError::ReadPastEnd { .. })
            ));
        });
    }

    /// Drops the backend and opens the file again. What was not flushed may be lost then.
    fn reopen(&mut self) {
        self.lost |= std::mem::take(&mut self.poisoned);
        self.backend = None;
        self.lost |= self.faults.take_calls().iter().any(|(_, failed)| *failed);
        if let Ok(backend) = open(self.faults, self.path) {
            self.faults.paused(|| {
                let size = usize::try_from(backend.size().unwrap()).unwrap();
                let found = backend.read_at(0, size).unwrap();
                self.model.accept(found, std::mem::take(&mut self.lost));
            });
            self.backend = Some(backend);
        }
        self.faults.take_calls();
    }
}

impl Model {
    /// The stream was found to be `found`, which may differ above what is durable if something was `lost`.
    fn accept(&mut self, found: Vec<u8>, lost: bool) {
        if lost {
            assert!(
                found.len() >= self.durable,
                "{} of {}",
                found.len(),
                self.durable
            );
            assert!(found[..self.durable] == self.bytes[..self.durable]);
            self.bytes = found;
        } else {
            assert_eq!(found.len(), self.bytes.len());
            assert!(found == self.bytes);
        }
    }
}

fn truncate(backend: &mut FileBackend, model: &mut Model, size: u64) -> StorageResult<()> {
    let result = backend.truncate(size);
    // Where only the sync failed, the cut is made.
    let cut = result.is_ok() || backend.size().unwrap() == size;
    if cut && !matches!(result, Err(StorageError::Poisoned)) {
        model.bytes.truncate(usize::try_from(size).unwrap());
        model.durable = model.durable.min(model.bytes.len());
    }
    result
}

fn read(backend: &FileBackend, model: &Model, offset: u64, len: usize) -> StorageResult<()> {
    let start = usize::try_from(offset).unwrap();
    match backend.read_at(offset, len) {
        Ok(found) => assert!(found == model.bytes[start..start + len]),
        Err(StorageError::ReadPastEnd { .. }) => assert!(start + len > model.bytes.len()),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Runs the history under `rule`, then heals the disk and checks what is left. Says how many calls there were.
fn run(rule: Option<Rule>) -> usize {
    let dir = folder();
    let faults = Faults::default();
    let path = dir.path().join("s");
    if let Some(rule) = rule {
        faults.fail(rule);
    }
    let mut run = Run {
        faults: &faults,
        path: &path,
        backend: None,
        model: Model::default(),
        poisoned: false,
        lost: false,
        step: Step::Reopen,
    };
    run.reopen();
    let mut count = 0;
    let counter = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&counter);
    faults.hook(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    });
    for (seed, step) in HISTORY.iter().enumerate() {
        run.step(seed, *step);
    }
    count += counter.load(std::sync::atomic::Ordering::Relaxed);
    faults.heal();
    if run.backend.is_none() || run.poisoned {
        run.reopen();
    }
    run.step(99, Step::Append(50));
    run.step(99, Step::Close);
    assert!(run.backend.is_none(), "{rule:?}: a healed disk closes");
    assert!(std::fs::read(&path).unwrap() == run.model.bytes, "{rule:?}");
    count
}

#[test]
fn every_call_fails_once_and_for_ever() {
    let calls = run(None);
    assert!(calls > 50, "{calls}");
    let faults = [
        Fault::Error(Errno::IO),
        Fault::Error(Errno::NOSPC),
        Fault::Error(Errno::INTR),
        Fault::Short(777),
    ];
    for fault in faults {
        for times in [1, usize::MAX] {
            for skip in 0..calls {
                let rule = Rule {
                    call: None,
                    skip,
                    times,
                    fault,
                };
                run(Some(rule));
            }
        }
    }
}

#[test]
fn every_kind_of_call_fails_from_its_kth_on() {
    let kinds = [
        Call::Open,
        Call::OpenDirectory,
        Call::Lock,
        Call::Stat,
        Call::Read,
        Call::Write,
        Call::DataSync,
        Call::Sync,
        Call::DirectorySync,
        Call::SetLen,
        Call::Allocate,
    ];
    for call in kinds {
        for skip in 0..8 {
            for times in [1, usize::MAX] {
                for errno in [Errno::IO, Errno::NOSPC, Errno::INTR] {
                    let rule = Rule {
                        call: Some(call),
                        skip,
                        times,
                        fault: Fault::Error(errno),
                    };
                    run(Some(rule));
                }
            }
        }
    }
}
