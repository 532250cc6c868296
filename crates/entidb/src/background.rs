//! Work that nobody waits for: one thread hands eventual commits to the log and syncs them in time, one prepares logs and makes
//! checkpoints, and one merges. Where a build of an index was cut off, one takes it up.
//!
//! Promises: what it does could be done by anybody at any time, so that switching it off changes when, not what. Its failures
//! are in the stats, and reach whoever has to wait for it. Relies on the locks of those it calls. Must never decide what is
//! durable.

use std::time::Duration;

use crate::commit::{Committer, Queue, Refusal};
use crate::error::{Error, ErrorKind, Result};
use crate::expiry;
use crate::ids::Lsn;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Arc, Instant, Mutex, MutexGuard, PoisonError, wait_timeout};
use crate::writer::Writer;

/// How long to wait after a failure before trying again.
const AGAIN: Duration = Duration::from_secs(1);
/// How long to sleep when there is nothing to wait for.
const IDLE: Duration = Duration::from_secs(3600);

/// When nothing was committed for so long, the last commit is marked as durable for readers in other processes.
const QUIET: Duration = Duration::from_millis(250);

/// What a thread does until the writer is closed.
type Work = fn(&Writer);

/// The threads of one database.
#[derive(Default)]
pub(crate) struct Background {
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Whether one of them expires what is due.
    expiring: AtomicBool,
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
        let builds = writer
            .has_builds()
            .then_some(("entidb-index", build as Work));
        for (name, run) in works.into_iter().chain(builds) {
            background.spawn(name, run, writer)?;
        }
        Ok(background)
    }

    /// Starts the thread that expires what is due, if it does not run yet. Where the system gives none, the next who needs it
    /// tries again.
    pub(crate) fn start_expiring(&self, writer: &Arc<Writer>) {
        if !self.expiring.swap(true, Ordering::SeqCst)
            && self.spawn("entidb-expire", expiry::run, writer).is_err()
        {
            self.expiring.store(false, Ordering::SeqCst);
        }
    }

    fn spawn(&self, name: &str, run: Work, writer: &Arc<Writer>) -> Result<()> {
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
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(thread);
        Ok(())
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
            self.0.committer.queue().poison_once(Refusal::panicked());
            self.0.committer.notify();
        }
    }
}

/// Hands eventual commits to the log, and syncs them in time.
fn flush(writer: &Writer) {
    let committer = &writer.committer;
    let delay = writer.options.eventual_delay;
    let mut last = Lsn::ZERO;
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
        queue = match writer.feed.keep.is_listed() {
            true => mark_when_quiet(committer, queue, &mut last, timeout),
            false => wait_timeout(&committer.flusher, queue, timeout),
        };
    }
}

/// Waits for something to do, and where nothing comes, marks the last commit, if it was `last` before.
fn mark_when_quiet<'a>(
    committer: &'a Committer,
    queue: MutexGuard<'a, Queue>,
    last: &mut Lsn,
    timeout: Duration,
) -> MutexGuard<'a, Queue> {
    let start = Instant::now();
    let queue = wait_timeout(&committer.flusher, queue, timeout.min(QUIET));
    if start.elapsed() < QUIET {
        return queue;
    }
    // Its failure is that of a sync, and every later commit hears of it.
    match committer.mark(queue, *last) {
        Ok((queue, now)) => {
            *last = now;
            queue
        }
        Err(_) => committer.queue(),
    }
}

/// Prepares logs, and makes checkpoints.
fn work(writer: &Writer) {
    let committer = &writer.committer;
    let mut timeout = IDLE;
    loop {
        let mut queue = committer.queue();
        if !queue.has_work() && !queue.is_closed() {
            queue = wait_timeout(&committer.worker, queue, timeout);
        }
        if queue.is_closed() {
            return;
        }
        let wants_log = queue.begin_work();
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
        let queue = committer.end_work();
        if done.is_err() && !queue.is_closed() && !queue.wants_again {
            drop(wait_timeout(&committer.worker, queue, AGAIN));
        }
    }
}

/// Builds what an earlier session has left half built. Whoever wants such an index before asks for it again.
fn build(writer: &Writer) {
    loop {
        let built = writer.resume_builds();
        let mut queue = writer.committer.queue();
        // An index that cannot be unique is gone, and this says why.
        let trouble = built.as_ref().err().map(Refusal::of);
        queue.index_trouble = trouble.or(queue.index_trouble.take());
        if built.is_ok() || queue.check().is_err() {
            return;
        }
        drop(wait_timeout(&writer.committer.compactor, queue, AGAIN));
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
            queue = wait_timeout(&committer.compactor, queue, timeout);
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
                    drop(wait_timeout(&committer.compactor, queue, AGAIN));
                }
            }
        }
    }
}
