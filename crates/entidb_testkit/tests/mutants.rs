//! Each disk that lies is caught, by a toy store and by the engine.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use common::{History, Step, delete, one, put};
use entidb_testkit::storage::Directory;
use entidb_testkit::{CrashTest, Mutant, SimDisk, Verdict};

/// Four records of two appends each.
fn write(disk: &SimDisk, early: bool) -> Verdict {
    let mut log = disk.stream("log")?;
    for record in 0..4_u8 {
        log.append(&[1])?;
        log.append(&[record + 10])?;
        if early {
            disk.acknowledge();
        }
        log.flush()?;
        if !early {
            disk.acknowledge();
        }
    }
    Ok(())
}

fn check(disk: &SimDisk, acknowledged: u64) -> Verdict {
    let log = disk.stream("log")?;
    for record in 0..acknowledged {
        let bytes = log.read_at(record * 2, 2)?;
        if bytes != [1, record as u8 + 10] {
            return Err(format!("record {record} is {bytes:?}").into());
        }
    }
    Ok(())
}

fn toy(disk: SimDisk) -> CrashTest<'static> {
    CrashTest::new(1)
        .disk(disk)
        .workload(|disk| write(disk, false))
        .check(check)
}

#[test]
fn the_toy_store_is_right_on_a_disk_that_is() {
    let report = toy(SimDisk::new(1)).run().unwrap();
    assert!(report.exhaustive && report.explored > 50, "{report}");
}

#[test]
fn a_sync_that_lies_is_caught() {
    for mutant in [
        Mutant::LyingSync,
        Mutant::SyncDropsSize,
        Mutant::ReorderAcrossSync,
        Mutant::NameNotSynced,
    ] {
        let failure = toy(SimDisk::new(1).with_mutant(mutant)).run().unwrap_err();
        assert!(failure.acknowledged > 0, "{mutant:?}: {failure}");
    }
}

#[test]
fn an_acknowledgement_before_the_flush_is_caught() {
    let test = CrashTest::new(1)
        .workload(|disk| write(disk, true))
        .check(check);
    assert!(test.run().is_err());
}

/// The contract's classical use: a log that is cut after each checkpoint. A record is a number, the checkpoint its sum.
fn sums(disk: &SimDisk) -> Verdict {
    let mut log = disk.stream("log")?;
    for number in 1..=6_u8 {
        log.append(&[number])?;
        log.flush()?;
        disk.acknowledge();
        if number % 2 == 0 {
            disk.replace("sum", &[number])?;
            log.truncate(0)?;
        }
    }
    Ok(())
}

/// The checkpoint, and behind it the numbers that follow it: those before it are old, and no harm; a later one without the
/// one before it is a loss.
fn check_sums(disk: &SimDisk, acknowledged: u64) -> Verdict {
    let mut last = match disk.open_reader("sum") {
        Ok(reader) => reader.read_at(0, 1)?[0],
        Err(error) if error.is_not_found() => 0,
        Err(error) => return Err(error.into()),
    };
    let log = disk.stream("log")?;
    let size = usize::try_from(log.size()?)?;
    let bytes = log.read_at(0, size)?;
    if bytes
        .first()
        .is_some_and(|first| *first <= last && bytes.len() > 2)
    {
        return Err("cut records are there again".into());
    }
    for byte in bytes {
        last += u8::from(byte == last + 1);
    }
    if u64::from(last) < acknowledged {
        return Err(format!("{last} is the last of {acknowledged}").into());
    }
    Ok(())
}

#[test]
fn a_log_that_is_cut_after_each_checkpoint_is_right_and_its_lying_disks_are_caught() {
    let test = |disk| {
        CrashTest::new(3)
            .disk(disk)
            .workload(sums)
            .check(check_sums)
            .run()
    };
    let report = test(SimDisk::new(3)).unwrap();
    assert!(report.exhaustive, "{report}");
    for mutant in Mutant::ALL {
        let caught = test(SimDisk::new(3).with_mutant(mutant));
        let weaker = matches!(mutant, Mutant::ReorderAcrossSync | Mutant::CutNotSynced);
        assert!(caught.is_err() || weaker, "{mutant:?} was not caught");
    }
}

#[test]
fn a_cut_that_is_not_synced_is_caught() {
    let test = |disk| {
        CrashTest::new(4)
            .disk(disk)
            .workload(|disk| {
                let mut log = disk.stream("log")?;
                log.append(b"old")?;
                log.flush()?;
                log.truncate(0)?;
                disk.acknowledge();
                Ok(())
            })
            .check(|disk, acknowledged| {
                if acknowledged > 0 && disk.stream("log")?.size()? > 0 {
                    return Err("what was cut is there again".into());
                }
                Ok(())
            })
            .run()
    };
    assert!(test(SimDisk::new(4)).is_ok());
    assert!(test(SimDisk::new(4).with_mutant(Mutant::CutNotSynced)).is_err());
}

#[test]
fn the_engine_is_caught_on_every_disk_that_lies() {
    let history = History::new(
        1,
        vec![
            one(put("a", 1, "first")),
            Step::Commit(vec![put("b", 1, "second"), delete("a", 1)]),
            Step::Checkpoint,
            one(put("a", 3, "third")),
        ],
    );
    for mutant in [
        Mutant::LyingSync,
        Mutant::SyncDropsSize,
        Mutant::ReorderAcrossSync,
        Mutant::NameNotSynced,
        Mutant::ReplaceNotSynced,
    ] {
        let disk = SimDisk::new(1).with_mutant(mutant);
        let caught = history.test().disk(disk).states_per_point(200).run();
        assert!(caught.is_err(), "{mutant:?} was not caught");
    }
}
