//! Commits that nobody waits for: when they are seen, when they are durable, what a crash leaves of them, and what becomes of
//! them and of their neighbours when the disk fails.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::{Content, content, id, sound};
use entidb::storage::{
    Directory, DirectoryLock, OpenMode, StorageBackend, StorageReader, StorageResult,
};
use entidb::{Database, Durability, ErrorKind, Options, Payload, Receipt, Value, WriteOptions};
use entidb_testkit::{Fault, Op, Policy, Rule, SimDisk};

/// Nothing here takes longer, or it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs `test` in a thread of its own, and fails if it does not come to an end.
fn without_hanging(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    match ended.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it hangs"),
        _ => thread.join().unwrap(),
    }
}

/// Waits until `what` holds.
fn until(mut what: impl FnMut() -> bool) {
    let start = Instant::now();
    while !what() {
        assert!(start.elapsed() < PATIENCE, "it never comes to hold");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn text(n: u64) -> Value {
    Value::from(format!("entity number {n}").as_str())
}

fn put(db: &Database, n: u64, durability: Durability) -> entidb::Result<Receipt> {
    put_value(db, n, &text(n), durability)
}

fn put_value(
    db: &Database,
    n: u64,
    value: &Value,
    durability: Durability,
) -> entidb::Result<Receipt> {
    let options = WriteOptions::new().durability(durability);
    let (_, receipt) = db.write_with(&options, |tx| tx.put("a", id(n), value))?;
    Ok(receipt)
}

fn eventual(db: &Database, n: u64) -> Receipt {
    put(db, n, Durability::Eventual).unwrap()
}

/// Without background threads, and with them.
fn quiet() -> Options {
    Options::new().seed(7)
}

fn busy() -> Options {
    Options::new().eventual_delay(Duration::from_secs(3600))
}

/// What the first `count` entities come to.
fn first(count: u64) -> Content {
    let entities = (0..count).map(|n| {
        let payload = Payload::encode(&text(n)).unwrap();
        (("a".to_owned(), id(n)), payload.as_bytes().to_vec())
    });
    entities.collect()
}

/// How many of the entities there are; they must be the first ones.
fn prefix(db: &Database) -> u64 {
    let found = content(db).unwrap();
    let count = found.len() as u64;
    assert_eq!(found, first(count), "not a prefix");
    sound(db).unwrap();
    count
}

fn after(disk: &SimDisk) -> Database {
    quiet().seed(99).open_in(disk.clone()).unwrap()
}

/// A directory whose flushes of logs, or replacements of the manifest, wait while it is shut.
#[derive(Clone)]
struct Gate {
    disk: SimDisk,
    /// Whether it is the manifest that waits.
    holds_manifest: bool,
    door: Arc<(Mutex<Door>, Condvar)>,
}

#[derive(Default)]
struct Door {
    shut: bool,
    /// How many flushes wait at it.
    waiting: usize,
}

impl Gate {
    fn new(disk: &SimDisk) -> Self {
        Self {
            disk: disk.clone(),
            holds_manifest: false,
            door: Arc::default(),
        }
    }

    fn shut(&self) {
        self.door.0.lock().unwrap().shut = true;
    }

    fn open_up(&self) {
        self.door.0.lock().unwrap().shut = false;
        self.door.1.notify_all();
    }

    fn until_somebody_waits(&self) {
        until(|| self.door.0.lock().unwrap().waiting > 0);
    }
}

impl Directory for Gate {
    fn open(&self, name: &str, mode: OpenMode) -> StorageResult<Box<dyn StorageBackend>> {
        let backend = self.disk.open(name, mode)?;
        let held = !self.holds_manifest && name.ends_with(".log");
        let door = held.then(|| Arc::clone(&self.door));
        Ok(Box::new(Gated { backend, door }))
    }

    fn open_reader(&self, name: &str) -> StorageResult<Arc<dyn StorageReader>> {
        self.disk.open_reader(name)
    }

    fn list(&self) -> StorageResult<Vec<String>> {
        self.disk.list()
    }

    fn remove(&self, name: &str) -> StorageResult<()> {
        self.disk.remove(name)
    }

    fn replace(&self, name: &str, data: &[u8]) -> StorageResult<()> {
        if self.holds_manifest {
            pass(&self.door);
        }
        self.disk.replace(name, data)
    }

    fn lock(&self, name: &str) -> StorageResult<DirectoryLock> {
        self.disk.lock(name)
    }

    fn sync(&self) -> StorageResult<()> {
        Directory::sync(&self.disk)
    }
}

/// Waits while the door is shut.
fn pass(door: &(Mutex<Door>, Condvar)) {
    let mut state = door.0.lock().unwrap();
    state.waiting += 1;
    while state.shut {
        state = door.1.wait(state).unwrap();
    }
    state.waiting -= 1;
}

struct Gated {
    backend: Box<dyn StorageBackend>,
    door: Option<Arc<(Mutex<Door>, Condvar)>>,
}

impl StorageBackend for Gated {
    fn read_at(&self, offset: u64, len: usize) -> StorageResult<Vec<u8>> {
        self.backend.read_at(offset, len)
    }

    fn append(&mut self, data: &[u8]) -> StorageResult<u64> {
        self.backend.append(data)
    }

    fn append_vectored(&mut self, parts: &[&[u8]]) -> StorageResult<u64> {
        self.backend.append_vectored(parts)
    }

    fn reserve(&mut self, additional: u64) -> StorageResult<()> {
        self.backend.reserve(additional)
    }

    fn reader(&self) -> Option<Arc<dyn StorageReader>> {
        self.backend.reader()
    }

    fn flush(&mut self) -> StorageResult<()> {
        if let Some(door) = &self.door {
            pass(door);
        }
        self.backend.flush()
    }

    fn size(&self) -> StorageResult<u64> {
        self.backend.size()
    }

    fn sync(&mut self) -> StorageResult<()> {
        self.backend.sync()
    }

    fn truncate(&mut self, new_size: u64) -> StorageResult<()> {
        self.backend.truncate(new_size)
    }

    fn close(&mut self) -> StorageResult<()> {
        self.backend.close()
    }
}

#[test]
fn an_eventual_commit_is_seen_at_once_and_durable_when_it_is_said() {
    let disk = SimDisk::new(1);
    let db = quiet().open_in(disk.clone()).unwrap();
    put(&db, 0, Durability::Sync).unwrap();
    let receipt = eventual(&db, 1);
    assert!(!receipt.durable);
    assert_eq!((db.lsn(), prefix(&db)), (receipt.lsn, 2));
    assert!(db.stats().unwrap().durable_lsn < receipt.lsn);
    assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 1);
    db.wait_durable(receipt.lsn).unwrap();
    assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 2);
    let receipt = eventual(&db, 2);
    assert_eq!(db.sync().unwrap(), receipt.lsn);
    assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 3);
    let ahead = quiet().open_in(SimDisk::new(2)).unwrap();
    let error = ahead.wait_durable(receipt.lsn).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    // A durable commit makes those before it durable.
    eventual(&db, 3);
    assert!(put(&db, 4, Durability::Sync).unwrap().durable);
    assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 5);
    assert_eq!(db.stats().unwrap().durable_lsn, db.lsn());
}

#[test]
fn closing_makes_eventual_commits_durable() {
    for options in [quiet(), busy()] {
        for closes in [true, false] {
            let disk = SimDisk::new(2);
            let db = options.clone().open_in(disk.clone()).unwrap();
            for n in 0..5 {
                eventual(&db, n);
            }
            match closes {
                true => db.close().unwrap(),
                false => drop(db),
            }
            let crashed = disk.crash(Policy::Nothing);
            let again = after(&crashed);
            assert_eq!(prefix(&again), 5);
            // Closed, there is nothing to recover.
            assert_eq!(again.stats().unwrap().sync_count, 0);
            eventual(&again, 5);
            again.close().unwrap();
            assert_eq!(prefix(&after(&crashed.crash(Policy::Nothing))), 6);
        }
    }
}

#[test]
fn a_checkpoint_makes_eventual_commits_durable() {
    for options in [quiet(), busy()] {
        let disk = SimDisk::new(2);
        let db = options.open_in(disk.clone()).unwrap();
        let mut told = db.lsn();
        for n in 0..5 {
            told = eventual(&db, n).lsn;
        }
        db.checkpoint().unwrap();
        assert_eq!(db.stats().unwrap().durable_lsn, told);
        assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 5);
        eventual(&db, 5);
        db.close().unwrap();
        assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 6);
    }
}

#[test]
fn a_crash_loses_only_a_suffix_of_eventual_commits() {
    for seed in 0..60 {
        let disk = SimDisk::new(seed).with_sector_len(64);
        let options = quiet().checkpoint_log_bytes([300, 2_000, 1 << 20][seed as usize % 3]);
        let db = options.open_in(disk.clone()).unwrap();
        let (mut acknowledged, mut state) = (0, seed);
        let count = 5 + seed % 20;
        for n in 0..count {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(seed | 1);
            match (state >> 33) % 8 {
                0 => {
                    put(&db, n, Durability::Sync).unwrap();
                    acknowledged = n + 1;
                }
                1 => {
                    let receipt = eventual(&db, n);
                    db.wait_durable(receipt.lsn).unwrap();
                    acknowledged = n + 1;
                }
                2 => {
                    eventual(&db, n);
                    db.checkpoint().unwrap();
                    acknowledged = n + 1;
                }
                _ => drop(eventual(&db, n)),
            }
        }
        let killed = prefix(&after(&disk.restart()));
        assert!((acknowledged..=count).contains(&killed));
        for policy in [
            Policy::Nothing,
            Policy::Everything,
            Policy::Junk,
            Policy::Random(seed),
        ] {
            let left = prefix(&after(&disk.crash(policy)));
            assert!(
                (acknowledged..=count).contains(&left),
                "{acknowledged} to {count}: {left}"
            );
        }
    }
}

#[test]
fn an_eventual_commit_behind_a_durable_one_is_seen_with_it() {
    without_hanging(|| {
        let disk = SimDisk::new(3);
        let gate = Gate::new(&disk);
        let db = busy().open_in(gate.clone()).unwrap();
        put(&db, 0, Durability::Sync).unwrap();
        let seen = db.lsn();
        gate.shut();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| put(&db, 1, Durability::Sync).unwrap());
            gate.until_somebody_waits();
            let behind = eventual(&db, 2);
            assert!(!behind.durable);
            assert_eq!(
                (db.lsn(), prefix(&db)),
                (seen, 1),
                "shown before it is durable"
            );
            // Conflicts are seen all the same.
            let mut late = db.begin();
            late.put("a", id(1), &text(9)).unwrap();
            let error = db.commit(late, Durability::Eventual).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            gate.open_up();
            assert!(waits.join().unwrap().durable);
            assert_eq!((db.lsn(), prefix(&db)), (behind.lsn, 3));
        });
        assert!(prefix(&after(&disk.crash(Policy::Nothing))) >= 2);
    });
}

#[test]
fn a_put_between_a_drop_and_the_end_of_its_name_is_not_lost_with_it() {
    without_hanging(|| {
        let disk = SimDisk::new(9);
        let gate = Gate {
            holds_manifest: true,
            ..Gate::new(&disk)
        };
        let db = busy().open_in(gate.clone()).unwrap();
        put(&db, 0, Durability::Sync).unwrap();
        gate.shut();
        std::thread::scope(|scope| {
            let drops = scope.spawn(|| db.drop_collection("a").unwrap());
            gate.until_somebody_waits();
            let puts = scope.spawn(|| put(&db, 1, Durability::Sync).unwrap());
            std::thread::sleep(Duration::from_millis(20));
            gate.open_up();
            assert!(drops.join().unwrap() && puts.join().unwrap().durable);
        });
        for db in [&db, &after(&disk.crash(Policy::Nothing))] {
            assert!(db.untyped("a").contains(id(1)).unwrap());
            assert_eq!(db.untyped("a").scan().count(), 1);
        }
    });
}

#[test]
fn an_eventual_commit_above_four_mebibytes_waits() {
    let disk = SimDisk::new(4);
    let db = quiet().open_in(disk.clone()).unwrap();
    let large = Value::from(vec![7_u8; 5 << 20]);
    assert!(!eventual(&db, 0).durable);
    let receipt = put_value(&db, 1, &large, Durability::Eventual).unwrap();
    assert!(receipt.durable);
    let there = after(&disk.crash(Policy::Nothing));
    assert_eq!(there.untyped("a").get(id(1)).unwrap(), Some(large));
    assert_eq!(there.untyped("a").scan().count(), 2);
}

#[test]
fn the_background_syncs_within_the_delay() {
    without_hanging(|| {
        let disk = SimDisk::new(5);
        let options = Options::new().eventual_delay(Duration::from_millis(10));
        let db = options.open_in(disk.clone()).unwrap();
        for n in 0..20 {
            let receipt = eventual(&db, n);
            until(|| db.stats().unwrap().durable_lsn >= receipt.lsn);
        }
        assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), 20);
    });
}

#[test]
fn the_delay_is_kept_beside_commits_that_make_room_and_checkpoints() {
    without_hanging(|| {
        let disk = SimDisk::new(5);
        let options = Options::new()
            .eventual_delay(Duration::from_millis(2))
            .checkpoint_log_bytes(4_000);
        let db = options.open_in(disk.clone()).unwrap();
        let filler = Value::from(vec![1_u8; 3_000]);
        for round in 0..100 {
            let mut last = eventual(&db, round).lsn;
            for _ in 0..round % 7 {
                last = put_value(&db, 1_000, &filler, Durability::Eventual)
                    .unwrap()
                    .lsn;
                std::thread::sleep(Duration::from_millis(1));
            }
            until(|| db.stats().unwrap().durable_lsn >= last);
        }
    });
}

#[test]
fn syncs_beside_refused_commits_come_to_an_end() {
    without_hanging(|| {
        let disk = SimDisk::new(6).without_reserve();
        let gate = Gate::new(&disk);
        let db = busy().reserve_bytes(0).open_in(gate.clone()).unwrap();
        put(&db, 0, Durability::Sync).unwrap();
        for n in 1..20 {
            gate.shut();
            // The write of the group fails for want of room, which a cut makes good.
            disk.fail(Rule::once(Op::Write, 0, Fault::Full));
            let before = db.lsn();
            std::thread::scope(|scope| {
                let waits = scope.spawn(|| put(&db, n, Durability::Sync));
                gate.until_somebody_waits();
                let syncs = scope.spawn(|| db.sync());
                std::thread::sleep(Duration::from_millis(2));
                gate.open_up();
                let error = waits.join().unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                assert!(syncs.join().unwrap().unwrap() >= before);
            });
            disk.heal();
            assert_eq!(prefix(&db), n);
            put(&db, n, Durability::Sync).unwrap();
        }
    });
}

#[test]
fn what_was_handed_over_before_a_group_is_not_cut_off_with_it() {
    without_hanging(|| {
        let disk = SimDisk::new(6).without_reserve();
        let gate = Gate::new(&disk);
        let db = busy().reserve_bytes(0).open_in(gate.clone()).unwrap();
        put(&db, 0, Durability::Sync).unwrap();
        gate.shut();
        let filler = Value::from(vec![1_u8; 600_000]);
        let answers = std::thread::scope(|scope| {
            let first = scope.spawn(|| put(&db, 1, Durability::Sync));
            gate.until_somebody_waits();
            // Behind it: so much that the background hands it over, and a last one.
            let second = scope.spawn(|| put_value(&db, 90, &filler, Durability::Sync));
            let third = scope.spawn(|| put_value(&db, 91, &filler, Durability::Sync));
            std::thread::sleep(Duration::from_millis(20));
            disk.fail(Rule::once(Op::Write, 1, Fault::Full));
            gate.open_up();
            [first, second, third].map(|thread| thread.join().unwrap())
        });
        disk.heal();
        drop(db);
        for disk in [disk.restart(), disk.crash(Policy::Nothing)] {
            let again = after(&disk);
            for (answer, n) in answers.iter().zip([1, 90, 91]) {
                let there = again.untyped("a").contains(id(n)).unwrap();
                match answer {
                    Ok(_) => assert!(there, "{n} was acknowledged and is lost"),
                    Err(error) if error.kind() == ErrorKind::Full => {
                        assert!(!there, "{n} was refused and is there");
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Unknown, "{error}"),
                }
            }
        }
    });
}

/// Commits until something fails. Says how many were made, how many of them are known to be durable, and the failure.
fn load(db: &Database, count: u64) -> (u64, u64, Option<ErrorKind>) {
    let mut durable = 0;
    for n in 0..count {
        let kind = match n % 5 {
            4 => Durability::Sync,
            _ => Durability::Eventual,
        };
        match put(db, n, kind) {
            Ok(receipt) if receipt.durable => durable = n + 1,
            Ok(_) => {}
            Err(error) => return (n, durable, Some(error.kind())),
        }
        if n % 7 == 6 {
            match db.sync() {
                Ok(_) => durable = n + 1,
                Err(error) => return (n + 1, durable, Some(error.kind())),
            }
        }
    }
    (count, durable, None)
}

#[test]
fn failures_under_eventual_load_lose_nothing_that_was_durable_and_hang_nobody() {
    let faults = [
        (Op::Append, Fault::Io),
        (Op::Append, Fault::Full),
        (Op::Append, Fault::Short),
        (Op::Append, Fault::ShortStuck),
        (Op::Write, Fault::Io),
        (Op::Write, Fault::Full),
        (Op::Flush, Fault::Io),
        (Op::Flush, Fault::Full),
        (Op::Flush, Fault::Revert),
        (Op::Sync, Fault::Io),
        (Op::Replace, Fault::Io),
        (Op::Replace, Fault::Full),
        (Op::Create, Fault::Full),
        (Op::Create, Fault::Io),
    ];
    without_hanging(move || {
        let mut met = 0;
        for (op, fault) in faults {
            for (nth, forever) in (0..8).flat_map(|nth| [(nth, false), (nth, true)]) {
                for background in [false, true] {
                    let options = match background {
                        true => Options::new().eventual_delay(Duration::from_millis(1)),
                        false => quiet(),
                    };
                    let disk = SimDisk::new(nth);
                    let db = options
                        .checkpoint_log_bytes(700)
                        .reserve_bytes(0)
                        .open_in(disk.opened_again())
                        .unwrap();
                    let rule = Rule::once(op, nth, fault);
                    disk.fail(if forever { rule.forever() } else { rule });
                    let (mut made, mut durable, failure) = load(&db, 40);
                    met += disk.faults_met().min(1);
                    let said = format!("{op:?} {nth} {fault:?} {forever} {background}");
                    // Seen is what was committed, whatever has failed; one more if its fate is unknown.
                    let seen = prefix(&db);
                    assert!((durable..=made + 1).contains(&seen), "{said}: {seen}");
                    match failure {
                        None => assert_eq!(seen, made, "{said}"),
                        Some(ErrorKind::Full | ErrorKind::Io) => {
                            disk.heal();
                            // Not kept, and the next one may be.
                            if let Ok(receipt) = put(&db, made, Durability::Sync) {
                                assert!(receipt.durable);
                                made += 1;
                                durable = made;
                            }
                        }
                        Some(ErrorKind::Unknown | ErrorKind::Poisoned) => {
                            disk.heal();
                            let error = put(&db, made, Durability::Eventual).unwrap_err();
                            assert_eq!(error.kind(), ErrorKind::Poisoned, "{said}");
                            let error = db.checkpoint().unwrap_err();
                            assert_eq!(error.kind(), ErrorKind::Poisoned, "{said}");
                        }
                        Some(other) => panic!("{said}: {other:?}"),
                    }
                    disk.heal();
                    let mut disks = vec![disk.restart()];
                    for policy in [Policy::Nothing, Policy::Everything, Policy::Random(nth)] {
                        disks.push(disk.crash(policy));
                    }
                    let closed = db.close();
                    disks.push(disk.clone());
                    for (at, disk) in disks.iter().enumerate() {
                        let left = prefix(&after(disk));
                        assert!(
                            (durable..=made + 1).contains(&left),
                            "{said}: {durable} durable, {made} made, {left} there on disk {at}"
                        );
                        if closed.is_ok() && at + 1 == disks.len() {
                            assert_eq!(left, made, "{said}, closed");
                        }
                    }
                }
            }
        }
        println!("{met} failures met");
        assert!(met > 200);
    });
}

#[test]
fn a_full_disk_that_is_healed_lets_commits_go_on() {
    without_hanging(|| {
        for room in (0..40).map(|n| n * 700) {
            for reserves in [true, false] {
                let disk = SimDisk::new(room);
                let disk = match reserves {
                    true => disk,
                    false => disk.without_reserve(),
                };
                let options = Options::new()
                    .eventual_delay(Duration::from_millis(1))
                    .checkpoint_log_bytes(2_000)
                    .reserve_bytes(0);
                disk.set_capacity(Some(2_000 + room));
                let db = options.open_in(disk.clone()).unwrap();
                put(&db, 0, Durability::Sync).unwrap();
                let mut n = 1;
                let mut failure = None;
                while failure.is_none() && n < 500 {
                    match put(&db, n, Durability::Sync) {
                        Ok(_) => n += 1,
                        Err(error) => failure = Some(error.kind()),
                    }
                }
                assert_eq!(failure, Some(ErrorKind::Full), "room {room}, after {n}");
                disk.set_capacity(None);
                // The background tries again by and by.
                until(|| match put(&db, n, Durability::Sync) {
                    Ok(_) => true,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Full, "room {room}: {error}");
                        false
                    }
                });
                n += 1;
                for _ in 0..60 {
                    // Until the background has tried again, its failure may still be the answer.
                    until(|| match put(&db, n, Durability::Eventual) {
                        Ok(_) => true,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Full, "room {room}: {error}");
                            false
                        }
                    });
                    n += 1;
                }
                db.checkpoint().unwrap();
                until(|| db.stats().unwrap().background_failure.is_none());
                assert_eq!(prefix(&db), n);
                assert_eq!(prefix(&after(&disk.crash(Policy::Nothing))), n);
            }
        }
    });
}

#[test]
fn what_keeps_the_next_log_from_being_made_is_told_and_made_good() {
    without_hanging(|| {
        let disk = SimDisk::new(8);
        let options = busy().checkpoint_log_bytes(2_000).reserve_bytes(0);
        let db = options.open_in(disk.clone()).unwrap();
        put(&db, 0, Durability::Sync).unwrap();
        disk.fail(Rule::once(Op::Create, 0, Fault::Full).forever());
        // Up to twice the log's bound, commits go on; then they are told.
        let mut n = 1;
        until(|| {
            n += 1;
            match put(&db, n, Durability::Sync) {
                Ok(_) => false,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Full);
                    true
                }
            }
        });
        assert!(db.stats().unwrap().background_failure.is_some());
        assert!(n > 10 && n < 100, "{n}");
        std::thread::sleep(Duration::from_millis(30));
        assert!(
            db.stats().unwrap().background_failure.is_some(),
            "forgotten"
        );
        disk.heal();
        until(|| put(&db, n, Durability::Sync).is_ok());
        for n in 200..300 {
            put(&db, n, Durability::Sync).unwrap();
        }
        until(|| {
            let stats = db.stats().unwrap();
            stats.checkpoint_count > 1 && stats.background_failure.is_none()
        });
        // And no stream was left behind.
        let names = disk.list().unwrap();
        assert!(names.len() < 30, "{names:?}");
    });
}
