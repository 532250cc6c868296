//! Work that nobody waits for: one thread hands eventual commits to the log and syncs them in time, one prepares logs and makes
//! checkpoints, and one merges.
//!
//! Promises: what it does could be done by anybody at any time, so that switching it off changes when, not what. Its failures
//! are in the stats, and reach whoever has to wait for it. Relies on the locks of those it calls. Must never decide what is
//! durable.

use std::time::Duration;

use crate::commit::Refusal;
use crate::error::{Error, ErrorKind, Result};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Mutex, PoisonError};
use crate::writer::Writer;

/// How long to wait after a failure before trying again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long to sleep when there is nothing to wait for.
const IDLE: Duration = Duration::from_secs(3600);

/// What a thread does until the writer is closed.
type Work = fn(&Writer);

/// The threads of one database.
#[derive(Default)]
pub(crate) struct Background {
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    /// Starts the threads, which end once the writer is closed.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] if the system gives no thread.
    pub(crate) fn start(writer: &Arc<Writer>) -> Result<Self> {
        let background = Self::default();
        let works: [(&str, Work); 3] = [
            ("entidb-flush", flush),
            ("entidb-work", work),
            ("entidb-merge", merge),
        ];
        for (name, run) in works {
            let writer = Arc::clone(writer);
            let thread = thread::Builder::new().name(name.to_owned());
            let thread = thread.spawn(move || {
                let guard = Guard(&writer);
                run(&writer);
                drop(guard);
            });
            let thread = thread.map_err(|error| {
                Error::new(
                    ErrorKind::Io,
                    "the system gives no thread for the background",
                )
                .because(error)
            })?;
            background
                .threads
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(thread);
        }
        Ok(background)
    }

    /// Waits until the threads have ended.
    pub(crate) fn join(&self) {
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // That it panicked is known by the guard.
            let _ = thread.join();
        }
    }
}

/// Sees to it that nobody waits for a thread that has panicked.
struct Guard<'a>(&'a Writer);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.committer.queue().poison_once(Refusal {
                kind: ErrorKind::Poisoned,
                message: "a background thread panicked".to_owned(),
            });
            self.0.committer.notify();
        }
    }
}

/// Hands eventual commits to the log, and syncs them in time.
fn flush(writer: &Writer) {
    let committer = &writer.committer;
    let delay = writer.options.eventual_delay;
    let mut queue = committer.queue();
    while !queue.is_closed() {
        let waited = queue.eventual_for();
        let due = waited.is_some_and(|waited| waited >= delay);
        if (due || queue.has_much_pending()) && queue.may_lead() {
            queue = committer.lead(queue, due);
            continue;
        }
        let timeout = waited.map_or(IDLE, |waited| delay.saturating_sub(waited));
        // Somebody leads: he will say when he is done.
        let timeout = if due { IDLE } else { timeout };
        queue = committer.wait_flusher(queue, timeout);
    }
}

/// Prepares logs, and makes checkpoints.
fn work(writer: &Writer) {
    let committer = &writer.committer;
    let mut timeout = IDLE;
    loop {
        let mut queue = committer.queue();
        if !queue.has_work() && !queue.is_closed() {
            queue = committer.wait_work(queue, timeout);
        }
        if queue.is_closed() {
            return;
        }
        let wants_log = queue.take_wants_log();
        drop(queue);
        let prepared = match wants_log {
            true => committer.prepare_next_log(),
            false => Ok(()),
        };
        let mut maintenance = writer.maintenance();
        // It notes its failure itself, or that there is none.
        let made = writer.checkpoint_frozen(&mut maintenance);
        drop(maintenance);
        if let Err(error) = &prepared {
            committer.note_no_log(error);
        }
        let done = prepared.and(made);
        timeout = if done.is_ok() { IDLE } else { AGAIN };
        if done.is_err() {
            let queue = committer.queue();
            if !queue.is_closed() {
                drop(committer.wait_work(queue, AGAIN));
            }
        }
    }
}

/// Merges what is due, and removes what nobody has any more.
fn merge(writer: &Writer) {
    let committer = &writer.committer;
    loop {
        let ages = writer.feed.keep.ages();
        let timeout = match writer.compactor().has_obsolete() {
            true => AGAIN,
            false => ages.unwrap_or(IDLE),
        };
        let mut queue = committer.queue();
        if !queue.wants_compaction && !queue.is_closed() {
            queue = committer.wait_compaction(queue, timeout);
        }
        if queue.is_closed() {
            return;
        }
        queue.wants_compaction = false;
        drop(queue);
        if ages.is_some() {
            writer.feed.keep.set_untidy(true);
        }
        match writer.compact_if_due() {
            Ok(true) => committer.queue().wants_compaction = true,
            Ok(false) => {}
            Err(_) => {
                let mut queue = committer.queue();
                queue.wants_compaction = true;
                if !queue.is_closed() {
                    drop(committer.wait_compaction(queue, AGAIN));
                }
            }
        }
    }
}
