//! A simulated disk that yields every legal state after a crash: for any store on the storage contract.
//!
//! [`SimDisk`] is an [`entidb_storage::Directory`], and hands out streams that are
//! [`entidb_storage::StorageBackend`]s. It keeps what the running process sees beside what is durable, and can say at any
//! moment what a power cut, or the death of the process, may leave of the difference. [`CrashTest`] runs a store on it and
//! looks at all of that, before and inside every operation. Everything is a function of one seed.
//!
//! # Your own store in ten lines
//!
//! A log of numbers, one acknowledged after each flush:
//!
//! ```
//! use entidb_testkit::CrashTest;
//!
//! let report = CrashTest::new(42)
//!     .workload(|disk| {
//!         let mut log = disk.stream("log")?;
//!         for number in 1..=5_u64 {
//!             log.append(&number.to_le_bytes())?;
//!             log.flush()?; // Put this behind the next line, and the test fails.
//!             disk.acknowledge();
//!         }
//!         Ok(())
//!     })
//!     .check(|disk, acknowledged| {
//!         let log = disk.stream("log")?;
//!         for number in 1..=acknowledged {
//!             let bytes = log.read_at((number - 1) * 8, 8)?;
//!             if bytes != number.to_le_bytes() {
//!                 return Err(format!("number {number} was lost").into());
//!             }
//!         }
//!         Ok(())
//!     })
//!     .run()?;
//! println!("{report}");
//! assert!(report.exhaustive);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A failure prints the operations, the moment of the crash, what it left of each stream, and the seed. A store that
//! recovers gets crashes inside of that, too: [`CrashTest::recover`] and [`CrashTest::depth`].
//!
//! # What is modelled
//!
//! | | |
//! |---|---|
//! | unsynced bytes | each piece of a sector is new, zeros or junk, whatever became of the others; torn inside it |
//! | length | any between the durable one and the present one, with bytes that were never written, or with the zeros of reserved space |
//! | names | made, removed and replaced ones, each there or not until its sync, whatever became of the others |
//! | a cut | done or not until it is synced |
//! | death of the process | what it had not handed over is gone, or in part; the rest is read, though not durable ([`SimDisk::restart`]) |
//! | a failed sync | its bytes read well, and the next sync succeeds without writing them (ext4, xfs), or they turn to zeros (btrfs): [`Fault`] |
//! | failing operations | the nth of a kind, or of all, once or for ever; short writes; a disk that fills up and is freed again: [`Rule`], [`SimDisk::set_capacity`] |
//! | damage at rest | flipped bits, zeroed, random, misdirected and stale sectors; cut, rolled back and missing streams: [`Damage`] |
//! | disks that lie | to test your test: [`Mutant`] |
//!
//! # What is not modelled
//!
//! [`NOT_MODELLED`] has the list, and each [`Report`] with it: among others no threads, no metadata, and of the values that a
//! lost sector may have only three. States are exhaustive where [`Report::exhaustive`] says so; else the extreme ones of each
//! moment and a seeded sample.
//!
//! # Traces
//!
//! [`SimDisk::trace`] is the list of operations as text, `append log 57 · flush log · …`; [`golden`] holds a test to it, so
//! that a missing or reordered sync is a visible difference.

mod crash;
mod crash_test;
mod damage;
mod disk;
mod fault;
mod golden;
mod mutant;
mod rng;

pub use crash::{CrashState, CrashStates, Policy};
pub use crash_test::{CrashTest, Failure, NOT_MODELLED, Report, Verdict};
pub use damage::Damage;
pub use disk::SimDisk;
pub use fault::{Fault, Op, Rule};
pub use golden::{UPDATE_VARIABLE, golden};
pub use mutant::Mutant;

/// The storage contract that the simulated disk keeps.
pub use entidb_storage as storage;
