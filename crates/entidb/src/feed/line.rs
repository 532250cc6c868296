//! The keep-line: below which commit nothing is kept for followers any more. A pure function.

use crate::ids::Lsn;
use crate::retention::Retention;

/// A log that nothing is appended to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) last: Lsn,
    pub(crate) bytes: u64,
    /// When its last commit was made, in microseconds since 1970; `None` if that is not known, or does not matter.
    pub(crate) time_us: Option<u64>,
}

/// The line, at or above `floor`. `logs` come the oldest first; behind them are `open_bytes` that may still grow.
/// `slowest` is the position of the slowest who follows.
pub(crate) fn line(
    floor: Lsn,
    logs: &[Kept],
    open_bytes: u64,
    retention: &Retention,
    slowest: Option<Lsn>,
    now_us: u64,
) -> Lsn {
    let youngest_us = retention.age_us().map(|age| now_us.saturating_sub(age));
    let mut behind = open_bytes;
    for log in logs.iter().rev() {
        let is_old = youngest_us
            .zip(log.time_us)
            .is_some_and(|(youngest, time)| time < youngest);
        let is_superfluous = behind >= retention.bytes || is_old;
        let is_read = slowest.is_none_or(|slowest| log.last <= slowest);
        if is_superfluous && (is_read || behind >= retention.consumer_bytes) {
            return log.last.max(floor);
        }
        behind = behind.saturating_add(log.bytes);
    }
    floor
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Logs of 100 bytes, their last commits 10, 20, … made at that microsecond.
    fn logs(count: u64) -> Vec<Kept> {
        let kept = |n: u64| Kept {
            last: Lsn(10 * n),
            bytes: 100,
            time_us: Some(10 * n),
        };
        (1..=count).map(kept).collect()
    }

    fn at(retention: Retention, slowest: Option<u64>) -> u64 {
        line(Lsn(5), &logs(4), 30, &retention, slowest.map(Lsn), 50).0
    }

    #[test]
    fn without_retention_everything_goes_that_everybody_has_read() {
        assert_eq!(at(Retention::none(), None), 40);
        assert_eq!(at(Retention::none(), Some(30)), 30);
        assert_eq!(at(Retention::none(), Some(29)), 20);
        assert_eq!(at(Retention::none(), Some(0)), 5);
    }

    #[test]
    fn so_many_bytes_are_kept_and_up_to_a_log_more() {
        assert_eq!(at(Retention::bytes(30), None), 40);
        assert_eq!(at(Retention::bytes(31), None), 30);
        assert_eq!(at(Retention::bytes(130), None), 30);
        assert_eq!(at(Retention::bytes(131), None), 20);
        assert_eq!(at(Retention::bytes(u64::MAX), None), 5);
        assert_eq!(at(Retention::bytes(30), Some(15)), 10);
    }

    #[test]
    fn what_is_older_goes_however_few_bytes_it_has() {
        let age = |us| Retention {
            age: Duration::from_micros(us),
            ..Retention::bytes(u64::MAX)
        };
        assert_eq!(at(age(9), None), 40);
        assert_eq!(at(age(10), None), 30);
        assert_eq!(at(age(29), None), 20);
        assert_eq!(at(age(100), None), 5);
    }

    #[test]
    fn the_slowest_is_waited_for_up_to_a_bound() {
        let cap = |bytes| Retention {
            consumer_bytes: bytes,
            ..Retention::none()
        };
        assert_eq!(at(cap(131), Some(0)), 20);
        assert_eq!(at(cap(330), Some(0)), 10);
        assert_eq!(at(cap(331), Some(0)), 5);
        assert_eq!(at(cap(30), Some(0)), 40);
    }

    #[test]
    fn the_line_never_sinks() {
        let logs = logs(1);
        let line = line(Lsn(15), &logs, 0, &Retention::none(), None, 0);
        assert_eq!(line, Lsn(15));
    }
}
