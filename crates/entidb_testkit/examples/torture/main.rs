//! The torture program: commits whose content is a function of a seed, each acknowledged once it is durable, and a check that
//! finds them again. Kill it, cut the power, fail its system calls, and check; or let it kill itself.
//!
//! ```sh
//! cargo run --release -p entidb_testkit --example torture -- write --dir D --seed 7 --ops 1000 > acks
//! cargo run --release -p entidb_testkit --example torture -- check --dir D --seed 7 --ack acks
//! cargo run --release -p entidb_testkit --example torture -- kill --dir D --kills 500
//! ```
//!
//! `write` goes on behind the commits that are there, up to `--ops` in all, and prints `ACK n` by one write call when commit n,
//! and with it all before it, is durable. It exits 0 when done, 5 on an I/O error, 6 on a failed sync; on a full disk it prints
//! `FULL` and tries again. `check` exits 0, 1 if an acknowledged commit is lost or anything is wrong, 3 if the store reports
//! corruption, 4 if it does not open; 2 is wrong use. `kill` lets children write to new folders in `D`, kills each at some moment
//! (SIGKILL), and checks; its exit codes are those of `check`.
//!
//! The profile is the seed's, by its number modulo eight, or is named: `--profile tiny`, `large`, `many`, `deletes`, `checkpoints`,
//! `eventual`, `encrypted` or `compressed`. `kill` without either takes all of them in turn.

mod check;
mod failure;
mod history;
mod kill;
mod profile;
mod store;
mod write;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use check::Verdict;
use failure::{Failure, Kind, Result};
use history::Model;
use profile::{PROFILES, Profile};

const USE: &str = "use: torture write --dir D --seed S [--ops N] [--profile P] | torture check --dir D --seed S --ack FILE \
                   [--profile P] | torture kill --dir D [--kills N] [--seed S] [--profile P]";

pub(crate) fn complain(what: impl Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// What was asked for.
struct Flags(BTreeMap<String, String>);

impl Flags {
    fn text(&self, flag: &str) -> Option<&str> {
        self.0.get(flag).map(String::as_str)
    }

    fn number(&self, flag: &str) -> Option<u64> {
        self.text(flag)?.parse().ok()
    }
}

/// `None` is wrong use.
fn run(command: &str, flags: &Flags) -> Option<u8> {
    let dir = PathBuf::from(flags.text("--dir")?);
    let seed = flags.number("--seed");
    let profile = || profile::find(flags.text("--profile"), seed?);
    match command {
        "write" => Some(write(
            &dir,
            seed?,
            flags.number("--ops").unwrap_or(1000),
            profile()?,
        )),
        "check" => {
            let acks = std::fs::read_to_string(flags.text("--ack")?).ok()?;
            Some(check(&dir, seed?, &acks, profile()?))
        }
        "kill" => {
            let name = flags.text("--profile");
            let profiles = match (name, seed) {
                (None, None) => PROFILES.iter().collect(),
                (name, seed) => vec![profile::find(name, seed.unwrap_or(0))?],
            };
            let kills = flags.number("--kills").unwrap_or(100);
            let each = kills.div_ceil(profiles.len() as u64);
            let seed = seed.unwrap_or_else(seed_of_now);
            Some(kill(&dir, seed, each, &profiles))
        }
        _ => None,
    }
}

/// Another seed every time; it is printed.
fn seed_of_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs())
}

fn write(dir: &Path, seed: u64, ops: u64, profile: &Profile) -> u8 {
    complain(format_args!("profile: {}", profile.name));
    match write::write(dir, seed, ops, profile) {
        Ok(()) => 0,
        Err(failure) => {
            complain(&failure);
            match failure.kind {
                Kind::Unknown => 6,
                Kind::Corrupt => 3,
                _ => 5,
            }
        }
    }
}

fn check(dir: &Path, seed: u64, acks: &str, profile: &'static Profile) -> u8 {
    let acknowledged = check::acknowledged(acks);
    let verdict = check::check(
        dir,
        acknowledged,
        &mut Model::new(seed, profile),
        profile,
        false,
    );
    match verdict {
        Ok(Verdict::Sound(count)) => {
            complain(format_args!(
                "{acknowledged} acknowledged, {count} there, all of them right"
            ));
            0
        }
        Ok(Verdict::NotOpened(failure)) => {
            complain(failure);
            4
        }
        Err(failure) => found(&failure),
    }
}

fn kill(dir: &Path, seed: u64, kills: u64, profiles: &[&'static Profile]) -> u8 {
    complain(format_args!("seed {seed}"));
    let each = |profile: &&'static Profile| -> Result<()> {
        kill::kill(&dir.join(profile.name), seed, kills, profile)?;
        Ok(())
    };
    match profiles.iter().try_for_each(each) {
        Ok(()) => 0,
        Err(failure) => found(&failure),
    }
}

/// The exit code for what a check has found.
fn found(failure: &Failure) -> u8 {
    complain(failure);
    match failure.kind {
        Kind::Wrong => 1,
        Kind::Corrupt => 3,
        _ => 4,
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let mut flags = Flags(BTreeMap::new());
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        flags.0.insert(flag, value);
    }
    let code = run(&command, &flags).unwrap_or_else(|| {
        complain(USE);
        2
    });
    ExitCode::from(code)
}
