//! How fast reads are: `cargo run --release -p entidb --example read_speed -- FOLDER [ENTITIES] [CACHE_MIB]`.
//! The variable ROWS, if it is set, chooses rows by a part of their names.
//!
//! Loads entities of 150 to 650 bytes into FOLDER, by ids in order (as UUIDv7) and by random ids, if they are not there yet.
//! Then it reads, and prints operations a second; a value counts as read when a byte of each of its cache lines was read.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a program that measures: it prints, and a failure ends it"
)]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use entidb::{Database, EntityId, Options, Payload, Untyped};

const COLLECTION: &str = "entities";
const BATCH_COUNT: usize = 1000;
const RANGE_COUNT: usize = 100;
/// Each figure is the median of so many.
const ROUNDS: usize = 3;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn id_of(index: usize, ordered: bool) -> [u8; 16] {
    let mut random = Random(index as u64 ^ 0x1234_5678_0000);
    let mut id = [0; 16];
    id[..8].copy_from_slice(&random.next().to_be_bytes());
    id[8..].copy_from_slice(&random.next().to_be_bytes());
    if ordered {
        // Four a millisecond, with a counter behind the time.
        let time = 1_760_000_000_000 + index as u64 / 4;
        id[..6].copy_from_slice(&time.to_be_bytes()[2..]);
        id[6] = 0x70 | (index as u8 & 3);
    } else {
        id[6] = 0x40 | (id[6] & 0x0f);
    }
    id[8] = 0x80 | (id[8] & 0x3f);
    id[15] &= 0xfe;
    id
}

fn payload_of(index: usize) -> Payload {
    let mut random = Random(index as u64);
    let len = 147 + (random.next() % 501) as usize;
    let mut bytes = Vec::with_capacity(len + 8);
    if len < 256 {
        bytes.extend_from_slice(&[0x58, len as u8]);
    } else {
        bytes.push(0x59);
        bytes.extend_from_slice(&(len as u16).to_be_bytes());
    }
    while bytes.len() < len {
        bytes.extend_from_slice(&random.next().to_le_bytes());
    }
    let head = if len < 256 { 2 } else { 3 };
    bytes.resize(head + len, 0);
    Payload::from_canonical(bytes).unwrap()
}

fn load(folder: &Path, ids: &[[u8; 16]]) {
    if folder.exists() {
        return;
    }
    let db = Database::open(folder).unwrap();
    let start = Instant::now();
    let mut index = 0;
    for batch in ids.chunks(BATCH_COUNT) {
        db.write(|tx| {
            for (at, id) in batch.iter().enumerate() {
                tx.put_payload(
                    COLLECTION,
                    EntityId::from_bytes(*id),
                    &payload_of(index + at),
                )?;
            }
            Ok(())
        })
        .unwrap();
        index += batch.len();
    }
    db.checkpoint().unwrap();
    db.close().unwrap();
    println!("loaded in {:.1} s", start.elapsed().as_secs_f64());
}

fn touch(bytes: &[u8]) -> u64 {
    let lines = bytes.iter().step_by(64).map(|byte| u64::from(*byte));
    lines.sum::<u64>() + u64::from(*bytes.last().unwrap())
}

/// Processor time of this process, in seconds, where /proc tells it: on a shared machine it says more than the clock.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    ticks.filter_map(|t| t.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Prints the median time of an operation, if the row is asked for.
fn measure(name: &str, count: usize, mut work: impl FnMut()) {
    let wanted = std::env::var("ROWS").unwrap_or_default();
    if !name.contains(&wanted) {
        return;
    }
    let mut times: Vec<(f64, f64)> = (0..ROUNDS)
        .map(|_| {
            let (start, cpu) = (Instant::now(), cpu_seconds());
            work();
            let each = 1e9 / count as f64;
            (
                (cpu_seconds() - cpu) * each,
                start.elapsed().as_secs_f64() * each,
            )
        })
        .collect();
    times.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (cpu, wall) = times[ROUNDS / 2];
    println!(
        "{name:24} {:9.1} k/s {wall:8.0} ns, {cpu:8.0} ns of processor",
        1e6 / wall
    );
}

fn in_threads(count: usize, work: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..count {
            let work = &work;
            scope.spawn(move || work(thread));
        }
    });
}

fn gets(entities: &Untyped, ids: &[[u8; 16]], seed: u64, count: usize, absent: bool) {
    let mut random = Random(seed);
    for _ in 0..count {
        let mut id = ids[(random.next() % ids.len() as u64) as usize];
        id[15] |= u8::from(absent);
        let found = entities.get_payload(EntityId::from_bytes(id)).unwrap();
        assert_eq!(found.is_none(), absent);
        if let Some(payload) = found {
            black_box(touch(payload.as_bytes()));
        }
    }
}

fn read(folder: &Path, ids: &[[u8; 16]], cache_mib: u64) {
    let start = Instant::now();
    let db = Options::new()
        .cache_bytes(cache_mib << 20)
        .open(folder)
        .unwrap();
    println!("opened in {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let entities = db.untyped(COLLECTION);
    let count = ids.len();
    let scan = || {
        let mut found = 0;
        for entity in entities.scan() {
            let (id, payload) = entity.unwrap();
            black_box((id, touch(payload.as_bytes())));
            found += 1;
        }
        assert_eq!(found, count);
    };
    let start = Instant::now();
    scan();
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!("{:24} {:9.1} k/s", "first scan", rate / 1000.0);
    measure("scan", count, scan);
    measure("scan, descending", count, || {
        for entity in entities.scan().reverse() {
            black_box(touch(entity.unwrap().1.as_bytes()));
        }
    });
    measure("count", count, || {
        assert_eq!(entities.count().unwrap(), count as u64)
    });
    let ranges = count / 20;
    measure("ranges of 100", ranges, || {
        let mut random = Random(7);
        for _ in 0..ranges {
            let id = ids[(random.next() % ids.len() as u64) as usize];
            for entity in entities.range(EntityId::from_bytes(id)..).take(RANGE_COUNT) {
                let (id, payload) = entity.unwrap();
                black_box((id, touch(payload.as_bytes())));
            }
        }
    });
    measure("get, 1 thread", count, || {
        gets(&entities, ids, 2, count, false)
    });
    measure("get, 2 threads", count * 2, || {
        in_threads(2, |thread| {
            gets(&entities, ids, 3 + thread as u64, count, false)
        });
    });
    measure("get, absent", count, || {
        gets(&entities, ids, 2, count, true)
    });
    measure("get, absent, 2 threads", count * 2, || {
        in_threads(2, |thread| {
            gets(&entities, ids, 3 + thread as u64, count, true)
        });
    });
    measure("get_many of 100", count, || {
        let mut random = Random(11);
        for _ in 0..count / 100 {
            let some: Vec<_> = (0..100)
                .map(|_| EntityId::from_bytes(ids[(random.next() % count as u64) as usize]))
                .collect();
            for payload in entities.get_many(&some).unwrap() {
                black_box(touch(payload.unwrap().as_bytes()));
            }
        }
    });
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap();
    let count = args.next().map_or(1_000_000, |text| text.parse().unwrap());
    let cache_mib = args.next().map_or(1024, |text| text.parse().unwrap());
    for ordered in [true, false] {
        println!(
            "\n{}",
            if ordered {
                "ids in order"
            } else {
                "random ids"
            }
        );
        let ids: Vec<_> = (0..count).map(|index| id_of(index, ordered)).collect();
        let folder = Path::new(&folder).join(if ordered { "ordered" } else { "random" });
        load(&folder, &ids);
        read(&folder, &ids, cache_mib);
    }
}
