//! A follower beside threads that write: how far behind it is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use entidb::{Changes, Durability, EntityId, Options};

use crate::args::Args;
use crate::writers::{self, Written, place};

/// What was measured while threads wrote.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    /// Commits a second when nobody follows.
    pub alone: f64,
    /// Commits a second beside the follower.
    pub beside: f64,
    /// What the follower got a second, until it had all.
    pub followed: f64,
    /// From the acknowledgement of a commit to its being delivered: the half, 99 of 100, and the longest.
    pub lag: [Duration; 3],
    /// How many of 100 commits were delivered before their thread went on.
    pub before: f64,
}

/// When a commit came.
type Delivery = (EntityId, Duration);

pub fn measure(args: &Args, durability: Durability) -> Live {
    let count = AtomicU64::new(0);
    let dir = tempfile::tempdir_in(&args.dir).expect("a folder can be made");
    let db = Options::new().open(dir.path().join("alone")).unwrap();
    let alone = writers::write(&db, durability, Instant::now(), args.time, &count).rate();
    db.close().unwrap();

    let db = Options::new().open(dir.path().join("beside")).unwrap();
    let (count, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let changes = db.changes(db.lsn()).unwrap();
    let begin = Instant::now();
    let (written, (deliveries, end)) = std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(changes, begin, &count, &done));
        let written = writers::write(&db, durability, begin, args.time, &count);
        done.store(true, Ordering::Release);
        (written, follower.join().unwrap())
    });
    assert_eq!(
        deliveries.len(),
        written.count(),
        "each commit comes exactly once"
    );
    let (lag, before) = lag(&written, &deliveries);
    db.close().unwrap();
    Live {
        alone,
        beside: written.rate(),
        followed: deliveries.len() as f64 / end.as_secs_f64(),
        lag,
        before,
    }
}

/// Follows until it has everything.
fn follow(
    mut changes: Changes,
    begin: Instant,
    count: &AtomicU64,
    done: &AtomicBool,
) -> (Vec<Delivery>, Duration) {
    let mut deliveries = Vec::new();
    loop {
        let all = done.load(Ordering::Acquire);
        if all && deliveries.len() as u64 >= count.load(Ordering::Relaxed) {
            return (deliveries, begin.elapsed());
        }
        if let Some(commit) = changes.next_timeout(Duration::from_millis(50)).unwrap() {
            let now = begin.elapsed();
            deliveries.extend(commit.changes.iter().map(|change| (change.id, now)));
        }
    }
}

/// The lags, and how many of 100 were none.
fn lag(written: &Written, deliveries: &[Delivery]) -> ([Duration; 3], f64) {
    let lag = |(id, delivered): &Delivery| {
        let (thread, n) = place(*id);
        delivered.checked_sub(written.acknowledged[thread][n])
    };
    let lags: Vec<_> = deliveries.iter().map(lag).collect();
    let before = lags.iter().filter(|lag| lag.is_none()).count();
    let mut lags: Vec<_> = lags.into_iter().map(Option::unwrap_or_default).collect();
    lags.sort_unstable();
    let at = |part: usize| lags[(lags.len() * part / 100).min(lags.len() - 1)];
    let before = before as f64 * 100.0 / lags.len() as f64;
    ([at(50), at(99), at(100)], before)
}
