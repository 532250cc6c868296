//! The contract's classical use: a write-ahead log on the bare trait, cut after each checkpoint, under every crash.
//!
//! `cargo run -p entidb_testkit --example write_ahead_log`

#![allow(clippy::print_stdout, reason = "a program says what it found")]

use std::error::Error;

use entidb_testkit::storage::{StorageBackend, StorageResult};
use entidb_testkit::{CrashTest, SimDisk};

/// A sum that numbers are added to. Each addition is in the log before it counts; a checkpoint writes the sum.
struct Sum {
    log: Box<dyn StorageBackend>,
    checkpoints: Box<dyn StorageBackend>,
    /// How many numbers were added.
    count: u64,
    sum: u64,
}

/// A count, a number and a check of both. Records stand at multiples of this length in both streams.
const RECORD_LEN: usize = 24;

fn encode(count: u64, number: u64) -> Vec<u8> {
    [count, number, check(count, number)]
        .map(u64::to_le_bytes)
        .concat()
}

fn check(count: u64, number: u64) -> u64 {
    (count.rotate_left(32) ^ number ^ 0x5eed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The records that are whole, wherever they stand: a crash, or a failed sync, may leave a hole before the last one.
fn records(stream: &dyn StorageBackend) -> StorageResult<Vec<(u64, u64)>> {
    let len = usize::try_from(stream.size()?).unwrap_or(usize::MAX);
    let bytes = stream.read_at(0, len)?;
    let (records, _) = bytes.as_chunks::<RECORD_LEN>();
    let field = |record: &[u8; RECORD_LEN], at: usize| {
        let field = record.get(at * 8..).and_then(|rest| rest.first_chunk());
        field.copied().map_or(0, u64::from_le_bytes)
    };
    Ok(records
        .iter()
        .map(|record| [field(record, 0), field(record, 1), field(record, 2)])
        .filter(|[count, number, sealed]| *sealed == check(*count, *number))
        .map(|[count, number, _]| (count, number))
        .collect())
}

impl Sum {
    fn open(disk: &SimDisk) -> StorageResult<Self> {
        let (log, checkpoints) = (disk.stream("log")?, disk.stream("checkpoints")?);
        let last = records(&*checkpoints)?.into_iter().max();
        let (mut count, mut sum) = last.unwrap_or((0, 0));
        for (number_of, number) in records(&*log)? {
            // What the checkpoint has in it already may be in the log yet.
            if number_of == count + 1 {
                (count, sum) = (number_of, sum + number);
            }
        }
        let mut this = Self {
            log,
            checkpoints,
            count,
            sum,
        };
        // ORDER: what was read may be in the page cache alone, and a sync of it may do nothing: it is written anew before
        // anybody sees it.
        this.checkpoint()?;
        Ok(this)
    }

    fn add(&mut self, number: u64) -> StorageResult<()> {
        self.log.append(&encode(self.count + 1, number))?;
        self.log.flush()?;
        self.count += 1;
        self.sum += number;
        Ok(())
    }

    fn checkpoint(&mut self) -> StorageResult<()> {
        let size = self.checkpoints.size()?;
        let gap = size.next_multiple_of(RECORD_LEN as u64) - size;
        let padding = vec![0; usize::try_from(gap).unwrap_or(0)];
        self.checkpoints.append(&padding)?;
        self.checkpoints.append(&encode(self.count, self.sum))?;
        // ORDER: the checkpoint is durable before the log that it stands for is cut.
        self.checkpoints.flush()?;
        self.log.truncate(0)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let report = CrashTest::new(7)
        .depth(3)
        .workload(|disk| {
            let mut sum = Sum::open(disk)?;
            for number in 1..=5 {
                sum.add(number)?;
                disk.acknowledge();
                if number % 2 == 0 {
                    sum.checkpoint()?;
                }
            }
            Ok(())
        })
        .recover(|disk| {
            let shown = Sum::open(disk)?.count;
            disk.acknowledge_to(shown);
            Ok(())
        })
        .check(|disk, acknowledged| {
            let sum = Sum::open(disk)?;
            if sum.count < acknowledged || sum.count > acknowledged + 1 {
                return Err(format!("{} of {acknowledged} are there", sum.count).into());
            }
            if sum.sum != sum.count * (sum.count + 1) / 2 {
                return Err(format!("{} is the sum of the first {}", sum.sum, sum.count).into());
            }
            Ok(())
        })
        .run()?;
    println!("{report}");
    println!("not modelled:");
    for what in report.not_modelled() {
        println!("- {what}");
    }
    Ok(())
}
