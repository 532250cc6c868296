//! Versions of a type's form, and how what is stored comes from one to the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use entidb::storage::MemoryDirectory;
use entidb::{Database, Entity, EntityId, Error, ErrorKind, Migrations, Options, Result, Value};
use serde::{Deserialize, Serialize};

use crate::memory;

/// Version 1.
#[derive(Entity, Serialize, Deserialize, Debug, PartialEq)]
#[entity(collection = "users")]
struct UserV1 {
    #[entity(id)]
    id: EntityId,
    nick: String,
}

/// Version 2: a field has another name.
#[derive(Entity, Serialize, Deserialize, Debug, PartialEq)]
#[entity(collection = "users", version = 2)]
struct UserV2 {
    #[entity(id)]
    id: EntityId,
    name: String,
}

/// Version 3: a field more.
#[derive(Entity, Serialize, Deserialize, Debug, PartialEq, Clone)]
#[entity(collection = "users", version = 3)]
struct User {
    #[entity(id)]
    id: EntityId,
    name: String,
    len: usize,
}

fn to_v2(mut old: Value) -> Result<Value> {
    let nick = old.remove("nick").unwrap_or_default();
    old.insert("name", nick);
    Ok(old)
}

fn to_v3(old: UserV2) -> Result<User> {
    Ok(User {
        id: old.id,
        len: old.name.len(),
        name: old.name,
    })
}

fn steps() -> Migrations {
    Migrations::new().step(1, to_v2).step(2, to_v3)
}

fn id(n: u32) -> EntityId {
    EntityId::from_key(n)
}

fn put_v1(db: &Database, ids: std::ops::Range<u32>) {
    let users = db.collection::<UserV1>().unwrap();
    let all: Vec<UserV1> = ids
        .map(|n| UserV1 {
            id: id(n),
            nick: format!("user {n}"),
        })
        .collect();
    users.put_many(&all).unwrap();
}

fn user(n: u32) -> User {
    let name = format!("user {n}");
    User {
        id: id(n),
        len: name.len(),
        name,
    }
}

fn all_of(db: &Database) -> Vec<User> {
    let users = db.collection::<User>().unwrap();
    let mut all: Vec<User> = users.iter().collect::<Result<_>>().unwrap();
    all.sort_by_key(|user| (user.len, user.name.clone()));
    all
}

fn expected(count: u32) -> Vec<User> {
    let mut all: Vec<User> = (0..count).map(user).collect();
    all.sort_by_key(|user| (user.len, user.name.clone()));
    all
}

/// What is stored, beside all types.
fn stored(db: &Database, n: u32) -> Value {
    db.untyped("users").get(id(n)).unwrap().unwrap()
}

#[test]
fn a_type_of_a_later_version_is_refused_until_what_is_stored_was_migrated() {
    let db = memory();
    put_v1(&db, 0..3);
    let error = db.collection::<User>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let said = error.to_string();
    assert!(
        said.contains("is of version 1") && said.contains("of version 3"),
        "{said}"
    );
    assert!(said.contains("db.migrate::<User>"), "{said}");
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 3);
    assert_eq!(all_of(&db), expected(3));
    assert_eq!(stored(&db, 1).get("len"), Some(&Value::from(6)));
    assert_eq!(stored(&db, 1).get("id"), None);
    // There is nothing left to do, and no step is needed any more.
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 0);
    assert_eq!(db.migrate::<User>(Migrations::new()).unwrap(), 0);
}

#[test]
fn a_downgrade_is_refused_with_both_versions() {
    let directory = MemoryDirectory::new();
    let db = Database::open_in(directory.clone()).unwrap();
    put_v1(&db, 0..1);
    let old = db.collection::<UserV1>().unwrap();
    db.migrate::<User>(steps()).unwrap();
    for error in [
        db.collection::<UserV2>().unwrap_err(),
        db.migrate::<UserV2>(Migrations::new().step(1, to_v2))
            .unwrap_err(),
        old.get(id(0)).unwrap_err(),
        old.put(&UserV1 {
            id: id(0),
            nick: String::new(),
        })
        .unwrap_err(),
        old.iter().next().unwrap().unwrap_err(),
        db.snapshot().collection::<UserV1>().unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.collection(), Some("users"));
    }
    let said = db.collection::<UserV2>().unwrap_err().to_string();
    assert!(
        said.contains("is of version 3") && said.contains("`UserV2` of version 2"),
        "{said}"
    );
    db.close().unwrap();
    let db = Database::open_in(directory).unwrap();
    assert_eq!(
        db.collection::<UserV1>().unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(all_of(&db), expected(1));
}

#[test]
fn a_lazy_migration_changes_what_is_read_and_writes_what_is_put() {
    let db = memory();
    put_v1(&db, 0..4);
    assert_eq!(db.migrate::<User>(steps().lazy()).unwrap(), 0);
    let users = db.collection::<User>().unwrap();
    assert_eq!(all_of(&db), expected(4));
    assert_eq!(users.get(id(2)).unwrap(), Some(user(2)));
    assert_eq!(
        users.get_many([id(0), id(9)]).unwrap(),
        [Some(user(0)), None]
    );
    assert!(stored(&db, 2).get("nick").is_some());
    // Written by an update, even one that changes nothing, and by a patch.
    users.update(id(2), |_| ()).unwrap();
    assert_eq!(stored(&db, 2).get("nick"), None);
    let patched = users.patch(id(3), &Value::from([("name", "Ann")])).unwrap();
    assert_eq!(
        patched.map(|user| (user.name, user.len)),
        Some(("Ann".to_owned(), 6))
    );
    assert_eq!(stored(&db, 3).get("nick"), None);
    db.write(|tx| {
        let within = users.within(tx);
        assert_eq!(within.get(id(1))?, Some(user(1)));
        assert_eq!(within.iter()?.count(), 4);
        Ok(())
    })
    .unwrap();
    // The rest, at once.
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 2);
    assert_eq!(stored(&db, 0).get("len"), Some(&Value::from(6)));
}

#[test]
fn a_lazy_migration_goes_on_in_the_next_session_and_needs_its_steps_there() {
    let directory = MemoryDirectory::new();
    let db = Database::open_in(directory.clone()).unwrap();
    put_v1(&db, 0..2);
    db.migrate::<UserV2>(Migrations::new().step(1, to_v2).lazy())
        .unwrap();
    let users = db.collection::<UserV2>().unwrap();
    users.update(id(1), |_| ()).unwrap();
    db.close().unwrap();

    // By now the program has a third version, and entities have three different forms.
    let db = Database::open_in(directory.clone()).unwrap();
    let error = db
        .migrate::<User>(Migrations::new().step(2, to_v3))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.to_string().contains("no step from version 1"),
        "{error}"
    );
    db.migrate::<User>(steps().lazy()).unwrap();
    db.collection::<User>().unwrap().put(&user(2)).unwrap();
    assert_eq!(all_of(&db), expected(3));
    assert!(stored(&db, 0).get("nick").is_some());
    assert!(stored(&db, 1).get("name").is_some() && stored(&db, 1).get("len").is_none());
    db.close().unwrap();

    let db = Database::open_in(directory).unwrap();
    let users = db.collection::<User>().unwrap();
    assert_eq!(users.get(id(2)).unwrap(), Some(user(2)));
    let error = users.get(id(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("db.migrate::<User>"), "{error}");
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 2);
    assert_eq!(all_of(&db), expected(3));
}

#[test]
fn a_migration_of_many_batches_that_fails_in_the_middle_goes_on_where_it_was() {
    const COUNT: u32 = 3_500;
    let db = memory();
    put_v1(&db, 0..COUNT);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = {
        let calls = Arc::clone(&calls);
        move |old: Value| {
            if calls.fetch_add(1, Ordering::Relaxed) == 2_500 {
                return Err(Error::other("out of luck"));
            }
            to_v2(old)
        }
    };
    let error = db
        .migrate::<User>(Migrations::new().step(1, counted.clone()).step(2, to_v3))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(
        error.id().is_some() && error.to_string().contains("from version 1"),
        "{error}"
    );
    assert!(error.to_string().ends_with("out of luck"), "{error}");
    // What was put stays put; the rest can be read all the same.
    let done = 2_000;
    assert_eq!(db.untyped("users").iter().filter(is_new).count(), done);
    let rest = db
        .migrate::<User>(Migrations::new().step(1, counted).step(2, to_v3))
        .unwrap();
    assert_eq!(rest, u64::from(COUNT) - done as u64);
    assert_eq!(all_of(&db), expected(COUNT));
}

fn is_new(entity: &Result<(EntityId, entidb::Payload)>) -> bool {
    let (_, payload) = entity.as_ref().unwrap();
    payload.value().unwrap().get("len").is_some()
}

#[test]
fn a_step_that_makes_no_entity_of_the_type_is_named_before_anything_of_it_is_written() {
    let db = memory();
    put_v1(&db, 0..1);
    let wrong = Migrations::new()
        .step(1, to_v2)
        .step(2, |old: Value| Ok(old));
    let error = db.migrate::<User>(wrong).unwrap_err();
    assert_eq!((error.kind(), error.id()), (ErrorKind::Decode, Some(id(0))));
    assert!(stored(&db, 0).get("nick").is_some());
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 1);
}

#[test]
fn steps_that_are_missing_or_lead_too_far_are_refused_before_anything_changes() {
    let db = memory();
    put_v1(&db, 0..1);
    for wrong in [
        Migrations::new(),
        Migrations::new().step(1, to_v2),
        Migrations::new().step(2, to_v3),
        steps().step(3, |old: Value| Ok(old)),
    ] {
        let error = db.migrate::<User>(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        db.collection::<UserV1>().unwrap();
    }
}

#[test]
fn what_was_put_without_a_type_counts_as_the_first_version_or_as_the_one_that_is_said() {
    // A type of version 1 takes it as it is.
    let db = memory();
    let untyped = db.untyped("users");
    untyped
        .put(id(0), &Value::from([("nick", "user 0")]))
        .unwrap();
    let users = db.collection::<UserV1>().unwrap();
    assert_eq!(users.get(id(0)).unwrap().unwrap().nick, "user 0");
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 1);

    // For one of a later version it has to be said.
    for said in [1, 2, 3] {
        let db = memory();
        let value = match said {
            1 => Value::from([("nick", "user 0")]),
            2 => Value::from([("name", "user 0")]),
            _ => Value::from([("name", Value::from("user 0")), ("len", Value::from(6))]),
        };
        db.untyped("users").put(id(0), &value).unwrap();
        for error in [
            db.collection::<User>().unwrap_err(),
            db.migrate::<User>(steps()).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains("untyped_as"), "{error}");
        }
        db.migrate::<User>(steps().untyped_as(said)).unwrap();
        assert_eq!(all_of(&db), expected(1));
    }

    // A new collection, or an empty one, has the version of its type.
    let db = memory();
    db.collection::<User>().unwrap();
    let db = memory();
    db.untyped("users").put(id(0), &Value::Null).unwrap();
    db.untyped("users").delete(id(0)).unwrap();
    assert_eq!(db.migrate::<User>(Migrations::new()).unwrap(), 0);
    db.collection::<User>().unwrap().put(&user(0)).unwrap();
    assert_eq!(all_of(&db), expected(1));
}

#[test]
fn a_commit_of_the_older_form_that_was_under_way_is_refused() {
    for bound in [64 << 20, 1] {
        check_older_form_under_way(bound);
    }
}

fn check_older_form_under_way(bound: usize) {
    let options = Options::new().transaction_memory_bytes(bound);
    let db = options.open_in(MemoryDirectory::new()).unwrap();
    put_v1(&db, 0..1);
    let old = db.collection::<UserV1>().unwrap();
    let mut tx = db.begin();
    let nick = "late".to_owned();
    old.within(&mut tx)
        .put(&UserV1 { id: id(1), nick })
        .unwrap();
    db.migrate::<User>(steps()).unwrap();
    let error = db.commit(tx, entidb::Durability::Sync).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(all_of(&db), expected(1));
}

#[test]
fn commits_beside_a_migration_are_not_lost() {
    const COUNT: u32 = 4_000;
    let db = memory();
    put_v1(&db, 0..COUNT);
    db.migrate::<User>(steps().lazy()).unwrap();
    let users = db.collection::<User>().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in (0..COUNT).step_by(40) {
                users.update(id(n), |user| user.name.push('!')).unwrap();
            }
            for n in COUNT..COUNT + 20 {
                users.insert(&user(n)).unwrap();
            }
        });
        db.migrate::<User>(steps()).unwrap();
    });
    assert_eq!(users.count().unwrap(), u64::from(COUNT) + 20);
    for user_now in &users {
        let user_now = user_now.unwrap();
        let n: u32 = user_now.name[5..].trim_end_matches('!').parse().unwrap();
        assert_eq!(user_now.id, id(n));
        assert_eq!(
            user_now.name.ends_with('!'),
            n < COUNT && n.is_multiple_of(40)
        );
    }
    assert!(db.untyped("users").iter().all(|entity| is_new(&entity)));
}

#[test]
fn forms_survive_checkpoints_merges_and_a_new_session() {
    let directory = MemoryDirectory::new();
    let open = || {
        Options::new()
            .background(false)
            .open_in(directory.clone())
            .unwrap()
    };
    let db = open();
    put_v1(&db, 0..500);
    db.checkpoint().unwrap();
    db.migrate::<User>(steps().lazy()).unwrap();
    let users = db.collection::<User>().unwrap();
    for n in 0..250 {
        users.update(id(n), |_| ()).unwrap();
    }
    db.compact().unwrap();
    assert_eq!(all_of(&db), expected(500));
    db.close().unwrap();
    let db = open();
    db.migrate::<User>(steps().lazy()).unwrap();
    assert_eq!(all_of(&db), expected(500));
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 250);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn fields_come_and_go_with_serde_alone() {
    #[derive(Entity, Serialize, Deserialize)]
    #[entity(collection = "notes")]
    struct Before {
        #[entity(id)]
        id: EntityId,
        text: String,
        old: u32,
    }
    #[derive(Entity, Serialize, Deserialize)]
    #[entity(collection = "notes")]
    struct After {
        #[entity(id)]
        id: EntityId,
        text: String,
        #[serde(default)]
        tags: Vec<String>,
    }
    let db = memory();
    let text = "x".to_owned();
    let before = db.collection::<Before>().unwrap();
    before
        .put(&Before {
            id: id(1),
            text,
            old: 1,
        })
        .unwrap();
    let notes = db.collection::<After>().unwrap();
    let note = notes.get(id(1)).unwrap().unwrap();
    assert_eq!((note.text.as_str(), note.tags.len()), ("x", 0));
}

#[test]
fn a_migration_leaves_each_entity_the_time_at_which_it_goes() {
    use std::time::{Duration, SystemTime};
    let db = memory();
    put_v1(&db, 0..4);
    let now = SystemTime::now();
    let at = |hour: u64| now + Duration::from_secs(3600 * hour);
    let nick = |n: u32| Value::from([("nick", Value::from(format!("user {n}").as_str()))]);
    db.write(|tx| {
        tx.put_expiring("users", id(1), &nick(1), at(1))?;
        tx.put_expiring("users", id(2), &nick(2), at(2))?;
        tx.put_expiring("users", id(3), &nick(3), at(1))
    })
    .unwrap();
    // Put again, it lives for ever.
    db.untyped("users").put(id(3), &nick(3)).unwrap();
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 4);
    assert_eq!(all_of(&db), expected(4));
    assert_eq!(db.expire_until(at(1)).unwrap(), 1);
    assert_eq!(db.expire_until(at(2)).unwrap(), 1);
    let left: Vec<_> = all_of(&db);
    assert_eq!(left.len(), 2);
}

#[test]
fn a_migration_gives_no_time_to_an_entity_that_has_none() {
    use std::time::{Duration, SystemTime};
    let db = memory();
    put_v1(&db, 0..3);
    let hour = Duration::from_secs(3600);
    // From now on: what is there lives for ever.
    db.set_time_to_live("users", Some(hour)).unwrap();
    put_v1(&db, 3..5);
    let later = SystemTime::now() + 2 * hour;
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 5);
    assert_eq!(db.expire_until(later).unwrap(), 2);
    assert_eq!(all_of(&db), expected(3));
}

#[test]
fn declaring_and_migrating_are_no_scans_of_the_program_s() {
    let directory = MemoryDirectory::new();
    let db = Options::new().open_in(directory.clone()).unwrap();
    db.untyped("users")
        .put(id(1), &Value::from([("nick", "ann")]))
        .unwrap();
    db.close().unwrap();
    let options = Options::new().scans(entidb::Scans::Forbid);
    let db = options.open_in(directory).unwrap();
    assert_eq!(db.collection::<UserV1>().unwrap().count().unwrap(), 1);
    assert_eq!(db.migrate::<User>(steps()).unwrap(), 1);
    let users = db.collection::<User>().unwrap();
    assert_eq!(users.get(id(1)).unwrap().unwrap().name, "ann");
    assert!(users.iter().next().unwrap().is_err());
    assert_eq!(db.stats().unwrap().scan_count, 0);
}
