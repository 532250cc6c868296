//! The names of a database's streams.

use crate::ids::StreamId;

/// The stream whose lock the one writer holds.
pub(crate) const LOCK: &str = "lock";
/// The stream that says which others are live.
pub(crate) const MANIFEST: &str = "manifest";

/// The stream that keeps room for a full disk. It is empty, and removed unread.
pub(crate) const RESERVE: &str = "reserve";

/// What a numbered stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamKind {
    /// A log, and the segment that it becomes.
    Log,
    /// A run of sorted keys.
    Run,
    /// Records in key order: what a merge has copied, or a large transaction has written.
    Segment,
}

const EXTENSIONS: [(StreamKind, &str); 3] = [
    (StreamKind::Log, "log"),
    (StreamKind::Run, "run"),
    (StreamKind::Segment, "seg"),
];

impl StreamKind {
    fn extension(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Run => "run",
            Self::Segment => "seg",
        }
    }

    /// The name of this kind's stream number `id`.
    pub(crate) fn name(self, id: StreamId) -> String {
        format!("{:06}.{}", id.0, self.extension())
    }
}

/// The number and kind in a name, if it is one that [`StreamKind::name`] makes.
pub(crate) fn parse(name: &str) -> Option<(StreamId, StreamKind)> {
    let (digits, extension) = name.split_once('.')?;
    let (kind, _) = EXTENSIONS.iter().find(|(_, e)| *e == extension)?;
    let id = StreamId(digits.parse().ok()?);
    (kind.name(id) == name).then_some((id, *kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_parts_are_one() {
        for id in [1, 999_999, 1_000_000, u64::MAX] {
            for (kind, _) in EXTENSIONS {
                let name = kind.name(StreamId(id));
                assert_eq!(parse(&name), Some((StreamId(id), kind)));
                assert!(entidb_storage::check_name(&name).is_ok());
            }
        }
        for foreign in [
            "lock",
            "manifest",
            "1.log",
            "0000001.log",
            "000001.txt",
            "+00001.log",
        ] {
            assert_eq!(parse(foreign), None, "{foreign}");
        }
    }
}
