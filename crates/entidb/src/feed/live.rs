//! A follower's logs in the process of the writer.

use std::sync::Arc;

use super::Feed;
use super::bell::Woken;
use super::keep::Hold;
use super::source::{LogRef, Logs};
use crate::error::{Error, Result};
use crate::format::name::StreamKind;
use crate::ids::{CollectionId, Lsn};
use crate::manifest::Editor;
use crate::sync::Instant;
use crate::view::Published;

/// How often the logs are looked for again because they were changed meanwhile.
const ATTEMPTS: usize = 100;

/// What a follower reads in the process of the writer. It keeps the database from nothing: it ends when that is closed.
pub(crate) struct Live {
    pub(super) feed: Arc<Feed>,
    pub(super) published: Arc<Published>,
    pub(super) editor: Arc<Editor>,
    pub(super) hold: Hold,
}

impl Live {
    pub(super) fn durable(&self) -> Lsn {
        self.feed.bell.durable()
    }

    pub(super) fn wait(&self, seen: Lsn, end: Option<Instant>) -> Woken {
        self.feed.bell.wait(seen, end)
    }

    #[cfg(feature = "stream")]
    pub(super) fn register(&self, seen: Lsn, waker: &std::task::Waker) -> Option<Woken> {
        self.feed.bell.register(self.hold.follower(), seen, waker)
    }

    pub(super) fn logs(&self, after: Lsn) -> Result<Logs> {
        let mut missing = None;
        for _ in 0..ATTEMPTS {
            // In this order: what is not kept any more goes from the manifest only once the floor is above it.
            let (segments, logs) = self.editor.read(|manifest| {
                let segments = manifest.segments.iter();
                let segments = segments.filter(|segment| segment.last_lsn > after);
                (segments.copied().collect::<Vec<_>>(), manifest.logs.clone())
            });
            let floor = self.feed.keep.floor();
            let (view, _) = self.published.get();
            let mut list = Vec::new();
            missing = None;
            for segment in segments {
                match view.streams.get(&segment.stream) {
                    Some(stream) => list.push(LogRef {
                        stream: Arc::clone(stream),
                        end: Some(segment.end),
                    }),
                    // It went since the manifest was looked at.
                    None => missing = Some(segment.stream),
                }
            }
            // One that the view has not is empty yet.
            for log in logs {
                list.extend(view.streams.get(&log.stream).map(|stream| LogRef {
                    stream: Arc::clone(stream),
                    end: log.end,
                }));
            }
            if missing.is_none() || floor > after {
                return Ok(Logs { floor, list });
            }
            crate::sync::thread::yield_now();
        }
        let name = missing.map_or_else(String::new, |id| StreamKind::Log.name(id));
        Err(Error::corrupt(&name, 0, "a live stream", "none"))
    }

    pub(super) fn name(&self, id: CollectionId) -> Option<Arc<str>> {
        let shown = |live: &Self| {
            live.published.read(|view, _| {
                let collection = view.catalog.get(id);
                collection.map(|collection| Arc::from(collection.name.as_str()))
            })
        };
        // A name is noted as dropped before it is not shown any more.
        shown(self).or_else(|| self.feed.keep.dropped_name(id))
    }
}

#[cfg(feature = "stream")]
impl Drop for Live {
    fn drop(&mut self) {
        self.feed.bell.forget(self.hold.follower());
    }
}
