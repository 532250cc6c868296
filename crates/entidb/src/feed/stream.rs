//! Followers as streams of `futures-core`: for whoever has an async runtime. They read as the blocking ones do, a bounded piece at a
//! time, and wait without a thread.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::bell::Woken;
use super::changes::Changes;
use super::commit::Commit;
use super::watch::Watcher;
use crate::error::Result;

/// Ends when the database is closed, and after an error. On a database that was opened for reading it is an error at once: there
/// is nobody to wake it, and [`Changes::next_timeout`] is the way to follow.
impl Stream for Changes {
    type Item = Result<Commit>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let changes = self.get_mut();
        changes.poll(|changes| {
            loop {
                if let Some(commit) = changes.try_next()? {
                    return Ok(Poll::Ready(Some(commit)));
                }
                match changes.register(context.waker())? {
                    None => return Ok(Poll::Pending),
                    Some(Woken::More | Woken::TimedOut) => {}
                    Some(Woken::Closed) => return changes.try_next().map(Poll::Ready),
                }
            }
        })
    }
}

/// As that of [`Changes`].
impl Stream for Watcher {
    type Item = Result<Commit>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let watcher = self.get_mut();
        loop {
            match Pin::new(watcher.changes_mut()).poll_next(context) {
                Poll::Ready(Some(Ok(mut commit))) => {
                    if watcher.select(&mut commit) {
                        return Poll::Ready(Some(Ok(commit)));
                    }
                }
                other => return other,
            }
        }
    }
}
