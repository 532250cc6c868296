//! How fast the change feed is: commits beside it, and what a follower gets.
//!
//! `cargo run --release -p entidb --example feed_speed [SECONDS]`

#![expect(clippy::print_stdout, reason = "an example says what it has done")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use entidb::{Changes, Database, EntityId, Lsn, Options, Retention, Value};

const THREADS: u64 = 16;

fn main() -> entidb::Result<()> {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok());
    let time = Duration::from_secs(seconds.unwrap_or(2));
    println!("{THREADS} threads, each commit durable, one entity of 100 bytes:");
    let retention = Retention::bytes(u64::MAX);
    let old = Retention {
        old: true,
        ..retention
    };
    let ways = [
        ("nobody follows, nothing is kept", None, false),
        ("all is kept", Some(retention), false),
        ("all is kept, and what was before", Some(old), false),
        ("somebody follows", None, true),
    ];
    for (way, retention, followed) in ways {
        let folder = std::env::temp_dir().join(format!("entidb-feed-{}", std::process::id()));
        let options = Options::new();
        let options = match retention {
            Some(retention) => options.retention(retention),
            None => options,
        };
        let db = options.open(&folder)?;
        let changes = match followed {
            true => Some(db.changes(db.lsn())?),
            false => None,
        };
        let (commits, lag) = commit(&db, changes, time)?;
        println!("  {way}: {commits:.0} commits a second{lag}");
        if retention.is_some() {
            catch_up(&db)?;
        }
        db.close()?;
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(())
}

/// Commits for a while. Says how many a second, and how far a follower is behind.
fn commit(
    db: &Database,
    changes: Option<Changes>,
    time: Duration,
) -> entidb::Result<(f64, String)> {
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    let value = Value::from("x".repeat(100).as_str());
    thread::scope(|scope| {
        let follower = changes.map(|changes| {
            let (stop, count) = (&stop, &count);
            scope.spawn(move || follow(changes, stop, count))
        });
        let start = Instant::now();
        let writers: Vec<_> = (0..THREADS)
            .map(|_| {
                let (stop, count, value) = (&stop, &count, &value);
                scope.spawn(move || -> entidb::Result<()> {
                    while !stop.load(Ordering::Relaxed) {
                        db.untyped("a").put(EntityId::new(), value)?;
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
        for writer in writers {
            writer
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        let rate = count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
        let lag = match follower.map(|follower| follower.join()) {
            Some(Ok(lag)) => lag?,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => String::new(),
        };
        Ok((rate, lag))
    })
}

/// Follows until it has everything; notes how old each commit was when it came.
fn follow(mut changes: Changes, stop: &AtomicBool, count: &AtomicU64) -> entidb::Result<String> {
    let mut lags = Vec::new();
    while !stop.load(Ordering::Relaxed) || (lags.len() as u64) < count.load(Ordering::Relaxed) {
        if let Some(commit) = changes.next_timeout(Duration::from_millis(50))? {
            lags.push(
                SystemTime::now()
                    .duration_since(commit.time)
                    .unwrap_or_default(),
            );
        }
    }
    lags.sort_unstable();
    let at = |part: usize| {
        lags.get(lags.len() * part / 1000)
            .copied()
            .unwrap_or_default()
    };
    Ok(format!(
        "; the follower had each {:?} after it was sealed (median), {:?} (99 %), its sync included",
        at(500),
        at(990)
    ))
}

/// Reads everything from the first commit on.
fn catch_up(db: &Database) -> entidb::Result<()> {
    let start = Instant::now();
    let mut changes = db.changes(Lsn::ZERO)?;
    let mut count = 0_u64;
    while changes.try_next()?.is_some() {
        count += 1;
    }
    let rate = count as f64 / start.elapsed().as_secs_f64();
    println!(
        "    a follower from the first commit on: {rate:.0} commits a second, {count} of them"
    );
    Ok(())
}
