//! Random histories of append, flush, cut, crash, reopen, and copying a stream and going on in both copies: every byte is
//! what it should be, and no nonce is used twice.

use std::collections::HashMap;

use super::disk::Disk;
use super::{Numbers, key};
use crate::encrypted::EncryptedBackend;
use crate::encrypted::cipher::seam;
use crate::{StorageBackend, StorageError};

/// One copy of a stream, and what it should hold.
struct Copy {
    disk: Disk,
    backend: Option<EncryptedBackend>,
    model: Vec<u8>,
    /// How much of the model is durable.
    durable: usize,
}

impl Copy {
    fn new(disk: Disk, model: Vec<u8>) -> Self {
        let (durable, backend) = (model.len(), None);
        Self {
            disk,
            backend,
            model,
            durable,
        }
    }

    fn open(&mut self, block_len: usize) -> &mut EncryptedBackend {
        let disk = &self.disk;
        self.backend.get_or_insert_with(|| {
            EncryptedBackend::with_block_size(Box::new(disk.clone()), &key(9), block_len).unwrap()
        })
    }

    fn check(&mut self) {
        let model = &self.model;
        if let Some(backend) = &self.backend {
            assert_eq!(backend.size().unwrap(), model.len() as u64);
            assert!(backend.read_at(0, model.len()).unwrap() == *model);
        }
    }

    /// What is there after a crash is the model, cut off somewhere above what is durable.
    fn crash(&mut self, numbers: &mut Numbers) {
        let disk = Disk::with(self.disk.medium().crashed(numbers));
        // The old handle goes on writing to the old disk when it is dropped.
        self.backend = None;
        self.disk = disk;
        let backend = self.open(1024);
        let len = usize::try_from(backend.size().unwrap()).unwrap();
        let found = backend.read_at(0, len).unwrap();
        assert!(
            len >= self.durable,
            "{len} of {} durable bytes",
            self.durable
        );
        assert!(
            self.model.get(..len) == Some(&found[..]),
            "not what was appended"
        );
        self.model.truncate(len);
        // What was found has been shown, and there is no second crash before it is flushed.
        self.durable = self.durable.min(len);
    }

    fn step(&mut self, numbers: &mut Numbers) {
        let block_len = [1024, 1500, 4096][numbers.below(3)];
        if numbers.below(8) == 0 {
            self.disk.full_after(numbers.below(3));
        }
        match numbers.below(12) {
            0..=4 => {
                let len = [40, 700, 5000, 20_000][numbers.below(4)];
                let data = numbers.bytes(numbers.0.to_le_bytes()[7] as usize % 7 + len);
                let at = self.model.len() as u64;
                if let Ok(offset) = self.open(block_len).append(&data) {
                    assert_eq!(offset, at);
                    self.model.extend(data);
                }
            }
            5..=7 => {
                if self.open(block_len).flush().is_ok() {
                    self.durable = self.model.len();
                }
            }
            8 | 9 => {
                let size = match numbers.below(4) {
                    0 => 0,
                    1 => self.model.len(),
                    _ => numbers.below(self.model.len() + 1),
                };
                match self.open(block_len).truncate(size as u64) {
                    Ok(()) => {
                        self.model.truncate(size);
                        self.durable = self.durable.min(size);
                    }
                    Err(error) => assert!(error.is_full(), "{error}"),
                }
            }
            10 => {
                self.disk.heal();
                match numbers.below(2) {
                    0 => drop(self.backend.take()),
                    _ => {
                        self.open(block_len).close().unwrap();
                        self.durable = self.model.len();
                        self.backend = None;
                    }
                }
                self.open(block_len);
            }
            _ => {
                self.disk.heal();
                self.crash(numbers);
            }
        }
        self.disk.heal();
        let poisoned = |backend: &mut EncryptedBackend| {
            matches!(backend.append(b""), Err(StorageError::Poisoned))
        };
        if self.backend.as_mut().is_some_and(poisoned) {
            // A failed write could not be taken back. What is there is what a crash would have left.
            self.crash(numbers);
        }
        self.check();
    }

    /// A copy as a crash would leave it, for another program to go on with.
    fn copied(&self, numbers: &mut Numbers) -> Self {
        let disk = Disk::with(self.disk.medium().crashed(numbers));
        let mut copy = Self::new(disk, self.model.clone());
        copy.durable = self.durable;
        let len = {
            let backend = copy.open(4096);
            usize::try_from(backend.size().unwrap()).unwrap()
        };
        copy.model.truncate(len);
        copy.durable = copy.durable.min(len);
        copy.check();
        copy
    }
}

#[test]
fn no_nonce_repeats_whatever_happens_to_a_stream_and_its_copies() {
    seam::begin();
    let mut numbers = Numbers(1);
    for _ in 0..30 {
        let mut copies = vec![Copy::new(Disk::default(), Vec::new())];
        for round in 0..150 {
            if round % 40 == 20 {
                let from = numbers.below(copies.len());
                let copy = copies[from].copied(&mut numbers);
                copies.push(copy);
            }
            let which = numbers.below(copies.len());
            copies[which].step(&mut numbers);
        }
    }
    let uses = seam::end();
    assert!(uses.len() > 10_000, "{} frames", uses.len());
    let mut seen = HashMap::new();
    for (key, nonce, plaintext) in uses {
        let before = seen.insert((key, nonce), plaintext);
        assert!(before.is_none(), "{nonce:?} twice under one key");
    }
}
