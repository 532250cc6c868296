//! Damage at rest: the engine finds it, or it does no harm.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a test's helpers fail as its functions do, and say what they have looked at"
)]

mod common;

use common::{Content, Failed, apply, commit, content, delete, put};
use entidb::{Database, Options};
use entidb_testkit::storage::Directory;
use entidb_testkit::{Damage, SimDisk};

fn open(disk: &SimDisk) -> entidb::Result<Database> {
    Options::new().seed(1).open_in(disk.clone())
}

/// A database that was closed, and the same some commits before.
fn database() -> (SimDisk, SimDisk, Content) {
    let disk = SimDisk::new(1);
    let db = open(&disk).unwrap();
    let mut model = Content::new();
    let mut earlier = None;
    for n in 0..12 {
        let writes = [
            put("a", n % 7, format!("{n} {}", "z".repeat(200))),
            put("b", n, "b"),
            delete("a", n % 3),
        ];
        commit(&db, &writes).unwrap();
        writes.iter().for_each(|write| apply(&mut model, write));
        if n % 5 == 3 {
            db.checkpoint().unwrap();
            earlier = earlier.or(Some(disk.restart()));
        }
    }
    db.close().unwrap();
    (disk, earlier.unwrap(), model)
}

/// The right content, or an error; anything else is a wrong answer.
fn judge(disk: &SimDisk, model: &Content) -> Result<bool, Failed> {
    let Ok(db) = open(disk) else {
        return Ok(true);
    };
    match content(&db) {
        Ok(found) if found == *model => Ok(!db.verify()?.is_sound()),
        Ok(_) => Err("a wrong content, and no error".into()),
        Err(_) => Ok(true),
    }
}

#[test]
fn damaged_sectors_and_streams_are_found_or_harmless() {
    let (disk, earlier, model) = database();
    let names = disk.list().unwrap();
    let (mut found, mut tried) = (0, 0);
    for name in names.iter().filter(|name| *name != "lock") {
        let size = disk.open_reader(name).unwrap().size().unwrap();
        let mut damages = vec![Damage::Missing];
        if name != "manifest" {
            damages.push(Damage::RolledBack { earlier: &earlier });
        }
        for sector in 0..size.div_ceil(512) {
            damages.extend([
                Damage::Zero { sector },
                Damage::Junk { sector },
                Damage::Stale {
                    sector,
                    earlier: &earlier,
                },
                Damage::Cut { len: sector * 512 },
                Damage::Flip {
                    offset: sector * 512 + 3,
                    mask: 0x10,
                },
            ]);
            for from in names.iter().filter(|name| *name != "lock") {
                for from_sector in 0..3 {
                    damages.push(Damage::Misdirected {
                        sector,
                        from,
                        from_sector,
                    });
                }
            }
        }
        for damage in damages {
            let copy = disk.restart();
            if copy.damage(name, &damage).is_err() {
                continue;
            }
            tried += 1;
            match judge(&copy, &model) {
                Ok(seen) => found += u64::from(seen),
                Err(error) => panic!("{name}, {damage:?}: {error}"),
            }
        }
    }
    println!("{found} of {tried} damages were found, the others did no harm");
    assert!(found > 100 && tried > 200);
}

/// A known limit, written down here so that a change of it is seen: the manifest alone says what counts, and no other stream
/// knows of it. A whole older one, with all the streams that it lists still there, brings the older database back, and the
/// writer then removes the streams that it does not list. No crash leaves this (clause D2): only a hand, or a backup of single
/// files, does.
#[test]
fn a_whole_older_manifest_is_believed() {
    let (disk, earlier, model) = database();
    let rolled_back = Damage::RolledBack { earlier: &earlier };
    disk.damage("manifest", &rolled_back).unwrap();
    assert!(judge(&disk, &model).is_err());
}
