//! The storage layer beside its floor and its peers, in one run: `cargo run --release --bin storage` in bench/.
//!
//! Each figure is a median of rounds that are interleaved, so that what else the machine does falls on all alike. The floor is
//! the plain system call; a peer that lacks an operation is left out of its row. Prints a table in Markdown.

use std::collections::BTreeMap;
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use entidb_storage::{
    EncryptedBackend, EncryptionKey, FileBackend, InMemoryBackend, StorageBackend, StorageReader,
};
use object_store::ObjectStoreExt;
use published::StorageBackend as _;
use redb::StorageBackend as _;

const ROUNDS: usize = 5;
const READ_FILE_LEN: u64 = 64 << 20;

/// A row or a contender: its place, and its name.
type Name = (usize, &'static str);

/// Nanoseconds an operation, by row and contender.
#[derive(Default)]
struct Table(BTreeMap<Name, BTreeMap<Name, Vec<f64>>>);

impl Table {
    fn add(
        &mut self,
        row: (usize, &'static str),
        who: (usize, &'static str),
        count: u64,
        run: impl FnOnce(),
    ) {
        let start = Instant::now();
        run();
        let ns = start.elapsed().as_nanos() as f64 / count as f64;
        self.0
            .entry(row)
            .or_default()
            .entry(who)
            .or_default()
            .push(ns);
    }

    fn print(&self) {
        for ((_, row), contenders) in &self.0 {
            println!("\n**{row}**\n\n| | ns an operation | time ÷ ours |\n|---|---|---|");
            let median = |samples: &Vec<f64>| {
                let mut sorted = samples.clone();
                sorted.sort_by(f64::total_cmp);
                sorted[sorted.len() / 2]
            };
            let ours = contenders.get(&OURS).map(median).unwrap_or(f64::NAN);
            for ((_, who), samples) in contenders {
                let ns = median(samples);
                println!("| {who} | {ns:.0} | {:.2} |", ns / ours);
            }
        }
    }
}

const OURS: (usize, &str) = (0, "EntiDB");
const FLOOR: (usize, &str) = (1, "the plain system call");
const PUBLISHED: (usize, &str) = (2, "published entidb_storage 2.0.0-alpha.3");
const REDB: (usize, &str) = (3, "redb's FileBackend");
const OPENDAL: (usize, &str) = (4, "OpenDAL, local");
const OBJECTS: (usize, &str) = (5, "object_store, local");
const RESERVED: (usize, &str) = (6, "EntiDB, with reserve");

fn appends(table: &mut Table, dir: &Path) {
    for (row, len, count) in [
        ((0, "append of 64 B, buffered"), 64, 200_000_u64),
        ((1, "append of 256 B, buffered"), 256, 100_000),
        ((2, "append of 4 KiB, buffered"), 4096, 10_000),
        ((3, "append of 64 KiB, buffered"), 65_536, 1000),
    ] {
        let data = vec![7_u8; len];
        let mut ours = FileBackend::open(&dir.join("ours")).unwrap();
        ours.truncate(0).unwrap();
        table.add(row, OURS, count, || {
            (0..count).for_each(|_| {
                black_box(ours.append(&data).unwrap());
            })
        });
        let floor = File::create(dir.join("floor")).unwrap();
        table.add(row, FLOOR, count, || {
            (0..count).for_each(|n| floor.write_all_at(&data, n * len as u64).unwrap())
        });
        let path = dir.join("published");
        let _ = std::fs::remove_file(&path);
        let mut theirs = published::FileBackend::open(&path).unwrap();
        table.add(row, PUBLISHED, count, || {
            (0..count).for_each(|_| {
                black_box(theirs.append(&data).unwrap());
            })
        });
        let path = dir.join("redb");
        let _ = std::fs::remove_file(&path);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        let redb = redb::backends::FileBackend::new(file).unwrap();
        redb.set_len(count * len as u64).unwrap();
        table.add(row, REDB, count, || {
            (0..count).for_each(|n| redb.write(n * len as u64, &data).unwrap())
        });
    }
}

fn flushes(table: &mut Table, dir: &Path) {
    let row = (4, "append of 256 B and flush");
    let (data, count) = ([7_u8; 256], 300_u64);
    for (who, reserve) in [(OURS, false), (RESERVED, true)] {
        let mut ours = FileBackend::open(&dir.join("ours")).unwrap();
        ours.truncate(0).unwrap();
        if reserve {
            ours.reserve(1 << 20).unwrap();
            ours.flush().unwrap();
        }
        table.add(row, who, count, || {
            for _ in 0..count {
                ours.append(&data).unwrap();
                ours.flush().unwrap();
            }
        });
        ours.close().unwrap();
    }
    let floor = File::create(dir.join("floor")).unwrap();
    table.add(row, FLOOR, count, || {
        for n in 0..count {
            floor.write_all_at(&data, n * 256).unwrap();
            floor.sync_data().unwrap();
        }
    });
    let path = dir.join("published");
    let _ = std::fs::remove_file(&path);
    let mut theirs = published::FileBackend::open(&path).unwrap();
    table.add(row, PUBLISHED, count, || {
        for _ in 0..count {
            theirs.append(&data).unwrap();
            theirs.flush().unwrap();
        }
    });
}

/// A position for read `n`, the same for everybody.
fn position(n: u64, len: usize) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (READ_FILE_LEN - len as u64)
}

/// Runs `count` reads in each of `threads` threads.
fn by_threads(threads: u64, count: u64, read: &(dyn Fn(u64) + Sync)) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (0..count).for_each(|n| read(n * threads + thread)));
        }
    });
}

fn reads(table: &mut Table, dir: &Path, runtime: &tokio::runtime::Runtime) {
    let path = dir.join("data");
    let backend = FileBackend::open(&path).unwrap();
    let reader = backend.reader().unwrap();
    let file = File::open(&path).unwrap();
    let theirs = published::FileBackend::open(&path).ok();
    let redb = redb::backends::FileBackend::new(
        File::options().read(true).write(true).open(&path).unwrap(),
    )
    .ok();
    let builder = opendal::services::Fs::default().root(dir.to_str().unwrap());
    let dal = opendal::Operator::new(builder).unwrap();
    let objects = object_store::local::LocalFileSystem::new_with_prefix(dir).unwrap();
    let name = object_store::path::Path::from("data");
    for (row, len, threads, count) in [
        (
            (5, "random read of 256 B into a buffer, 1 thread"),
            256,
            1,
            100_000_u64,
        ),
        (
            (6, "random read of 256 B into a buffer, 2 threads"),
            256,
            2,
            50_000,
        ),
        (
            (7, "random read of 4 KiB into a buffer, 1 thread"),
            4096,
            1,
            50_000,
        ),
        (
            (8, "random read of 4 KiB into a buffer, 2 threads"),
            4096,
            2,
            25_000,
        ),
    ] {
        let all = count * threads;
        table.add(row, OURS, all, || {
            by_threads(threads, count, &|n| {
                let mut buf = [0; 4096];
                reader.read_into(position(n, len), &mut buf[..len]).unwrap();
                black_box(&buf);
            });
        });
        table.add(row, FLOOR, all, || {
            by_threads(threads, count, &|n| {
                let mut buf = [0; 4096];
                file.read_exact_at(&mut buf[..len], position(n, len))
                    .unwrap();
                black_box(&buf);
            });
        });
        if let Some(theirs) = &theirs {
            table.add(row, PUBLISHED, all, || {
                by_threads(threads, count, &|n| {
                    drop(black_box(theirs.read_at(position(n, len), len).unwrap()))
                });
            });
        }
        if let Some(redb) = &redb {
            table.add(row, REDB, all, || {
                by_threads(threads, count, &|n| {
                    let mut buf = [0; 4096];
                    redb.read(position(n, len), &mut buf[..len]).unwrap();
                    black_box(&buf);
                });
            });
        }
        if threads == 1 {
            // Their calls go through a runtime; a tenth of the reads is enough.
            let few = count / 10;
            table.add(row, OPENDAL, few, || {
                runtime.block_on(async {
                    for n in 0..few {
                        let at = position(n, len);
                        black_box(
                            dal.read_with("data")
                                .range(at..at + len as u64)
                                .await
                                .unwrap(),
                        );
                    }
                });
            });
            table.add(row, OBJECTS, few, || {
                runtime.block_on(async {
                    for n in 0..few {
                        let at = position(n, len);
                        black_box(objects.get_range(&name, at..at + len as u64).await.unwrap());
                    }
                });
            });
        }
    }
}

/// Two threads read while another appends and flushes.
fn reads_beside(table: &mut Table, dir: &Path) {
    let row = (
        9,
        "random read of 256 B by 2 threads beside one that appends and flushes",
    );
    let count = 20_000;
    let path = dir.join("beside");
    std::fs::copy(dir.join("data"), &path).unwrap();
    let mut backend = FileBackend::open(&path).unwrap();
    let reader: Arc<dyn StorageReader> = backend.reader().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                backend.append(&[7; 256]).unwrap();
                backend.flush().unwrap();
            }
        });
        table.add(row, OURS, count * 2, || {
            by_threads(2, count, &|n| {
                let mut buf = [0; 256];
                reader.read_into(position(n, 256), &mut buf).unwrap();
                black_box(&buf);
            });
        });
        done.store(true, Ordering::Relaxed);
    });
    drop(backend);
    std::fs::copy(dir.join("data"), &path).unwrap();
    // It has no handle for readers: its users share it behind a lock.
    let theirs = std::sync::RwLock::new(published::FileBackend::open(&path).unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let mut theirs = theirs.write().unwrap();
                theirs.append(&[7; 256]).unwrap();
                theirs.flush().unwrap();
            }
        });
        let few = count / 20;
        table.add(row, PUBLISHED, few * 2, || {
            by_threads(2, few, &|n| {
                drop(black_box(
                    theirs
                        .read()
                        .unwrap()
                        .read_at(position(n, 256), 256)
                        .unwrap(),
                ))
            });
        });
        done.store(true, Ordering::Relaxed);
    });
}

fn encryption(table: &mut Table) {
    const LEN: usize = 64 << 10;
    const COUNT: u64 = 400;
    let data = vec![7_u8; LEN];
    let key = EncryptionKey::from_bytes(&[1; 32]).unwrap();
    let cipher = Aes256Gcm::new(&[1; 32].into());
    // Memory that the kernel has given already, so that the cipher is measured and not the page faults.
    let touched = || {
        let mut room = vec![1; COUNT as usize * LEN * 5 / 4];
        room.clear();
        room
    };
    let floor = || {
        let mut buf = data.clone();
        for n in 0..COUNT {
            let mut nonce = [0; 12];
            nonce[..8].copy_from_slice(&n.to_le_bytes());
            black_box(
                cipher
                    .encrypt_inout_detached(&nonce.into(), &[], InOutBuf::from(&mut buf[..]))
                    .unwrap(),
            );
        }
    };
    for (append, read, block_len) in [
        (
            (10, "encrypted append of 64 KiB, blocks of 4 KiB"),
            (12, "encrypted read of 64 KiB, blocks of 4 KiB"),
            4096,
        ),
        (
            (11, "encrypted append of 64 KiB, blocks of 64 KiB"),
            (13, "encrypted read of 64 KiB, blocks of 64 KiB"),
            LEN,
        ),
    ] {
        let inner = Box::new(InMemoryBackend::with_data(touched()));
        let mut ours = EncryptedBackend::with_block_size(inner, &key, block_len).unwrap();
        table.add(append, OURS, COUNT, || {
            (0..COUNT).for_each(|_| {
                black_box(ours.append(&data).unwrap());
            });
            ours.flush().unwrap();
        });
        table.add(append, (1, "AES-256-GCM over a buffer"), COUNT, floor);
        let mut plain = InMemoryBackend::with_data(touched());
        table.add(append, (2, "EntiDB, not encrypted"), COUNT, || {
            (0..COUNT).for_each(|_| {
                black_box(plain.append(&data).unwrap());
            })
        });
        let mut buf = vec![0; LEN];
        table.add(read, OURS, COUNT, || {
            (0..COUNT).for_each(|n| ours.read_into(n * LEN as u64, &mut buf).unwrap())
        });
        table.add(read, (1, "AES-256-GCM over a buffer"), COUNT, floor);
        table.add(read, (2, "EntiDB, not encrypted"), COUNT, || {
            (0..COUNT).for_each(|n| plain.read_into(n * LEN as u64, &mut buf).unwrap())
        });
    }
}

fn main() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let dir = folder.path();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    std::fs::write(dir.join("data"), vec![7_u8; READ_FILE_LEN as usize]).unwrap();
    let mut table = Table::default();
    for _ in 0..ROUNDS {
        appends(&mut table, dir);
        flushes(&mut table, dir);
        reads(&mut table, dir, &runtime);
        reads_beside(&mut table, dir);
        encryption(&mut table);
    }
    table.print();
}
