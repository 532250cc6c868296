//! A disk that is full: what frees space goes on, and the rest once there is room again.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use common::{Content, apply, commit, content, delete, put, sound};
use entidb::{ErrorKind, Options};
use entidb_testkit::{Policy, SimDisk};

#[test]
fn on_a_full_disk_deletes_and_checkpoints_go_on_and_puts_once_there_is_room() {
    for room in (0..3_000).step_by(97) {
        let disk = SimDisk::new(room);
        let options = |life| Options::new().seed(life).reserve_bytes(32 << 10);
        let db = options(1).open_in(disk.clone()).unwrap();
        let mut model = Content::new();
        for n in 0..40 {
            let write = put("a", n, "x".repeat(200));
            commit(&db, std::slice::from_ref(&write)).unwrap();
            apply(&mut model, &write);
        }
        disk.set_capacity(Some(disk.used() + room));
        // Until not even a little fits, in the log and behind it.
        let mut sizes = [100_000, 3_000, 100, 1].into_iter().peekable();
        while let Some(size) = sizes.peek() {
            let write = put("a", 100, "y".repeat(*size));
            match commit(&db, std::slice::from_ref(&write)) {
                Ok(()) => apply(&mut model, &write),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Full, "room {room}: {error:?}");
                    sizes.next();
                }
            }
        }
        for n in 0..20 {
            let write = delete("a", n);
            commit(&db, std::slice::from_ref(&write))
                .unwrap_or_else(|error| panic!("room {room}, delete {n}: {error:?}"));
            apply(&mut model, &write);
        }
        db.checkpoint()
            .unwrap_or_else(|error| panic!("room {room}: {error:?}"));
        assert_eq!(content(&db).unwrap(), model);
        let error = commit(&db, &[put("a", 200, "z".repeat(100_000))]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "room {room}: {error:?}");
        // The same after a kill, on the disk that is still full.
        let killed = disk.restart();
        let again = options(2).open_in(killed.clone()).unwrap();
        assert_eq!(content(&again).unwrap(), model);
        disk.set_capacity(None);
        let write = put("a", 200, "z".repeat(100_000));
        commit(&db, std::slice::from_ref(&write)).unwrap();
        apply(&mut model, &write);
        db.close().unwrap();
        let again = options(3).open_in(disk.crash(Policy::Nothing)).unwrap();
        assert_eq!(content(&again).unwrap(), model);
        sound(&again).unwrap();
    }
}

#[test]
fn a_large_transaction_for_which_there_is_no_room_gives_back_what_it_took() {
    let mut met = [0; 2];
    for room in (0..100_000).step_by(2_777) {
        let disk = SimDisk::new(room);
        let options = |life| {
            let options = Options::new().seed(life).reserve_bytes(16 << 10);
            options.transaction_memory_bytes(2_000)
        };
        let db = options(1).open_in(disk.clone()).unwrap();
        let mut model = Content::new();
        for n in 0..5 {
            let write = put("a", n, "x".repeat(200));
            commit(&db, std::slice::from_ref(&write)).unwrap();
            apply(&mut model, &write);
        }
        let numbered = || {
            let names = entidb::storage::Directory::list(&disk).unwrap().into_iter();
            names.filter(|name| name.ends_with(".seg")).count()
        };
        disk.set_capacity(Some(disk.used() + room));
        let writes: Vec<_> = (0..20).map(|n| put("a", n, "y".repeat(500))).collect();
        // Where a write does not succeed, the transaction is as it was, and what it holds can be committed.
        let mut tx = db.begin();
        let mut held = Content::new();
        let refused = writes.iter().find_map(|write| {
            let common::What::Put(text) = &write.what else {
                return None;
            };
            let value = entidb::Value::from(text.as_str());
            match tx.put("a", common::id(write.id), &value) {
                Ok(()) => {
                    apply(&mut held, write);
                    None
                }
                Err(error) => Some(error),
            }
        });
        for ((_, id), payload) in &held {
            let found = tx.get("a", *id).unwrap().unwrap();
            assert_eq!(found.as_bytes(), payload.as_slice(), "room {room}");
        }
        met[0] += u32::from(refused.is_some());
        let answer = match refused {
            Some(error) => {
                drop(tx);
                Err(error)
            }
            None => db.commit(tx, entidb::Durability::Sync),
        };
        let error = answer.map_err(|error| error.kind());
        assert!(
            matches!(error, Ok(_) | Err(ErrorKind::Full)),
            "room {room}: {error:?}"
        );
        if error.is_ok() {
            model.extend(held);
            met[1] += 1;
        } else {
            assert_eq!(numbered(), 0, "room {room}");
        }
        assert_eq!(content(&db).unwrap(), model, "room {room}");
        let killed = disk.restart();
        for disk in [&disk, &killed] {
            disk.set_capacity(None);
        }
        let again = options(2).open_in(killed).unwrap();
        assert_eq!(content(&again).unwrap(), model, "room {room}");
        sound(&again).unwrap();
        commit(&db, &writes).unwrap();
        writes.iter().for_each(|write| apply(&mut model, write));
        assert_eq!(content(&db).unwrap(), model, "room {room}");
        db.close().unwrap();
        let again = options(3).open_in(disk.crash(Policy::Nothing)).unwrap();
        assert_eq!(content(&again).unwrap(), model, "room {room}");
        sound(&again).unwrap();
    }
    assert!(met[0] > 3 && met[1] > 3, "{met:?}");
}
