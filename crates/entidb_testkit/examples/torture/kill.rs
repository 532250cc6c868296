//! The loop that kills: a child writes to real files, is ended with SIGKILL at some moment, and its store is checked.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{self, Verdict};
use crate::complain;
use crate::failure::{Failure, Result};
use crate::history::{Chance, Model};
use crate::profile::Profile;

/// The longest that most children live, in milliseconds: from before one has opened its store to some hundred commits.
const LIFE_MS_MAX: u64 = 120;
/// The longest that one of five lives.
const LONG_LIFE_MS_MAX: u64 = 800;
/// A store is begun anew after so many kills, so that creation is cut too.
const KILLS_A_STORE: u64 = 25;

/// Kills `kills` children that write to `dir`, which must not be there, as `seed` and `profile` have it. Says how many commits
/// were acknowledged in all.
pub(crate) fn kill(dir: &Path, seed: u64, kills: u64, profile: &'static Profile) -> Result<u64> {
    let start = Instant::now();
    let mut chance = Chance::of(seed, kills);
    let (mut model, mut acknowledged, mut there, mut total) = (Model::new(seed, profile), 0, 0, 0);
    for number in 0..kills {
        if number % KILLS_A_STORE == 0 {
            remove(dir)?;
            (model, acknowledged) = (Model::new(seed, profile), 0);
            total += there;
        }
        let life_ms_max = match chance.one_of(5) {
            true => LONG_LIFE_MS_MAX,
            false => LIFE_MS_MAX,
        };
        let life = Duration::from_millis(chance.below(life_ms_max));
        acknowledged = check::acknowledged(&one(dir, seed, life, profile)?).max(acknowledged);
        // Every second time nothing is mended by the check, so that the next child has to.
        let read_only = chance.one_of(2);
        there = match check::check(dir, acknowledged, &mut model, profile, read_only)? {
            Verdict::Sound(count) => count,
            // The child did not live to make it.
            Verdict::NotOpened(_) if acknowledged == 0 && read_only => 0,
            Verdict::NotOpened(failure) => return Err(failure),
        };
    }
    remove(dir)?;
    total += there;
    let seconds = start.elapsed().as_secs();
    complain(format_args!(
        "{}: {kills} kills over {total} commits in {seconds} s, nothing lost",
        profile.name
    ));
    Ok(total)
}

/// Lets one child write for so long. Gives what it said.
fn one(dir: &Path, seed: u64, life: Duration, profile: &Profile) -> Result<String> {
    let mut child = Command::new(std::env::current_exe()?)
        .args([
            "write",
            "--ops",
            "1000000000",
            "--profile",
            profile.name,
            "--seed",
        ])
        .arg(seed.to_string())
        .arg("--dir")
        .arg(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let Some(mut stdout) = child.stdout.take() else {
        return Err(Failure::wrong("the child has no pipe"));
    };
    let reader = thread::spawn(move || {
        let mut said = String::new();
        stdout.read_to_string(&mut said).map(|_| said)
    });
    thread::sleep(life);
    end(&mut child)?;
    match reader.join() {
        Ok(said) => Ok(said?),
        Err(_) => Err(Failure::wrong("the reader of the child's pipe panicked")),
    }
}

/// Kills the child, which must still be at work.
fn end(child: &mut Child) -> Result<()> {
    let ended = child.try_wait()?;
    child.kill()?;
    child.wait()?;
    match ended {
        None => Ok(()),
        Some(status) => Err(Failure::wrong(format!(
            "the child ended by itself: {status}"
        ))),
    }
}

fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
