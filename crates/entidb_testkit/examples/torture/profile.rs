//! What kind of history a seed gives.

/// A profile: bounds that the history of a seed stays within.
#[derive(Clone, Copy)]
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    /// How many writes a commit has at the most.
    pub(crate) writes_max: u64,
    /// How many ids there are in each collection.
    pub(crate) ids: u64,
    pub(crate) payload_len_max: u64,
    /// Of a hundred writes, how many delete an entity, and how many a range of them.
    pub(crate) deletes: u64,
    pub(crate) ranges: u64,
    /// After one of how many commits a checkpoint is made, the database is compacted, and it is opened again; 0 for never.
    pub(crate) checkpoint_each: u64,
    pub(crate) compact_each: u64,
    pub(crate) reopen_each: u64,
    pub(crate) checkpoint_log_bytes: u64,
    /// Commits are eventual, and one of how many is waited for; 0 for commits that are durable when they return.
    pub(crate) wait_each: u64,
    pub(crate) compressed: bool,
    pub(crate) encrypted: bool,
}

/// What the others differ from.
const PLAIN: Profile = Profile {
    name: "plain",
    writes_max: 5,
    ids: 500,
    payload_len_max: 400,
    deletes: 15,
    ranges: 0,
    checkpoint_each: 100,
    compact_each: 0,
    reopen_each: 300,
    checkpoint_log_bytes: 4 << 20,
    wait_each: 0,
    compressed: false,
    encrypted: false,
};

/// All of them; a seed has the one of its number modulo eight.
pub(crate) const PROFILES: [Profile; 8] = [
    Profile {
        name: "tiny",
        writes_max: 1,
        ids: 50,
        payload_len_max: 24,
        checkpoint_each: 200,
        reopen_each: 500,
        checkpoint_log_bytes: 64 << 20,
        ..PLAIN
    },
    Profile {
        name: "large",
        writes_max: 2,
        ids: 200,
        payload_len_max: 300_000,
        checkpoint_log_bytes: 16 << 20,
        ..PLAIN
    },
    Profile {
        name: "many",
        writes_max: 400,
        ids: 5000,
        payload_len_max: 200,
        checkpoint_each: 50,
        reopen_each: 200,
        ..PLAIN
    },
    Profile {
        name: "deletes",
        writes_max: 8,
        ids: 300,
        deletes: 40,
        ranges: 12,
        compact_each: 150,
        checkpoint_log_bytes: 1 << 20,
        ..PLAIN
    },
    Profile {
        name: "checkpoints",
        checkpoint_each: 3,
        compact_each: 40,
        reopen_each: 20,
        checkpoint_log_bytes: 16 << 10,
        ..PLAIN
    },
    Profile {
        name: "eventual",
        wait_each: 25,
        ranges: 2,
        checkpoint_log_bytes: 256 << 10,
        ..PLAIN
    },
    Profile {
        name: "encrypted",
        ranges: 3,
        compact_each: 100,
        checkpoint_log_bytes: 256 << 10,
        encrypted: true,
        ..PLAIN
    },
    Profile {
        name: "compressed",
        ids: 2000,
        compact_each: 30,
        reopen_each: 60,
        checkpoint_log_bytes: 128 << 10,
        compressed: true,
        ..PLAIN
    },
];

/// The profile of this name, or of the seed if there is none.
pub(crate) fn find(name: Option<&str>, seed: u64) -> Option<&'static Profile> {
    match name {
        Some(name) => PROFILES.iter().find(|profile| profile.name == name),
        None => PROFILES.get(usize::try_from(seed % PROFILES.len() as u64).ok()?),
    }
}
