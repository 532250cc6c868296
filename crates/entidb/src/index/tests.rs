//! What verify finds in indexes that are wrong, and indexes that were made by other rules.

use std::sync::Arc;

use entidb_codec::Value;
use entidb_codec::key::{self, Case};
use entidb_storage::MemoryDirectory;

use super::derive::Derived;
use super::spec::IndexSpec;
use crate::db::Database;
use crate::ids::EntityId;
use crate::options::Options;
use crate::transaction::Finished;
use crate::write_options::Durability;
use crate::write_set::WriteSet;

fn id(n: u64) -> EntityId {
    EntityId::from_key(n)
}

fn number(n: u64) -> Value {
    Value::from([("n", Value::from(i64::try_from(n).unwrap()))])
}

fn open(directory: &MemoryDirectory) -> Database {
    let options = Options::new().background(false);
    options.open_in(directory.clone()).unwrap()
}

fn made(directory: &MemoryDirectory) -> Database {
    let db = open(directory);
    db.create_index("a", &IndexSpec::on("n")).unwrap();
    for n in 0..20 {
        db.untyped("a").put(id(n), &number(n)).unwrap();
    }
    db
}

/// Commits one index entry, or its tombstone, which no entity gives.
fn spoil(db: &Database, n: u64, of: u64, tombstone: bool) {
    let snapshot = db.snapshot();
    let catalog = Arc::clone(&snapshot.view().catalog);
    let index = catalog.indexes.first().unwrap();
    let mut derived = Derived::built(index.collection, std::slice::from_ref(index));
    let mut index_key = Vec::new();
    let value = Value::from(i64::try_from(n).unwrap());
    key::push_value(&mut index_key, &value, Case::Sensitive).unwrap();
    derived
        .push(index.id, &index_key, id(of), tombstone)
        .unwrap();
    let finished = Finished {
        snapshot,
        writes: WriteSet::default(),
        derived: Some(derived),
        made: Vec::new(),
        reads: None,
        drops: None,
        versions: Vec::new(),
        spilled: None,
    };
    let writer = db.writer().unwrap();
    writer.committer.commit(finished, Durability::Sync).unwrap();
}

#[test]
fn verify_names_an_entry_that_is_missing_or_that_no_entity_gives() {
    for checkpoint in [false, true] {
        // (the entry's value, its entity, whether it goes, what the report says)
        let cases = [
            (5, 5, true, "lacks an entry of entity"),
            (5, 6, false, "that the entity does not give"),
            (99, 99, false, "that the entity does not give"),
        ];
        for (value, of, tombstone, says) in cases {
            let directory = MemoryDirectory::new();
            let db = made(&directory);
            assert_eq!(db.verify().unwrap().entry_count, 20);
            spoil(&db, value, of, tombstone);
            if checkpoint {
                db.checkpoint().unwrap();
            }
            let report = db.verify().unwrap();
            assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
            let problem = &report.problems[0];
            assert!(problem.message.contains(says), "{problem}");
            assert!(problem.message.contains(&id(of).to_string()), "{problem}");
            // One missing and one too many are as many as there should be.
            if !tombstone {
                spoil(&db, 7, 7, true);
                assert_eq!(db.verify().unwrap().problems.len(), 2);
            }
            // Made again, it is right.
            db.drop_index("a", "n").unwrap();
            db.create_index("a", &IndexSpec::on("n")).unwrap();
            assert!(db.verify().unwrap().is_sound());
        }
    }
}

#[test]
fn an_index_of_words_by_other_rules_is_made_again() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    let spec = IndexSpec::on("text").full_text();
    db.create_index("a", &spec).unwrap();
    let text = Value::from([("text", "two words")]);
    db.untyped("a").put(id(1), &text).unwrap();
    let writer = db.writer().unwrap();
    let edited = writer.editor.edit(|manifest| {
        let index = manifest.catalog.indexes.first_mut().unwrap();
        Arc::make_mut(index).words = 3;
    });
    edited.unwrap();
    db.close().unwrap();

    let reader = Options::new()
        .read_only(true)
        .open_in(directory.clone())
        .unwrap();
    assert!(reader.untyped("a").by("text:text").is_err());
    let db = open(&directory);
    assert!(db.untyped("a").by("text:text").is_err());
    db.untyped("a").put(id(2), &text).unwrap();
    assert!(!db.create_index("a", &spec).unwrap());
    let find = db.untyped("a").by("text:text").unwrap();
    assert_eq!(find.all_of(["words"]).count().unwrap(), 2);
    assert!(db.verify().unwrap().is_sound());
    db.close().unwrap();
    let db = open(&directory);
    assert!(db.untyped("a").by("text:text").is_ok());
}

#[test]
fn a_build_that_a_session_has_left_is_taken_up_in_the_background() {
    let directory = MemoryDirectory::new();
    let db = made(&directory);
    let writer = db.writer().unwrap();
    let edited = writer.editor.edit(|manifest| {
        let index = manifest.catalog.indexes.first_mut().unwrap();
        Arc::make_mut(index).state = crate::format::catalog::State::Building(id(4));
    });
    edited.unwrap();
    db.close().unwrap();
    let db = Options::new().open_in(directory.clone()).unwrap();
    let mut waited = 0;
    while !db.snapshot().indexes("a")[0].ready {
        std::thread::sleep(std::time::Duration::from_millis(5));
        waited += 1;
        assert!(waited < 2000);
    }
    assert_eq!(db.untyped("a").by("n").unwrap().count().unwrap(), 20);
    assert!(db.verify().unwrap().is_sound());
}

/// A payload by chance, with fields of all sorts that indexes look into, or none.
fn any(seed: u64) -> Value {
    let mix = |field: u64| crate::mix::mix64(seed << 8 | field);
    let number = |field| Value::from(i64::try_from(mix(field) % 5).unwrap());
    let text = |field| Value::from(["ann Lee", "Ann lee", "bob", ""][(mix(field) % 4) as usize]);
    let inner = Value::from([("x", number(1)), ("y", number(2))]);
    let tags = (0..mix(3) % 3).map(|tag| text(10 + tag)).collect();
    let a = if mix(4).is_multiple_of(2) {
        number(5)
    } else {
        inner
    };
    let fields = [
        ("a", a),
        ("b", text(6)),
        ("aa", number(7)),
        ("c", number(8)),
        ("tags", tags),
    ];
    let kept = fields.into_iter().enumerate();
    let kept = kept.filter(|(at, _)| !mix(20 + *at as u64).is_multiple_of(4));
    let kept = kept.map(|(_, (name, value))| (Value::from(name), value));
    match seed.is_multiple_of(17) {
        true => (0..3).map(number).collect(),
        false => Value::Map(kept.collect()),
    }
}

#[test]
fn transactions_of_any_size_leave_every_index_as_its_entities_have_it() {
    let directory = MemoryDirectory::new();
    let db = open(&directory);
    let specs = [
        IndexSpec::on("a"),
        IndexSpec::on("b").ignore_case(),
        IndexSpec::on("aa"),
        IndexSpec::on("a.x"),
        IndexSpec::on("tags[]"),
        IndexSpec::on_all(["aa", "b", "absent"]),
        IndexSpec::on("b").full_text(),
        IndexSpec::on("[]"),
    ];
    db.create_indexes("a", &specs).unwrap();
    // Alone, a few, and enough for the entries to be arranged.
    let sizes = [300, 1, 1, 20, 300, 7, 150, 300];
    for (round, size) in sizes.into_iter().enumerate() {
        let put = db.write(|tx| {
            for n in 0..size {
                let seed = crate::mix::mix64((round as u64) << 32 | n);
                match seed % 5 {
                    0 => tx.remove("a", id(n * 7 % 300))?,
                    _ => tx.put("a", id(n * 7 % 300), &any(seed % 64))?,
                }
            }
            Ok(())
        });
        put.unwrap();
        let report = db.verify().unwrap();
        assert!(report.is_sound(), "round {round}: {:?}", report.problems);
        assert!(report.entry_count > 0);
        if round % 2 == 1 {
            db.checkpoint().unwrap();
        }
    }
}
