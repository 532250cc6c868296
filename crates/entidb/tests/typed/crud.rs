//! Putting, reading, changing and deleting.

use std::ops::Bound;

use entidb::{Database, Entity, EntityId, Error, ErrorKind, Payload, Result, Value};
use serde::{Deserialize, Serialize};

use crate::memory;

#[derive(Entity, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[entity(collection = "users")]
struct User {
    #[entity(id)]
    id: EntityId,
    name: String,
    age: u32,
    nick: Option<String>,
    address: Address,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
struct Address {
    city: String,
    street: String,
}

fn user(n: u32) -> User {
    User {
        id: EntityId::from_key(n),
        name: format!("user {n}"),
        age: n,
        nick: n.is_multiple_of(2).then(|| format!("u{n}")),
        address: Address::default(),
    }
}

/// Users by rising id.
fn some(count: u32) -> Vec<User> {
    let mut users: Vec<User> = (0..count).map(user).collect();
    users.sort_by_key(|user| user.id);
    users
}

#[test]
fn what_is_put_is_what_is_read() {
    let users = memory().collection::<User>().unwrap();
    let ann = user(1);
    users.put(&ann).unwrap();
    assert_eq!(users.get(ann.id).unwrap(), Some(ann.clone()));
    assert_eq!(users.get(EntityId::from_key("nobody")).unwrap(), None);
    assert!(users.contains(ann.id).unwrap());
    let older = User { age: 2, ..ann };
    users.put(&older).unwrap();
    assert_eq!(users.get(older.id).unwrap(), Some(older));
    assert_eq!(users.count().unwrap(), 1);
}

#[test]
fn the_id_is_not_stored_and_filled_in() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    let ann = user(1);
    users.put(&ann).unwrap();
    let value = db.untyped("users").get(ann.id).unwrap().unwrap();
    assert_eq!(value.get("id"), None);
    assert_eq!(value.get("name"), Some(&Value::from("user 1")));
    assert_eq!(value.get("nick"), Some(&Value::Null));
}

#[test]
fn an_insert_fails_where_the_id_is_taken_and_changes_nothing() {
    let users = memory().collection::<User>().unwrap();
    let ann = user(1);
    users.insert(&ann).unwrap();
    let error = users
        .insert(&User {
            age: 50,
            ..ann.clone()
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate);
    assert_eq!(
        (error.collection(), error.id()),
        (Some("users"), Some(ann.id))
    );
    assert_eq!(users.get(ann.id).unwrap(), Some(ann.clone()));
    users.delete(ann.id).unwrap();
    users.insert(&ann).unwrap();
}

#[test]
fn several_are_put_or_inserted_all_or_none() {
    let users = memory().collection::<User>().unwrap();
    users.insert_many(&some(3)).unwrap();
    assert_eq!(users.count().unwrap(), 3);
    let error = users.insert_many(&[user(3), user(4), user(0)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate);
    assert_eq!(users.count().unwrap(), 3);
    users.put_many(&some(5)).unwrap();
    assert_eq!(users.iter().collect::<Result<Vec<_>>>().unwrap(), some(5));
    // The same id twice in one call is taken as well.
    let error = users.insert_many([&user(9), &user(9)]).unwrap_err();
    assert_eq!(
        (error.kind(), error.id()),
        (ErrorKind::Duplicate, Some(user(9).id))
    );
}

#[test]
fn an_update_gives_back_what_it_has_put_and_writes_nothing_where_nothing_changes() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    let ann = user(1);
    users.put(&ann).unwrap();
    let updated = users.update(ann.id, |user| user.age += 1).unwrap();
    assert_eq!(
        updated,
        Some(User {
            age: 2,
            ..ann.clone()
        })
    );
    assert_eq!(users.get(ann.id).unwrap(), updated);
    let before = db.lsn();
    assert_eq!(users.update(ann.id, |_| ()).unwrap(), updated);
    assert_eq!(db.lsn(), before);
    assert_eq!(users.update(user(2).id, |user| user.age = 0).unwrap(), None);
}

#[test]
fn an_update_that_gives_up_or_moves_the_entity_changes_nothing() {
    let users = memory().collection::<User>().unwrap();
    let ann = user(1);
    users.put(&ann).unwrap();
    let error = users.try_update(ann.id, |user| {
        user.age = 0;
        Err(Error::other("no"))
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Other);
    let error = users.update(ann.id, |user| user.id = EntityId::new());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(users.iter().collect::<Result<Vec<_>>>().unwrap(), [ann]);
}

#[test]
fn a_patch_merges_and_keeps_what_the_type_does_not_know() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    let ann = user(2);
    users.put(&ann).unwrap();
    db.untyped("users")
        .update(ann.id, |value| drop(value.insert("badge", 7)))
        .unwrap();
    let patch = Value::from([
        ("nick", Value::Null),
        ("address", Value::from([("city", "Wien")])),
    ]);
    let patched = users.patch(ann.id, &patch).unwrap().unwrap();
    assert_eq!(patched.nick, None);
    assert_eq!(patched.address.city, "Wien");
    assert_eq!((&patched.name, patched.age), (&ann.name, ann.age));
    assert_eq!(users.get(ann.id).unwrap(), Some(patched));
    let stored = db.untyped("users").get(ann.id).unwrap().unwrap();
    assert_eq!(stored.get("badge"), Some(&Value::from(7)));
    assert_eq!(stored.get("nick"), None);
    assert_eq!(users.patch(user(3).id, &patch).unwrap(), None);
    assert!(!users.contains(user(3).id).unwrap());
}

#[test]
fn a_patch_can_be_anything_that_serde_takes() {
    #[derive(Serialize)]
    struct Form {
        name: &'static str,
    }
    let users = memory().collection::<User>().unwrap();
    users.put(&user(1)).unwrap();
    let patched = users.patch(user(1).id, &Form { name: "Ann" }).unwrap();
    assert_eq!(patched.unwrap().name, "Ann");
}

#[test]
fn a_patch_that_leaves_no_entity_of_the_type_is_refused() {
    let users = memory().collection::<User>().unwrap();
    let ann = user(1);
    users.put(&ann).unwrap();
    let wrong = [
        Value::from([("age", "old")]),
        Value::from([("name", Value::Null)]),
        Value::from([("id", EntityId::new().to_string().as_str())]),
        Value::from(1),
        Value::Null,
    ];
    for patch in wrong {
        let error = users.patch(ann.id, &patch).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{patch:?}: {error}");
    }
    assert_eq!(users.get(ann.id).unwrap(), Some(ann));
}

#[test]
fn walks_are_in_id_order_in_both_directions_and_go_on_behind_an_id() {
    let users = memory().collection::<User>().unwrap();
    let all = some(20);
    users.put_many(&all).unwrap();
    let read = |walk: entidb::Entities<User>| walk.collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(read(users.iter()), all);
    let mut backwards = all.clone();
    backwards.reverse();
    assert_eq!(read(users.iter().reverse()), backwards);
    assert_eq!(read(users.range(all[3].id..=all[7].id)), all[3..=7]);
    for (n, user) in all.iter().enumerate() {
        assert_eq!(read(users.iter().after(user.id)), all[n + 1..]);
        assert_eq!(
            read(users.iter().reverse().after(user.id)),
            backwards[20 - n..]
        );
        let behind = (Bound::Excluded(user.id), Bound::Unbounded);
        assert_eq!(read(users.range(behind)), all[n + 1..]);
    }
    // Behind an id that is not there, and behind one before the range.
    let between = all[4].id.next().unwrap();
    assert_eq!(read(users.iter().after(between)), all[5..]);
    assert_eq!(read(users.range(all[9].id..).after(between)), all[9..]);
    assert_eq!(read(users.range(..all[9].id).after(all[12].id)), []);
    let ids: Result<Vec<EntityId>> = users.iter().ids().collect();
    assert!(ids.unwrap().into_iter().eq(all.iter().map(|user| user.id)));
}

#[test]
fn many_are_read_in_the_order_asked_for_with_those_missing_in_sight() {
    let users = memory().collection::<User>().unwrap();
    users.put_many(&some(4)).unwrap();
    let ids = [user(3).id, user(9).id, user(0).id, user(3).id];
    let found = users.get_many(ids).unwrap();
    assert_eq!(found, [Some(user(3)), None, Some(user(0)), Some(user(3))]);
    assert_eq!(users.get_many::<EntityId>([]).unwrap(), []);
}

#[test]
fn references_are_followed_in_order_with_those_missing_in_sight() {
    #[derive(Entity, Serialize, Deserialize)]
    struct Post {
        #[entity(id)]
        id: EntityId,
        by: EntityId,
    }
    let db = memory();
    let users = db.collection::<User>().unwrap();
    let posts = db.collection::<Post>().unwrap();
    users.put_many(&some(3)).unwrap();
    for by in [2, 0, 7, 2] {
        let (id, by) = (EntityId::new(), user(by).id);
        posts.put(&Post { id, by }).unwrap();
    }
    // A reference is text, in the payload and in JSON.
    let post = posts.iter().next().unwrap().unwrap();
    let stored = posts.untyped().get(post.id).unwrap().unwrap();
    assert_eq!(
        stored.get("by").and_then(Value::as_str),
        Some(post.by.to_string().as_str())
    );
    let all: Vec<Post> = posts.iter().collect::<Result<_>>().unwrap();
    let followed = users.follow(&all, |post| post.by).unwrap();
    let found: Vec<_> = followed.iter().map(|(_, user)| user.clone()).collect();
    assert_eq!(found, [Some(user(2)), Some(user(0)), None, Some(user(2))]);
    assert!(
        followed
            .iter()
            .map(|(post, _)| post.id)
            .eq(all.iter().map(|post| post.id))
    );
}

#[test]
fn a_transaction_sees_its_own_writes_and_a_snapshot_does_not() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    users.put_many(&some(4)).unwrap();
    let before = db.snapshot();
    db.write(|tx| {
        let mut within = users.within(tx);
        within.delete(user(1).id)?;
        within.update(user(2).id, |user| user.age = 22)?;
        within.insert(&user(8))?;
        assert_eq!(within.get(user(1).id)?, None);
        assert_eq!(within.get(user(2).id)?.map(|user| user.age), Some(22));
        let found = within.get_many([user(8).id, user(1).id])?;
        assert_eq!(found, [Some(user(8)), None]);
        let mut expected = [user(0), User { age: 22, ..user(2) }, user(3), user(8)];
        expected.sort_by_key(|user| user.id);
        assert_eq!(within.iter()?.collect::<Result<Vec<_>>>()?, expected);
        let behind = within.iter()?.after(expected[1].id);
        assert_eq!(behind.collect::<Result<Vec<_>>>()?, expected[2..]);
        let first = within.range(..expected[2].id)?.reverse();
        expected[..2].reverse();
        assert_eq!(first.collect::<Result<Vec<_>>>()?, expected[..2]);
        assert_eq!(
            within.insert(&user(8)).unwrap_err().kind(),
            ErrorKind::Duplicate
        );
        Ok(())
    })
    .unwrap();
    let old = before.collection::<User>().unwrap();
    assert_eq!(old.get(user(1).id).unwrap(), Some(user(1)));
    assert_eq!(old.iter().collect::<Result<Vec<_>>>().unwrap(), some(4));
    assert_eq!(old.count().unwrap(), 4);
    assert_eq!(users.get(user(1).id).unwrap(), None);
}

#[test]
fn a_collection_has_to_be_declared_before_a_transaction_writes_to_it() {
    let db = memory();
    let error = db.write(|tx| tx.collection::<User>()?.put(&user(1)));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(
        error.to_string().contains("db.collection::<User>()"),
        "{error}"
    );
    db.collection::<User>().unwrap();
    db.write(|tx| tx.collection::<User>()?.put(&user(1)))
        .unwrap();
}

#[test]
fn a_collection_that_was_dropped_is_empty_and_has_to_be_declared_again() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    users.put(&user(1)).unwrap();
    db.drop_collection("users").unwrap();
    assert_eq!(users.get(user(1).id).unwrap(), None);
    assert_eq!((users.count().unwrap(), users.iter().count()), (0, 0));
    assert_eq!(users.put(&user(1)).unwrap_err().kind(), ErrorKind::Invalid);
    let users = db.collection::<User>().unwrap();
    users.put(&user(1)).unwrap();
    assert_eq!(users.count().unwrap(), 1);
}

#[test]
fn what_is_not_of_the_type_is_named_and_the_walk_goes_on() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    users.put_many(&some(3)).unwrap();
    let wrong = some(3)[1].id;
    let untyped = db.untyped("users");
    untyped.put(wrong, &Value::from([("name", 5)])).unwrap();
    let error = users.get(wrong).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(
        (error.collection(), error.id()),
        (Some("users"), Some(wrong))
    );
    assert!(error.to_string().contains("`User`"), "{error}");
    let walked: Vec<bool> = users.iter().map(|user| user.is_ok()).collect();
    assert_eq!(walked, [true, false, true]);
    assert_eq!(
        users.update(wrong, |_| ()).unwrap_err().kind(),
        ErrorKind::Decode
    );
    users.delete(wrong).unwrap();
    assert_eq!(users.iter().count(), 2);
}

#[test]
fn values_and_types_are_two_views_of_the_same_entities() {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    let json = r#"{"name":"Ann","age":31,"nick":null,"address":{"city":"Graz","street":"Ring"},"more":[1]}"#;
    let id = EntityId::from_key("ann");
    db.write(|tx| tx.put_payload("users", id, &Payload::from_json(json)?))
        .unwrap();
    let ann = users.get(id).unwrap().unwrap();
    assert_eq!((ann.id, ann.name.as_str(), ann.age), (id, "Ann", 31));
    // An update drops what the type does not know: that is what a patch is for.
    users.update(id, |user| user.age = 32).unwrap();
    let value = db.untyped("users").get(id).unwrap().unwrap();
    assert_eq!(value.get("age"), Some(&Value::from(32)));
    assert_eq!(value.get("more"), None);
}

#[test]
fn untyped_entities_are_inserted_updated_and_patched_as_well() {
    let pages = memory().untyped("pages");
    let id = EntityId::from_key("/");
    let page = Value::from([("title", Value::from("Home")), ("hits", Value::from(1))]);
    assert_eq!(pages.update(id, |_| ()).unwrap(), None);
    pages.insert(id, &page).unwrap();
    assert_eq!(
        pages.insert(id, &page).unwrap_err().kind(),
        ErrorKind::Duplicate
    );
    let patched = pages
        .patch(id, &Value::from([("hits", Value::Null)]))
        .unwrap();
    assert_eq!(patched, Some(Value::from([("title", "Home")])));
    assert_eq!(pages.get(id).unwrap(), patched);
}

#[test]
fn a_database_that_was_opened_for_reading_reads_and_declares_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path()).unwrap();
    db.collection::<User>().unwrap().put(&user(1)).unwrap();
    db.close().unwrap();
    let db = entidb::Options::new()
        .read_only(true)
        .open(folder.path())
        .unwrap();
    let users = db.collection::<User>().unwrap();
    assert_eq!(users.get(user(1).id).unwrap(), Some(user(1)));
    assert_eq!(users.put(&user(2)).unwrap_err().kind(), ErrorKind::ReadOnly);

    #[derive(Entity, Serialize, Deserialize)]
    struct Other {
        #[entity(id)]
        id: EntityId,
    }
    assert_eq!(db.collection::<Other>().unwrap().count().unwrap(), 0);
}
