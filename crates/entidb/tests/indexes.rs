//! Indexes: who may have a value, what a build does beside commits, and what is refused.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers fail as its functions do"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use entidb::storage::MemoryDirectory;
use entidb::{
    Database, Durability, EntityId, ErrorKind, IndexKind, IndexSpec, Isolation, Options, Scans,
    Value, WriteOptions,
};

fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

fn entity(email: &str, age: i64) -> Value {
    Value::from([("email", Value::from(email)), ("age", Value::from(age))])
}

fn ids(find: entidb::Find<'_>) -> Vec<EntityId> {
    find.ids().collect::<entidb::Result<_>>().unwrap()
}

fn emails() -> IndexSpec {
    IndexSpec::on("email").unique()
}

fn sound(db: &Database) {
    let report = db.verify().unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

#[test]
fn of_indexes_made_together_those_that_can_be_are_ready() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let users = db.untyped("users");
    for n in 0..3 {
        let user = Value::from([("a", Value::from("same")), ("b", Value::from(n))]);
        users.put(id(n), &user).unwrap();
    }
    let specs = ["b", "a", "c"].map(|path| IndexSpec::on(path).unique());
    let refused = db.create_indexes("users", &specs).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Duplicate);
    let indexes = db.snapshot().indexes("users");
    let names: Vec<_> = indexes.iter().map(|i| (i.name.as_str(), i.ready)).collect();
    assert_eq!(names, [("b", true), ("c", true)]);
    let found = db.snapshot().by("users", "b").unwrap();
    assert_eq!(found.equal(&Value::from(1)).count().unwrap(), 1);
}

#[test]
fn of_several_who_want_one_value_at_once_exactly_one_gets_it() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &emails()).unwrap();
    const THREADS: u64 = 6;
    const ROUNDS: u64 = 60;
    let refused = AtomicUsize::new(0);
    thread::scope(|scope| {
        for worker in 0..THREADS {
            let (db, refused) = (&db, &refused);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let user = entity(&format!("user{round}@example.com"), worker as i64);
                    let id = id(round * THREADS + worker);
                    let options = WriteOptions::new().durability(match worker % 2 {
                        0 => Durability::Sync,
                        _ => Durability::Eventual,
                    });
                    match db.write_with(&options, |tx| tx.put("users", id, &user)) {
                        Ok(_) => {}
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Duplicate, "{error:?}");
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    if round % 20 == worker {
                        db.checkpoint().unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(db.untyped("users").count().unwrap(), ROUNDS);
    let expected = (THREADS - 1) * ROUNDS;
    assert_eq!(refused.into_inner() as u64, expected);
    for round in 0..ROUNDS {
        let email = Value::from(format!("user{round}@example.com"));
        let found = db.untyped("users").by("email").unwrap().equal(&email);
        assert_eq!(found.count().unwrap(), 1);
    }
    sound(&db);
}

#[test]
fn a_value_is_free_again_once_its_entity_is_gone_or_has_another() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &emails()).unwrap();
    let users = db.untyped("users");
    users.put(id(1), &entity("a", 1)).unwrap();
    let error = users.put(id(2), &entity("a", 2)).unwrap_err();
    let duplicate = error.duplicate().unwrap();
    assert_eq!((duplicate.id, duplicate.holder), (id(2), id(1)));
    assert_eq!(duplicate.value, [Value::from("a")]);
    assert_eq!(
        (&*duplicate.collection, &*duplicate.index),
        ("users", "email")
    );
    // The same entity keeps it.
    users.put(id(1), &entity("a", 3)).unwrap();
    users.put(id(1), &entity("b", 3)).unwrap();
    users.put(id(2), &entity("a", 2)).unwrap();
    // They change places.
    db.write(|tx| {
        tx.put("users", id(1), &entity("a", 3))?;
        tx.put("users", id(2), &entity("b", 2))
    })
    .unwrap();
    // One is deleted by a range, and its value taken, in one transaction.
    db.write(|tx| {
        tx.delete_range("users", id(1)..=id(1))?;
        tx.put("users", id(3), &entity("a", 5))
    })
    .unwrap();
    // Two of one transaction.
    let twice = db.write(|tx| {
        tx.put("users", id(4), &entity("c", 1))?;
        tx.put("users", id(5), &entity("c", 1))
    });
    assert_eq!(twice.unwrap_err().kind(), ErrorKind::Duplicate);
    // Null and nothing are nobody's.
    for n in 6..9 {
        users
            .put(id(n), &Value::from([("email", Value::Null)]))
            .unwrap();
        users.put(id(n + 10), &Value::from([("age", 1)])).unwrap();
    }
    sound(&db);
}

#[test]
fn commits_beside_a_build_are_in_the_index_and_so_is_all_from_before() {
    for round in 0..4_u64 {
        let options = Options::new()
            .checkpoint_log_bytes(64 << 10)
            .background(round % 2 == 0);
        let db = options.open_in(MemoryDirectory::new()).unwrap();
        let users = db.untyped("users");
        db.write(|tx| {
            for n in 0..4000 {
                tx.put("users", id(n), &entity(&format!("{n}"), n as i64 % 50))?;
            }
            Ok(())
        })
        .unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for worker in 0..3_u64 {
                let (db, stop) = (&db, &stop);
                scope.spawn(move || {
                    let options = WriteOptions::new().durability(Durability::Eventual);
                    let mut n = worker;
                    while !stop.load(Ordering::Relaxed) {
                        n = n
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(worker + 1);
                        let which = (n >> 33) % 5000;
                        let age = (n >> 20) % 50;
                        let written = db.write_with(&options, |tx| match n >> 60 {
                            0 => tx.remove("users", id(which)),
                            1 => tx.delete_range("users", id(which)..=id(which)),
                            _ => {
                                tx.put("users", id(which), &entity(&format!("{which}"), age as i64))
                            }
                        });
                        written.unwrap();
                    }
                });
            }
            let specs = [
                emails(),
                IndexSpec::on("age"),
                IndexSpec::on("email").named("words").full_text(),
            ];
            assert!(db.create_indexes("users", &specs).unwrap());
            thread::sleep(std::time::Duration::from_millis(50));
            stop.store(true, Ordering::Relaxed);
        });
        let snapshot = db.snapshot();
        assert_eq!(
            snapshot.by("users", "age").unwrap().count().unwrap(),
            users.count().unwrap()
        );
        assert!(snapshot.indexes("users").iter().all(|index| index.ready));
        sound(&db);
        db.compact().unwrap();
        sound(&db);
    }
}

#[test]
fn a_unique_index_over_two_of_a_kind_is_not_made_and_names_both() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let users = db.untyped("users");
    for n in 0..2000 {
        users_put(&db, n, &format!("{}", n % 1999));
    }
    let error = db.create_index("users", &emails()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate);
    let duplicate = error.duplicate().unwrap();
    let mut both = [duplicate.id, duplicate.holder];
    both.sort_unstable();
    let mut expected = [id(0), id(1999)];
    expected.sort_unstable();
    assert_eq!(both, expected);
    assert!(db.snapshot().indexes("users").is_empty());
    users.delete(id(0)).unwrap();
    assert!(db.create_index("users", &emails()).unwrap());
    sound(&db);
}

fn users_put(db: &Database, n: u64, email: &str) {
    let options = WriteOptions::new().durability(Durability::Eventual);
    let user = entity(email, 1);
    db.write_with(&options, |tx| tx.put("users", id(n), &user))
        .unwrap();
}

#[test]
fn what_cannot_be_declared_or_asked_is_refused() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let invalid = |spec: IndexSpec| {
        let error = db.create_index("users", &spec).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{spec:?}");
    };
    invalid(IndexSpec::on("a..b"));
    invalid(IndexSpec::on_all::<&str>([]));
    invalid(IndexSpec::on_all(["a", "a"]));
    invalid(IndexSpec::on_all(["a[]", "b[]"]));
    invalid(IndexSpec::on("a").full_text().unique());
    invalid(IndexSpec::on("a").named(""));
    invalid(IndexSpec::on("a").named("x".repeat(256)));
    assert!(db.snapshot().collections().next().is_none());
    for name in ["", "~own"] {
        let error = db.create_index(name, &emails()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    assert!(db.create_index("users", &emails()).unwrap());
    assert!(!db.create_index("users", &emails()).unwrap());
    invalid(IndexSpec::on("age").named("email"));
    invalid(IndexSpec::on("email"));
    db.create_index("users", &IndexSpec::on("text").full_text())
        .unwrap();

    let infos = db.snapshot().indexes("users");
    assert_eq!(infos.len(), 2);
    assert!(infos[0].unique && infos[0].ready && infos[0].kind == IndexKind::Value);
    assert_eq!(
        (&*infos[1].name, infos[1].kind),
        ("text:text", IndexKind::Text)
    );

    let users = db.untyped("users");
    let error = users.by("nothing").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("\"email\""), "{error}");
    let wrong = [
        users.by("email").unwrap().all_of(["a"]),
        users
            .by("email")
            .unwrap()
            .equal_all(&[Value::from(1), Value::from(2)]),
        users
            .by("email")
            .unwrap()
            .range(Value::from(1)..)
            .equal(&Value::from(1)),
        users.by("text:text").unwrap().equal(&Value::from(1)),
        users.by("text:text").unwrap(),
        users.by("text:text").unwrap().all_of(["a"]).any_of(["b"]),
    ];
    for find in wrong {
        let shown = format!("{find:?}");
        let error = find.count().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{shown}");
    }
    // A position of another index.
    users.put(id(1), &entity("a", 1)).unwrap();
    let (_, _, position) = users
        .by("email")
        .unwrap()
        .positions()
        .next()
        .unwrap()
        .unwrap();
    db.create_index("users", &IndexSpec::on("age")).unwrap();
    let error = users
        .by("age")
        .unwrap()
        .after(&position)
        .count()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!("abc".parse::<entidb::Position>().is_err());
    assert_eq!(position.to_string().parse(), Ok(position));
}

#[test]
fn a_position_at_another_value_leaves_all_or_nothing_of_a_value() {
    let db = Options::new().background(false);
    let db = db.open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &IndexSpec::on("email")).unwrap();
    let (low, high) = ("a", "z".repeat(40));
    users_put(&db, 1, low);
    users_put(&db, 2, &high);
    // In memory, and in a run.
    for _ in 0..2 {
        let snapshot = db.snapshot();
        let of = |email: &str| {
            let find = snapshot.by("users", "email").unwrap();
            find.equal(&Value::from(email))
        };
        let position = |email: &str| of(email).positions().next().unwrap().unwrap().2;
        let (at_low, at_high) = (position(low), position(&high));
        assert_eq!(ids(of(&high).after(&at_low)), [id(2)]);
        assert_eq!(ids(of(&high).reverse().after(&at_low)), []);
        assert_eq!(ids(of(low).after(&at_high)), []);
        assert_eq!(ids(of(low).reverse().after(&at_high)), [id(1)]);
        db.checkpoint().unwrap();
    }
}

#[test]
fn long_texts_are_as_unique_as_short_ones() {
    const COUNT: u64 = 6000;
    let db = Options::new().background(false);
    let db = db.open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &emails()).unwrap();
    // So many that among the digests which stand for them are some that look like the end of one part and a null behind it.
    let text = |n: u64| format!("{}{n}", "x".repeat(1000));
    db.write(|tx| (0..COUNT).try_for_each(|n| tx.put("users", id(n), &entity(&text(n), 1))))
        .unwrap();
    let second = |n: &u64| {
        let put = db
            .untyped("users")
            .put(id(COUNT + n), &entity(&text(*n), 2));
        put.is_ok()
    };
    assert_eq!((0..COUNT).find(second), None);

    // And null behind a long text is nobody's, wherever the text ends.
    let pairs = IndexSpec::on_all(["a", "b"]).unique();
    db.create_index("pairs", &pairs).unwrap();
    for len in [900, 956, 957, 958, 959, 960, 2000] {
        let half = Value::from([("a", "x".repeat(len))]);
        for n in 0..3 {
            db.untyped("pairs")
                .put(id(len as u64 * 3 + n), &half)
                .unwrap();
        }
    }
    sound(&db);
}

#[test]
fn the_beginning_of_a_word_may_be_longer_than_what_is_stored_of_one() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    let spec = IndexSpec::on("text").full_text();
    db.create_index("notes", &spec).unwrap();
    let long = "x".repeat(1200);
    for (n, text) in [format!("{long} y"), format!("{long}y"), "xy".to_owned()]
        .into_iter()
        .enumerate()
    {
        let note = Value::from([("text", Value::from(text))]);
        db.untyped("notes").put(id(n as u64), &note).unwrap();
    }
    let mut both = [id(0), id(1)];
    both.sort();
    let find = |beginning: &str| {
        let find = db.snapshot().by("notes", "text:text").unwrap();
        ids(find.word_prefix(beginning))
    };
    for len in [2, 956, 957, 958, 959, 960, 961, 1000, 1200] {
        assert_eq!(find(&"X".repeat(len)), both, "{len}");
    }
    assert_eq!(find(&format!("{long}Y")), [id(1)]);
    assert_eq!(find(&format!("{long}z")), []);
}

#[test]
fn a_serializable_transaction_is_refused_if_the_index_it_read_was_dropped() {
    for again in [false, true] {
        let db = Database::open_in(MemoryDirectory::new()).unwrap();
        let ages = IndexSpec::on("age");
        db.create_index("users", &ages).unwrap();
        let mut tx = db.begin_with(Isolation::Serializable);
        let young = tx.by("users", "age").unwrap().range(..Value::from(5));
        assert_eq!(young.count().unwrap(), 0);
        db.drop_index("users", "age").unwrap();
        if again {
            db.create_index("users", &ages).unwrap();
        }
        // What it would have found, and the index that it asked does not have.
        users_put(&db, 1, "a");
        tx.put("log", id(1), &Value::from(0)).unwrap();
        let error = db.commit(tx, Durability::Sync).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}

#[test]
fn a_serializable_transaction_is_refused_if_the_index_it_read_has_changed() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &IndexSpec::on("age")).unwrap();
    let users = db.untyped("users");
    for n in 0..10 {
        users.put(id(n), &entity(&n.to_string(), n as i64)).unwrap();
    }
    let young = || Value::from(0)..Value::from(5);
    // What another does, and whether that is in the way of whoever has read the young ones.
    type Other<'a> = (&'a dyn Fn(), bool);
    let others: [Other<'_>; 7] = [
        (&|| users.put(id(20), &entity("new", 3)).unwrap(), true),
        (&|| users.put(id(21), &entity("new", 7)).unwrap(), false),
        (&|| assert!(users.delete(id(2)).unwrap()), true),
        (&|| users.put(id(3), &entity("3", 8)).unwrap(), true),
        (&|| users.put(id(8), &entity("8", 9)).unwrap(), false),
        (&|| users.put(id(4), &entity("other", 4)).unwrap(), true),
        (
            &|| {
                db.write(|tx| tx.delete_range("users", id(1)..=id(1)))
                    .unwrap();
            },
            true,
        ),
    ];
    for (checkpoint, (number, (other, in_the_way))) in [false, true, false, true, true, false, true]
        .into_iter()
        .zip(others.iter().enumerate())
    {
        let mut tx = db.begin_with(Isolation::Serializable);
        let young: Vec<_> = tx
            .by("users", "age")
            .unwrap()
            .range(young())
            .into_iter()
            .collect();
        assert!(young.iter().all(Result::is_ok));
        other();
        if checkpoint {
            db.checkpoint().unwrap();
        }
        tx.put("log", EntityId::new(), &Value::from(young.len() as i64))
            .unwrap();
        let kept = db.commit(tx, Durability::Sync);
        match in_the_way {
            true => assert_eq!(kept.unwrap_err().kind(), ErrorKind::Conflict, "{number}"),
            false => assert!(kept.is_ok(), "{number}"),
        }
    }
    sound(&db);
}

#[test]
fn write_skew_through_an_index_is_caught() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.create_index("shifts", &IndexSpec::on("doctor")).unwrap();
    let doctor = Value::from("on call");
    let on_call = Value::from([("doctor", doctor.clone())]);
    let count = |tx: &entidb::Transaction| {
        tx.by("shifts", "doctor")
            .unwrap()
            .equal(&doctor)
            .count()
            .unwrap()
    };
    let mut first = db.begin_with(Isolation::Serializable);
    let mut second = db.begin_with(Isolation::Serializable);
    for (tx, n) in [(&mut first, 1), (&mut second, 2)] {
        assert_eq!(count(tx), 0);
        tx.put("shifts", id(n), &on_call).unwrap();
        assert_eq!(count(tx), 1);
    }
    db.commit(first, Durability::Sync).unwrap();
    let error = db.commit(second, Durability::Sync).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[test]
fn a_blind_put_beside_an_update_leaves_no_entry_behind() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &IndexSpec::on("age")).unwrap();
    let users = db.untyped("users");
    users.put(id(1), &entity("a", 1)).unwrap();
    let mut blind = db.begin();
    blind.put("users", id(1), &entity("a", 2)).unwrap();
    users.put(id(1), &entity("a", 3)).unwrap();
    let error = db.commit(blind, Durability::Sync).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    // Begun before the index, committed behind it.
    let mut early = db.begin();
    early.put("users", id(2), &entity("b", 4)).unwrap();
    early.put("users", id(1), &entity("a", 5)).unwrap();
    db.create_index("users", &emails()).unwrap();
    db.drop_index("users", "age").unwrap();
    db.create_index("users", &IndexSpec::on("age")).unwrap();
    db.commit(early, Durability::Sync).unwrap();
    assert_eq!(ids(users.by("age").unwrap()), [id(2), id(1)]);
    assert_eq!(ids(users.by("email").unwrap()), [id(1), id(2)]);
    // One that would have had a duplicate.
    let mut late = db.begin();
    late.put("users", id(3), &entity("c", 1)).unwrap();
    users.put(id(4), &entity("c", 1)).unwrap();
    assert_eq!(
        db.commit(late, Durability::Sync).unwrap_err().kind(),
        ErrorKind::Conflict
    );
    sound(&db);
}

#[test]
fn whole_walks_are_counted_named_or_forbidden() {
    let directory = MemoryDirectory::new();
    let open = |scans| {
        Options::new()
            .scans(scans)
            .open_in(directory.clone())
            .unwrap()
    };
    let db = open(Scans::Warn);
    let users = db.untyped("users");
    users.put(id(1), &entity("a", 1)).unwrap();
    assert_eq!(users.scan().count(), 1);
    assert_eq!(db.begin().scan("users").count(), 1);
    assert_eq!(users.range(id(1)..=id(1)).count(), 1);
    assert_eq!(users.count().unwrap(), 1);
    let stats = db.stats().unwrap();
    assert_eq!(stats.scan_count, 2);
    assert_eq!(stats.scanned_collections, ["users"]);
    db.close().unwrap();
    let db = open(Scans::Forbid);
    let scanned: Result<Vec<_>, _> = db.untyped("users").scan().collect();
    assert_eq!(scanned.unwrap_err().kind(), ErrorKind::Invalid);
    // What the engine does itself is not meant.
    db.create_index("users", &IndexSpec::on("age")).unwrap();
    assert_eq!(db.untyped("users").by("age").unwrap().count().unwrap(), 1);
    sound(&db);
}

#[test]
fn what_an_index_takes_is_counted() {
    let db = Database::open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &IndexSpec::on("age")).unwrap();
    let before = db.stats().unwrap();
    for n in 0..1000 {
        users_put(&db, n, "a");
    }
    let stats = db.stats().unwrap();
    assert_eq!(stats.index_count, 1);
    assert_eq!(stats.index_entry_count, 1000);
    assert!(stats.memtable_bytes > before.memtable_bytes + 1000 * 100);
    db.checkpoint().unwrap();
    db.compact().unwrap();
    let stats = db.stats().unwrap();
    assert_eq!(stats.index_entry_count, 1000);
    // Entries of an index that is there count as living, so that no merge is begun for them.
    assert_eq!(stats.dead_bytes_estimate, 0);
    db.drop_index("users", "age").unwrap();
    let dead = db.stats().unwrap().dead_bytes_estimate;
    assert!(dead > 1000 * 16, "{dead}");
    db.untyped("users").put(id(0), &entity("b", 1)).unwrap();
    db.checkpoint().unwrap();
    db.compact().unwrap();
    assert_eq!(db.stats().unwrap().index_entry_count, 0);
    sound(&db);
}

#[test]
fn what_is_in_an_index_is_not_taken_for_dead() {
    let options = Options::new().auto_compaction(false).background(false);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &IndexSpec::on("email")).unwrap();
    for n in 0..2000 {
        users_put(&db, n, &format!("user {n}"));
    }
    db.checkpoint().unwrap();
    let dead_bytes = || db.stats().unwrap().dead_bytes_estimate;
    // That of the log, which has the entries' records, too.
    let before = dead_bytes();
    db.drop_index("users", "email").unwrap();
    assert!(dead_bytes() > before + 10_000, "{before}");
}

#[test]
fn merges_of_what_is_in_an_index_come_to_an_end() {
    let options = Options::new().checkpoint_log_bytes(4 << 10);
    let options = options.background(false);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    db.create_index("users", &IndexSpec::on("email")).unwrap();
    for n in 0..300 {
        users_put(&db, n % 20, &format!("user {n}"));
        if n % 7 == 0 {
            db.write(|tx| tx.delete_range("users", id(n % 20)..))
                .unwrap();
        }
    }
    let (checkpoints, merges) = db
        .stats()
        .map(|s| (s.checkpoint_count, s.compaction_count))
        .unwrap();
    assert!(merges <= 2 * checkpoints, "{merges} after {checkpoints}");
    sound(&db);
}
