//! Damage at rest: an error that names the stream and the offset, or the right data; never a panic, never a wrong entity.
#![expect(clippy::unwrap_used, reason = "a failure is a failed test")]

mod common;

use common::{Content, Image, content, directory, id, image, options, small, text};
use entidb::storage::MemoryDirectory;
use entidb::{Database, Error, ErrorKind, Options, Result};

/// Opens a damaged image, reads everything, and says what came of it.
fn read_all(image: &Image, read_only: bool) -> Result<Content> {
    let db = Options::new()
        .read_only(read_only)
        .open_in(directory(image))?;
    content(&db)
}

fn names_the_place(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported)
        && error.stream().is_some()
        && error.offset().is_some()
}

/// Each image is either refused with a place, or holds exactly `model`; and the verification says the same.
fn assert_found_or_harmless(damaged: &Image, model: &Content, what: &str) {
    let mut found = false;
    for read_only in [true, false] {
        match read_all(damaged, read_only) {
            Ok(read) => assert!(
                read == *model,
                "{what}: a wrong entity, or a loss in silence"
            ),
            Err(error) => {
                assert!(names_the_place(&error), "{what}: {error:?}");
                found = true;
            }
        }
    }
    let target = directory(damaged);
    let report = Options::new()
        .read_only(true)
        .open_in(target.clone())
        .map_or_else(|_| None, |db| Some(db.verify().unwrap()));
    if let Some(report) = report {
        assert!(
            !(found && report.is_sound()),
            "{what}: found by reading and not by verifying"
        );
    }
    assert_eq!(
        image(&target),
        *damaged,
        "{what}: reading and verifying change nothing"
    );
}

/// Flips a bit in every byte. Says how many there were, and after how many a verification found nothing.
fn flip_each(sound: &MemoryDirectory, model: &Content) -> (u32, u32) {
    let sound = image(sound);
    let (mut flips, mut sound_reports) = (0, 0);
    for (name, bytes) in &sound {
        for at in 0..bytes.len() {
            let mut damaged = sound.clone();
            damaged.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            assert_found_or_harmless(&damaged, model, &format!("{name} byte {at}"));
            flips += 1;
            if let Ok(db) = Options::new().read_only(true).open_in(directory(&damaged)) {
                sound_reports += u32::from(db.verify().unwrap().is_sound());
            }
        }
    }
    (flips, sound_reports)
}

#[test]
fn every_flipped_byte_of_a_closed_database_is_found_or_harmless() {
    let sound = MemoryDirectory::new();
    let model = small(&sound);
    let (flips, sound_reports) = flip_each(&sound, &model);
    assert!(flips > 8000, "{flips}");
    assert_eq!(
        sound_reports, 0,
        "a verification finds every flipped byte, read or not"
    );
}

#[test]
fn every_flipped_byte_of_a_large_commit_is_found_or_harmless() {
    for followed in [false, true] {
        check_flips_of_a_large_commit(followed);
    }
}

fn check_flips_of_a_large_commit(followed: bool) {
    let sound = MemoryDirectory::new();
    let options = options().transaction_memory_bytes(700);
    let options = match followed {
        true => options.retention(entidb::Retention::bytes(u64::MAX)),
        false => options,
    };
    let db = options.open_in(sound.clone()).unwrap();
    db.write(|tx| {
        for n in 0..12 {
            tx.put("people", id(n % 9), &text(n))?;
        }
        tx.delete_range("people", id(3)..=id(3))?;
        tx.remove("people", id(4))
    })
    .unwrap();
    let model = content(&db).unwrap();
    assert!(!model.is_empty());
    db.close().unwrap();
    let logs = image(&sound).into_keys();
    let logs = logs.filter(|name| name.ends_with(".log")).count();
    assert_eq!(
        logs,
        usize::from(followed),
        "it is in no log, but for followers"
    );
    let (flips, sound_reports) = flip_each(&sound, &model);
    assert!(flips > 8000, "{flips}");
    assert_eq!(sound_reports, 0);
}

#[test]
fn every_prefix_of_every_stream_of_a_closed_database_is_found() {
    let sound = MemoryDirectory::new();
    let model = small(&sound);
    let sound = image(&sound);
    for (name, bytes) in &sound {
        for len in 0..bytes.len() {
            let mut damaged = sound.clone();
            damaged.get_mut(name).unwrap().truncate(len);
            assert_found_or_harmless(&damaged, &model, &format!("{name} cut to {len}"));
            let error = read_all(&damaged, true).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{name} cut to {len}");
        }
        let mut damaged = sound.clone();
        damaged.remove(name);
        let error = read_all(&damaged, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name} removed");
        assert!(error.to_string().contains(name.as_str()), "{error}");
        assert_found_or_harmless(&damaged, &model, &format!("{name} removed"));
    }
}

#[test]
fn streams_that_are_swapped_or_of_another_database_are_found() {
    let sound = MemoryDirectory::new();
    let model = small(&sound);
    let sound = image(&sound);
    let other = MemoryDirectory::new();
    let db = Options::new().seed(8).open_in(other.clone()).unwrap();
    for n in 0..20 {
        db.untyped("people").put(id(n), &text(n)).unwrap();
    }
    db.checkpoint().unwrap();
    db.untyped("people").put(id(1), &text(2)).unwrap();
    db.close().unwrap();
    let other = image(&other);
    for (name, bytes) in &sound {
        for (from, foreign) in sound.iter().chain(&other) {
            if foreign == bytes || (name == "manifest" && from == "manifest") {
                continue;
            }
            let mut damaged = sound.clone();
            damaged.insert(name.clone(), foreign.clone());
            assert!(
                read_all(&damaged, true).is_err(),
                "{from} in the place of {name}"
            );
            assert_found_or_harmless(&damaged, &model, &format!("{from} in the place of {name}"));
        }
    }
}

#[test]
fn an_older_manifest_beside_newer_streams_is_found() {
    let disk = MemoryDirectory::new();
    small(&disk);
    let old = image(&disk);
    let db = Database::open_in(disk.clone()).unwrap();
    for n in 0..40 {
        db.untyped("people").put(id(n), &text(n + 1)).unwrap();
        db.checkpoint().unwrap();
    }
    db.close().unwrap();
    let mut damaged = image(&disk);
    damaged.insert("manifest".to_owned(), old["manifest"].clone());
    let error = read_all(&damaged, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("older"), "{error}");
}

#[test]
fn garbage_behind_the_log_is_left_behind_and_the_database_goes_on() {
    let sound = MemoryDirectory::new();
    let model = small(&sound);
    let sound = image(&sound);
    let log = sound.keys().rfind(|name| name.ends_with(".log")).unwrap();
    // Zeros, noise, the log's own first bytes, and a batch of the log's own at another place.
    let bytes = &sound[log];
    let tails: [Vec<u8>; 4] = [
        vec![0; 5000],
        (0..5000_u32)
            .map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[2])
            .collect(),
        bytes[..80].to_vec(),
        bytes[80..].to_vec(),
    ];
    for tail in tails {
        for closed in [true, false] {
            let mut damaged = if closed { sound.clone() } else { unclean().0 };
            let model = if closed { model.clone() } else { unclean().1 };
            let log = damaged
                .keys()
                .rfind(|name| name.ends_with(".log"))
                .unwrap()
                .clone();
            damaged.get_mut(&log).unwrap().extend(&tail);
            assert_eq!(read_all(&damaged, true).unwrap(), model);
            let target = directory(&damaged);
            let db = Database::open_in(target.clone()).unwrap();
            assert_eq!(content(&db).unwrap(), model);
            db.untyped("more").put(id(1), &text(1)).unwrap();
            db.close().unwrap();
            let db = Database::open_in(target.clone()).unwrap();
            assert_eq!(content(&db).unwrap().len(), model.len() + 1);
            db.checkpoint().unwrap();
            db.close().unwrap();
            let db = Database::open_in(target).unwrap();
            assert_eq!(content(&db).unwrap().len(), model.len() + 1);
            let report = db.verify().unwrap();
            assert!(report.is_sound(), "{report:?}");
        }
    }
}

/// An image without a clean close, as a killed process leaves it: a checkpoint, and five commits behind it.
fn unclean() -> (Image, Content) {
    let disk = MemoryDirectory::new();
    small(&disk);
    let db = options().open_in(disk.clone()).unwrap();
    db.checkpoint().unwrap();
    for n in 20..25 {
        db.untyped("people").put(id(n), &text(n)).unwrap();
    }
    let model = content(&db).unwrap();
    let killed = image(&disk);
    drop(db);
    (killed, model)
}

#[test]
fn in_a_killed_database_only_the_last_commit_can_pass_for_torn() {
    let (killed, model) = unclean();
    assert_eq!(read_all(&killed, false).unwrap(), model);
    let mut without_last = model.clone();
    without_last.remove(&("people".to_owned(), id(24)));
    let (mut refused, mut whole, mut torn) = (0, 0, 0);
    for (name, bytes) in &killed {
        for at in 0..bytes.len() {
            let mut damaged = killed.clone();
            damaged.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            for read_only in [true, false] {
                match read_all(&damaged, read_only) {
                    Ok(read) if read == model => whole += 1,
                    Ok(read) => {
                        assert_eq!(read, without_last, "{name} byte {at}");
                        torn += 1;
                    }
                    Err(error) => {
                        assert!(names_the_place(&error), "{name} byte {at}: {error:?}");
                        refused += 1;
                    }
                }
            }
        }
    }
    // Only the padding of runs is not read; only the one batch is not known to be synced.
    assert!(refused > 10_000, "{refused}");
    assert!((100..400).contains(&torn), "{torn}");
    assert!(whole > 0);
}

#[test]
fn every_prefix_of_a_killed_log_gives_a_prefix_of_its_commits() {
    let (killed, model) = unclean();
    let log = killed.keys().rfind(|name| name.ends_with(".log")).unwrap();
    let mut seen = 0;
    for len in 80..=killed[log].len() {
        let mut torn = killed.clone();
        torn.get_mut(log).unwrap().truncate(len);
        let target = directory(&torn);
        let db = Database::open_in(target.clone()).unwrap();
        let read = content(&db).unwrap();
        let present: Vec<bool> = (20..25)
            .map(|n| db.untyped("people").contains(id(n)).unwrap())
            .collect();
        let count = present.iter().filter(|p| **p).count();
        assert!(
            present.iter().take(count).all(|p| *p),
            "a prefix, without a gap"
        );
        assert_eq!(read.len(), model.len() - 5 + count);
        assert!(count >= seen);
        seen = count;
        // It goes on, and recovers again to the same.
        drop(db);
        assert_eq!(read_all(&image(&target), false).unwrap(), read);
        let db = Database::open_in(directory(&image(&target))).unwrap();
        db.untyped("people").put(id(99), &text(99)).unwrap();
        assert_eq!(content(&db).unwrap().len(), read.len() + 1);
    }
    assert_eq!(seen, 5);
}

#[test]
fn a_database_of_a_future_version_is_refused_by_its_version() {
    let sound = MemoryDirectory::new();
    small(&sound);
    let sound = image(&sound);
    for name in sound.keys() {
        let mut future = sound.clone();
        let bytes = future.get_mut(name).unwrap();
        bytes[12..16].copy_from_slice(&2_u32.to_le_bytes());
        // With its checksum right, as a newer program would write it.
        let crc = crc32c(&bytes[..76]);
        bytes[76..80].copy_from_slice(&crc.to_le_bytes());
        let error = read_all(&future, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
        assert!(error.to_string().contains("version 2"), "{name}: {error}");
        let mut feature = sound.clone();
        let bytes = feature.get_mut(name).unwrap();
        bytes[24] = 1;
        let crc = crc32c(&bytes[..76]);
        bytes[76..80].copy_from_slice(&crc.to_le_bytes());
        let error = read_all(&feature, false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}: {error}");
    }
}

#[test]
fn a_batch_of_a_newer_program_is_refused_and_not_cut_as_torn() {
    let (mut killed, _) = unclean();
    let log = killed
        .keys()
        .rfind(|name| name.ends_with(".log"))
        .unwrap()
        .clone();
    let bytes = killed.get_mut(&log).unwrap();
    let at = (0..bytes.len())
        .rfind(|at| bytes[*at..].starts_with(b"\xb5EBt"))
        .unwrap();
    bytes[at + 88] = 1;
    let crc = crc32c(&bytes[at + 8..at + 96]);
    bytes[at + 4..at + 8].copy_from_slice(&crc.to_le_bytes());
    for read_only in [true, false] {
        let error = read_all(&killed, read_only).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().contains("batch flags"), "{error}");
    }
}

#[test]
fn a_manifest_that_does_not_know_a_collection_of_its_log_is_found() {
    let disk = MemoryDirectory::new();
    let db = options().open_in(disk.clone()).unwrap();
    db.untyped("a").put(id(1), &text(1)).unwrap();
    let before = image(&disk)["manifest"].clone();
    db.untyped("b").put(id(2), &text(2)).unwrap();
    let mut stale = image(&disk);
    stale.insert("manifest".to_owned(), before);
    for read_only in [true, false] {
        let error = read_all(&stale, read_only).unwrap_err();
        assert!(names_the_place(&error), "{error:?}");
        assert!(error.to_string().contains("older"), "{error}");
    }
}

#[test]
fn a_damaged_batch_before_a_whole_footer_is_not_torn() {
    // Killed between the footer and the manifest: the log is sealed, and the manifest lists it as active.
    let (before, _) = unclean();
    let disk = directory(&before);
    let db = Options::new().open_in(disk.clone()).unwrap();
    let listed = image(&disk)["manifest"].clone();
    let active = image(&disk)
        .into_keys()
        .rfind(|name| name.ends_with(".log"))
        .unwrap();
    let end = image(&disk)[&active].len();
    db.checkpoint().unwrap();
    let mut sealed = image(&disk);
    sealed.insert("manifest".to_owned(), listed);
    assert!(read_all(&sealed, false).is_ok());
    let mut damaged = sealed.clone();
    damaged.get_mut(&active).unwrap()[end - 1] ^= 1;
    let error = read_all(&damaged, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(error.stream(), Some(active.as_str()));
}

/// Bit by bit, so that the test does not lean on the code it tests.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}
