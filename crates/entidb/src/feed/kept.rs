//! What is kept for followers, as [`Stats`](crate::Stats) tell it.

use super::tidy::bytes_kept;
use crate::ids::Lsn;
use crate::manifest::Manifest;
use crate::retention::Retention;
use crate::view::View;
use crate::writer::Writer;

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Kept {
    /// Up to here nothing is; `None` if nothing is at all.
    pub(crate) floor: Option<Lsn>,
    /// As it was asked for last.
    pub(crate) retention: Option<Retention>,
    /// Of logs that are there for followers alone.
    pub(crate) bytes: u64,
}

impl Kept {
    /// As the manifest has it, of which `view` was loaded.
    pub(crate) fn listed(manifest: &Manifest, view: &View) -> Self {
        let Some(feed) = &manifest.feed else {
            return Self::default();
        };
        Self {
            floor: Some(feed.floor),
            retention: Some(feed.retention),
            bytes: bytes_kept(view, &manifest.segments),
        }
    }

    /// With what followers in this process hold, too.
    pub(crate) fn now(writer: &Writer, view: &View) -> Self {
        let segments = writer.editor.read(|manifest| manifest.segments.clone());
        let state = writer.feed.keep.state();
        Self {
            floor: Some(state.floor()).filter(|floor| *floor <= Lsn::MAX),
            retention: state.listed,
            bytes: bytes_kept(view, &segments),
        }
    }
}
