//! The line from bytes to people: what is put is found, in order, whatever happened in between.

mod common;

use std::ops::Bound;

use common::{content, id, image, options, small, text};
use entidb::storage::MemoryDirectory;
use entidb::{Database, EntityId, ErrorKind, Options, Value};

#[test]
fn what_was_put_is_there_after_a_clean_close() {
    let directory = MemoryDirectory::new();
    let model = small(&directory);
    let db = Database::open_in(directory.clone()).unwrap();
    assert_eq!(content(&db).unwrap(), model);
    assert!(
        db.verify().unwrap().is_sound(),
        "{:?}",
        db.verify().unwrap()
    );
    let before = image(&directory);
    db.close().unwrap();
    assert_eq!(
        image(&directory),
        before,
        "an open that writes nothing changes nothing"
    );
}

#[test]
fn the_same_calls_with_the_same_seed_give_the_same_bytes() {
    let (one, two) = (MemoryDirectory::new(), MemoryDirectory::new());
    small(&one);
    small(&two);
    assert_eq!(image(&one), image(&two));
}

#[test]
fn a_session_goes_on_where_the_last_one_ended() {
    let directory = MemoryDirectory::new();
    let mut model = small(&directory);
    for round in 0..5 {
        let db = Database::open_in(directory.clone()).unwrap();
        db.untyped("rounds").put(id(round), &text(round)).unwrap();
        if round == 3 {
            db.checkpoint().unwrap();
        }
        db.close().unwrap();
        let db = Options::new()
            .read_only(true)
            .open_in(directory.clone())
            .unwrap();
        let payload = db.snapshot().get("rounds", id(round)).unwrap().unwrap();
        model.insert(
            ("rounds".to_owned(), id(round)),
            payload.as_bytes().to_vec(),
        );
        assert_eq!(content(&db).unwrap(), model);
        assert!(db.verify().unwrap().is_sound());
    }
}

#[test]
fn a_transaction_over_several_collections_is_all_or_nothing() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.write(|tx| {
        tx.put("a", id(1), &text(1))?;
        tx.put("b", id(1), &text(2))
    })
    .unwrap();
    let failed = db.write(|tx| {
        tx.put("a", id(1), &text(3))?;
        tx.put("c", id(1), &text(4))?;
        tx.put("", id(1), &text(5))
    });
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(db.untyped("a").get(id(1)).unwrap(), Some(text(1)));
    assert_eq!(db.untyped("b").get(id(1)).unwrap(), Some(text(2)));
    assert_eq!(db.snapshot().collections().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn a_transaction_sees_its_own_writes() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.untyped("a").put(id(1), &text(1)).unwrap();
    db.write(|tx| {
        assert!(tx.contains("a", id(1))?);
        assert!(tx.delete("a", id(1))?);
        assert!(!tx.delete("a", id(1))?);
        assert!(!tx.contains("a", id(1))?);
        assert_eq!(tx.get("a", id(1))?, None);
        tx.put("a", id(2), &text(2))?;
        tx.put("a", id(2), &text(3))?;
        assert_eq!(tx.get("a", id(2))?.unwrap().value()?, text(3));
        assert!(tx.delete("a", id(2))?);
        tx.put("a", id(3), &text(3))?;
        tx.put("a", id(1), &text(9))
    })
    .unwrap();
    let all: Vec<EntityId> = db.untyped("a").scan().ids().map(Result::unwrap).collect();
    let mut expected = vec![id(1), id(3)];
    expected.sort();
    assert_eq!(all, expected);
    assert_eq!(db.untyped("a").get(id(1)).unwrap(), Some(text(9)));
}

#[test]
fn a_write_inside_a_write_is_a_transaction_of_its_own() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.write(|tx| {
        db.untyped("a").put(id(1), &text(1))?;
        tx.put("a", id(2), &text(2))
    })
    .unwrap();
    // One that gets in the way of the outer one each time it is run is an error in the end, and not a hang.
    let error = db
        .write(|tx| {
            db.untyped("a").put(id(1), &text(3))?;
            tx.put("a", id(1), &text(4))
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(db.untyped("a").get(id(1)).unwrap(), Some(text(3)));
}

#[test]
fn a_snapshot_stays_exact_through_writes_and_checkpoints() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let people = db.untyped("people");
    for n in 0..700 {
        people.put(id(n), &text(n)).unwrap();
    }
    let snapshot = db.snapshot();
    for n in 0..700 {
        if n % 2 == 0 {
            people.put(id(n), &text(n + 1000)).unwrap();
        } else {
            assert!(people.delete(id(n)).unwrap());
        }
        if n % 200 == 0 {
            db.checkpoint().unwrap();
        }
    }
    assert_eq!(snapshot.scan("people").count(), 700);
    for n in 0..700 {
        let then = snapshot
            .get("people", id(n))
            .unwrap()
            .unwrap()
            .value()
            .unwrap();
        assert_eq!(then, text(n));
        let now = people.get(id(n)).unwrap();
        assert_eq!(now, (n % 2 == 0).then(|| text(n + 1000)));
    }
    assert_eq!(people.scan().count(), 350);
}

#[test]
fn ranges_follow_their_bounds_in_both_directions() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let at = |n: u8| EntityId::from_bytes([n; 16]);
    // Spread over a run and the memtable.
    for n in (0..100).step_by(2) {
        db.untyped("a").put(at(n), &Value::from(n)).unwrap();
    }
    db.untyped("b").put(at(50), &Value::Null).unwrap();
    db.checkpoint().unwrap();
    for n in (1..100).step_by(2) {
        db.untyped("a").put(at(n), &Value::from(n)).unwrap();
    }
    db.untyped("0").put(at(50), &Value::Null).unwrap();
    let a = db.untyped("a");
    let get = |scan: entidb::Scan| -> Vec<u8> {
        scan.ids().map(|id| id.unwrap().as_bytes()[0]).collect()
    };
    assert_eq!(get(a.scan()), (0..100).collect::<Vec<_>>());
    assert_eq!(get(a.scan().reverse()), (0..100).rev().collect::<Vec<_>>());
    for (low, high) in [
        (0, 0),
        (0, 99),
        (3, 7),
        (4, 8),
        (98, 99),
        (99, 99),
        (40, 20),
    ] {
        assert_eq!(
            get(a.range(at(low)..at(high))),
            (low..high).collect::<Vec<_>>()
        );
        assert_eq!(
            get(a.range(at(low)..=at(high))),
            (low..=high).collect::<Vec<_>>()
        );
        assert_eq!(
            get(a.range(at(low)..=at(high)).reverse()),
            (low..=high).rev().collect::<Vec<_>>()
        );
        let open = (Bound::Excluded(at(low)), Bound::Unbounded);
        assert_eq!(get(a.range(open)), (low + 1..100).collect::<Vec<_>>());
        let open = (Bound::Unbounded, Bound::Excluded(at(high)));
        assert_eq!(
            get(a.range(open).reverse()),
            (0..high).rev().collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_log_that_has_grown_to_its_bound_is_checkpointed_by_itself() {
    let directory = MemoryDirectory::new();
    let db = options()
        .checkpoint_log_bytes(4096)
        .open_in(directory.clone())
        .unwrap();
    for n in 0..500 {
        db.untyped("a").put(id(n), &text(n)).unwrap();
    }
    let stats = db.stats().unwrap();
    assert!(stats.checkpoint_count > 5, "{stats:?}");
    assert!(stats.memtable_count < 100, "{stats:?}");
    for n in 0..500 {
        assert_eq!(db.untyped("a").get(id(n)).unwrap(), Some(text(n)));
    }
    assert!(db.verify().unwrap().is_sound());
    db.close().unwrap();
    let db = Database::open_in(directory).unwrap();
    assert_eq!(db.untyped("a").scan().count(), 500);
}

#[test]
fn a_second_writer_is_refused_and_told_who_writes_and_a_reader_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.entidb");
    let db = Database::open(&path).unwrap();
    db.untyped("a").put(id(1), &text(1)).unwrap();
    let error = Database::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    let pid = std::process::id().to_string();
    assert!(error.to_string().contains(&pid), "{error}");
    let reader = Options::new().read_only(true).open(&path).unwrap();
    assert_eq!(reader.untyped("a").get(id(1)).unwrap(), Some(text(1)));
    let error = reader.untyped("a").put(id(2), &text(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
    db.close().unwrap();
    let db = Database::open(&path).unwrap();
    assert_eq!(db.untyped("a").get(id(1)).unwrap(), Some(text(1)));
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    std::fs::write(&file, "hello").unwrap();
    let error = Database::open(&file).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADatabase, "{error}");
    let error = Database::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotADatabase, "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let absent = folder.path().join("absent");
    for options in [Options::new().read_only(true), Options::new().create(false)] {
        let error = options.open(&absent).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
    assert!(!absent.exists());
}

#[test]
fn limits_are_errors_that_leave_everything_as_it_was() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let large = Value::from(vec![0_u8; entidb::limits::PAYLOAD_LEN_MAX]);
    let error = db.untyped("a").put(id(1), &large).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let name = "n".repeat(256);
    let error = db.untyped(&name).put(id(1), &text(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let fits = Value::from(vec![7_u8; entidb::limits::PAYLOAD_LEN_MAX - 5]);
    db.untyped("a").put(id(1), &fits).unwrap();
    assert_eq!(db.untyped("a").get(id(1)).unwrap(), Some(fits));
    db.untyped(&"ü".repeat(127)).put(id(1), &text(1)).unwrap();
}

#[test]
fn snapshots_and_readers_outlive_a_close() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.untyped("a").put(id(1), &text(1)).unwrap();
    let (other, snapshot) = (db.clone(), db.snapshot());
    db.close().unwrap();
    assert_eq!(
        snapshot.get("a", id(1)).unwrap().unwrap().value().unwrap(),
        text(1)
    );
    let error = other.untyped("a").put(id(2), &text(2)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ReadOnly);
}

#[test]
fn a_session_can_write_while_a_snapshot_of_the_last_one_lives() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path().join("db")).unwrap();
    let a = db.untyped("a");
    a.put(id(1), &text(1)).unwrap();
    let snapshot = db.snapshot();
    db.close().unwrap();
    let db = Database::open(folder.path().join("db")).unwrap();
    db.untyped("a").put(id(2), &text(2)).unwrap();
    db.checkpoint().unwrap();
    db.untyped("a").delete(id(1)).unwrap();
    assert_eq!(snapshot.scan("a").count(), 1);
    assert!(a.contains(id(1)).unwrap());
    assert!(db.verify().unwrap().is_sound());
}
