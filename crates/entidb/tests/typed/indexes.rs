//! Asking declared indexes.

use entidb::storage::MemoryDirectory;
use entidb::{
    Database, Entity, EntityId, Error, ErrorKind, IndexSpec, Migrations, Position, Result, Value,
};
use serde::{Deserialize, Serialize};

use crate::memory;

#[derive(Serialize, Deserialize, Debug, Clone, Copy, PartialEq)]
enum Status {
    Active,
    Away,
}

#[derive(Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Address {
    city: String,
}

#[derive(Entity, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[entity(
    collection = "users",
    index(last, first, age),
    unique(last, badge, name = "badges")
)]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(unique, ignore_case)]
    email: String,
    #[entity(index)]
    age: u32,
    #[entity(index)]
    nick: Option<String>,
    #[entity(index)]
    tags: Vec<String>,
    #[entity(index)]
    status: Status,
    #[entity(index(city: String))]
    address: Option<Address>,
    #[serde(with = "serde_bytes")]
    #[entity(index)]
    digest: Vec<u8>,
    #[entity(index)]
    boss: Option<EntityId>,
    #[entity(index)]
    score: f64,
    first: String,
    last: String,
    badge: u32,
}

/// Users 0 to 9, of rising ids.
fn user(n: u32) -> User {
    let city = |city: &str| Address {
        city: city.to_owned(),
    };
    User {
        id: EntityId::from_bytes([u8::try_from(n).unwrap(); 16]),
        email: format!("User{n}@example.com"),
        age: 20 + n / 2,
        nick: n.is_multiple_of(3).then(|| format!("nick{n}")),
        tags: (0..n % 4).map(|tag| format!("tag{tag}")).collect(),
        status: [Status::Active, Status::Away][n as usize % 2],
        address: (n > 4).then(|| city(["Wien", "Graz"][n as usize % 2])),
        digest: vec![u8::try_from(n).unwrap(); 3],
        boss: (n > 7).then(|| EntityId::from_bytes([0; 16])),
        score: f64::from(n) / 2.0,
        first: ["Ann", "Bob"][n as usize % 2].to_owned(),
        last: ["Curie", "Noether", "Curry"][n as usize % 3].to_owned(),
        badge: n,
    }
}

fn filled() -> (Database, entidb::Collection<User>) {
    let db = memory();
    let users = db.collection::<User>().unwrap();
    let all: Vec<User> = (0..10).map(user).collect();
    users.put_many(&all).unwrap();
    (db, users)
}

/// The numbers of what was found.
fn numbers(found: impl IntoIterator<Item = Result<User>>) -> Vec<u32> {
    found.into_iter().map(|user| user.unwrap().badge).collect()
}

#[test]
fn the_type_declares_its_indexes_once() {
    let (db, users) = filled();
    let snapshot = db.snapshot();
    let names: Vec<String> = snapshot
        .indexes("users")
        .into_iter()
        .map(|index| index.name)
        .collect();
    let expected = [
        "email",
        "age",
        "nick",
        "tags[]",
        "status",
        "address.city",
        "digest",
        "boss",
        "score",
        "last,first,age",
        "badges",
    ];
    assert_eq!(names, expected);
    let before = db.lsn();
    db.collection::<User>().unwrap();
    assert_eq!(db.lsn(), before);
    // One that was dropped comes again where it is declared.
    db.drop_index("users", "age").unwrap();
    let error = users.by(User::AGE).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    db.collection::<User>().unwrap();
    assert_eq!(users.by(User::AGE).unwrap().count().unwrap(), 10);
    // One that was made without the type is the same, if it is declared the same.
    assert!(!db.create_index("users", &IndexSpec::on("age")).unwrap());
}

#[test]
fn a_unique_index_finds_one_and_lets_no_second_in() {
    let (_, users) = filled();
    assert_eq!(
        users
            .by(User::EMAIL)
            .unwrap()
            .get("USER3@EXAMPLE.COM")
            .unwrap(),
        Some(user(3))
    );
    assert_eq!(users.by(User::EMAIL).unwrap().get("nobody").unwrap(), None);
    assert_eq!(
        users
            .by(User::EMAIL)
            .unwrap()
            .get(String::from("user0@example.com"))
            .unwrap(),
        Some(user(0))
    );
    let second = User {
        id: EntityId::new(),
        badge: 77,
        ..user(3)
    };
    let error = users.insert(&second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate);
    assert_eq!(error.duplicate().map(|of| of.holder), Some(user(3).id));
    let error = users.update(user(4).id, |other| {
        other.email = "user3@example.com".to_owned()
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Duplicate);
    assert_eq!(users.count().unwrap(), 10);
    assert_eq!(
        users.by(User::BADGES).unwrap().get(("Noether", 7)).unwrap(),
        Some(user(7))
    );
}

#[test]
#[expect(
    clippy::needless_borrows_for_generic_args,
    reason = "values and references to them are both to be taken"
)]
fn values_are_found_by_equality_range_and_prefix_in_their_order() {
    let (_, users) = filled();
    assert_eq!(numbers(users.by(User::AGE).unwrap().all(21)), [2, 3]);
    assert_eq!(numbers(users.by(User::AGE).unwrap().all(&21)), [2, 3]);
    assert_eq!(
        numbers(users.by(User::AGE).unwrap().range(21..23)),
        [2, 3, 4, 5]
    );
    assert_eq!(numbers(users.by(User::AGE).unwrap().range(..=20)), [0, 1]);
    assert_eq!(
        numbers(users.by(User::AGE).unwrap().range(24..).reverse()),
        [9, 8]
    );
    assert_eq!(
        numbers(users.by(User::AGE).unwrap().reverse().limit(3)),
        [9, 8, 7]
    );
    assert_eq!(
        users.by(User::AGE).unwrap().range(21..23).count().unwrap(),
        4
    );
    let ids: Vec<EntityId> = users
        .by(User::AGE)
        .unwrap()
        .all(24)
        .ids()
        .collect::<Result<_>>()
        .unwrap();
    assert_eq!(ids, [user(8).id, user(9).id]);
    assert_eq!(users.by(User::AGE).unwrap().first().unwrap(), Some(user(0)));
    assert_eq!(numbers(users.by(User::EMAIL).unwrap().prefix("user1")), [1]);
    assert_eq!(
        numbers(users.by(User::SCORE).unwrap().range(0.5..1.5)),
        [1, 2]
    );
    assert_eq!(
        numbers(users.by(User::STATUS).unwrap().all(Status::Away)),
        [1, 3, 5, 7, 9]
    );
    assert_eq!(
        numbers(users.by(User::STATUS).unwrap().all(&Status::Active)),
        [0, 2, 4, 6, 8]
    );
    assert_eq!(
        numbers(users.by(User::ADDRESS_CITY).unwrap().all("Wien")),
        [6, 8]
    );
    assert_eq!(
        numbers(users.by(User::DIGEST).unwrap().all(&[4, 4, 4])),
        [4]
    );
    assert_eq!(
        numbers(users.by(User::DIGEST).unwrap().all(vec![4, 4, 4])),
        [4]
    );
    assert_eq!(
        numbers(users.by(User::BOSS).unwrap().all(user(0).id)),
        [8, 9]
    );
}

#[test]
fn none_comes_first_and_lies_in_no_range() {
    let (_, users) = filled();
    assert_eq!(
        numbers(users.by(User::NICK).unwrap().null()),
        [1, 2, 4, 5, 7, 8]
    );
    assert_eq!(
        numbers(users.by(User::NICK).unwrap().range(..)),
        [0, 3, 6, 9]
    );
    assert_eq!(
        numbers(users.by(User::NICK).unwrap().range("".."nick6")),
        [0, 3]
    );
    assert_eq!(
        numbers(users.by(User::NICK).unwrap().range(.."nick6")),
        [0, 3]
    );
    assert_eq!(
        numbers(users.by(User::NICK).unwrap()),
        [1, 2, 4, 5, 7, 8, 0, 3, 6, 9]
    );
}

#[test]
fn an_array_has_an_entry_for_each_element() {
    let (_, users) = filled();
    assert_eq!(numbers(users.by(User::TAGS).unwrap().all("tag2")), [3, 7]);
    assert_eq!(
        numbers(users.by(User::TAGS).unwrap().range("tag1"..)),
        [2, 3, 6, 7]
    );
}

#[test]
fn an_index_on_several_paths_is_asked_by_tuples() {
    let (_, users) = filled();
    let index = User::LAST_FIRST_AGE;
    assert_eq!(
        numbers(users.by(index).unwrap().all(("Curie", "Bob", 21))),
        [3]
    );
    assert_eq!(
        numbers(users.by(index).unwrap().leading(("Curie",))),
        [0, 6, 3, 9]
    );
    assert_eq!(
        numbers(users.by(index).unwrap().leading(("Curie", "Bob"))),
        [3, 9]
    );
    assert_eq!(
        numbers(
            users
                .by(index)
                .unwrap()
                .leading(("Curie",))
                .all(("Ann", 23))
        ),
        [6]
    );
    let behind = users.by(index).unwrap().leading(("Curie", "Bob"));
    assert_eq!(numbers(behind.range(22..)), [9]);
    assert_eq!(
        numbers(users.by(index).unwrap().leading(("Curie",)).prefix("A")),
        [0, 6]
    );
    assert_eq!(numbers(users.by(index).unwrap().range("D"..)), [4, 1, 7]);
    assert_eq!(numbers(users.by(index).unwrap().prefix("Curr")), [2, 8, 5]);
}

#[test]
fn pages_go_on_where_the_last_one_ended_whatever_is_written_in_between() {
    let (_, users) = filled();
    let first = users.by(User::AGE).unwrap().page(4).unwrap();
    assert_eq!(numbers(first.entities.into_iter().map(Ok)), [0, 1, 2, 3]);
    users.delete(user(3).id).unwrap();
    users.delete(user(4).id).unwrap();
    // A position is a text, for a link to the next page.
    let position: Position = first.next.unwrap().to_string().parse().unwrap();
    let second = users
        .by(User::AGE)
        .unwrap()
        .after(&position)
        .page(4)
        .unwrap();
    assert_eq!(numbers(second.entities.into_iter().map(Ok)), [5, 6, 7, 8]);
    let last = users
        .by(User::AGE)
        .unwrap()
        .after(&second.next.unwrap())
        .page(4)
        .unwrap();
    assert_eq!(numbers(last.entities.into_iter().map(Ok)), [9]);
    assert_eq!(last.next, None);
    let begin = users.by(User::AGE).unwrap().after(None).limit(2);
    assert_eq!(numbers(begin), [0, 1]);
    let all = users.by(User::AGE).unwrap().page(8).unwrap();
    assert_eq!((all.entities.len(), all.next), (8, None));
}

#[test]
fn a_transaction_finds_what_it_has_written_and_a_snapshot_does_not() {
    let (db, users) = filled();
    let before = db.snapshot();
    db.write(|tx| {
        let mut within = users.within(tx);
        within.update(user(2).id, |user| user.age = 99)?;
        within.delete(user(3).id)?;
        assert_eq!(within.by(User::AGE)?.all(21).count()?, 0);
        assert_eq!(
            within
                .by(User::AGE)?
                .all(99)
                .first()?
                .map(|user| user.badge),
            Some(2)
        );
        Ok(())
    })
    .unwrap();
    assert_eq!(numbers(users.by(User::AGE).unwrap().range(90..)), [2]);
    let before = before.collection::<User>().unwrap();
    assert_eq!(numbers(before.by(User::AGE).unwrap().all(21)), [2, 3]);
}

#[test]
fn a_loop_over_what_a_transaction_finds_may_write_what_it_looks_for() {
    let (db, users) = filled();
    let found = db.write(|tx| {
        let mut within = users.within(tx);
        let mut found = Vec::new();
        for user in within.by(User::AGE)?.range(20..22).iter() {
            let user = user?;
            // It stands further on in the index from now on, and is not found once more.
            within.update(user.id, |user| user.age += 1)?;
            found.push(user.badge);
        }
        Ok(found)
    });
    assert_eq!(found.unwrap(), [0, 1, 2, 3]);
    assert_eq!(numbers(users.by(User::AGE).unwrap().range(..22)), [0, 1]);
}

#[test]
fn what_cannot_be_asked_is_told_when_the_answer_is_taken() {
    let (_, users) = filled();
    let age = users.by(User::AGE).unwrap().page(1).unwrap().next.unwrap();
    let nick = users.by(User::NICK).unwrap().after(&age);
    assert_eq!(nick.count().unwrap_err().kind(), ErrorKind::Invalid);
    let twice = users.by(User::AGE).unwrap().range(1..2).range(3..4);
    let mut twice = twice.iter();
    assert_eq!(
        twice.next().unwrap().unwrap_err().kind(),
        ErrorKind::Invalid
    );
    assert!(twice.next().is_none());
    // Before there was such a collection.
    let empty = memory();
    let before = empty.snapshot();
    empty.collection::<User>().unwrap();
    let error = before.collection::<User>().unwrap().by(User::AGE);
    assert_eq!(error.err().unwrap().kind(), ErrorKind::NotFound);
}

#[derive(Entity, Serialize, Deserialize, Debug)]
#[entity(collection = "people")]
struct PersonV1 {
    #[entity(id)]
    id: u32,
    mail: String,
}

#[derive(Entity, Serialize, Deserialize, Debug)]
#[entity(collection = "people", version = 2)]
struct Person {
    #[entity(id)]
    id: u32,
    #[entity(unique)]
    email: String,
    #[entity(index)]
    len: usize,
}

fn people() -> Migrations {
    Migrations::new().step(1, |old: PersonV1| {
        Ok(Person {
            id: old.id,
            len: old.mail.len(),
            email: old.mail,
        })
    })
}

fn put_people(db: &Database, count: u32) {
    let people = db.collection::<PersonV1>().unwrap();
    let all: Vec<PersonV1> = (0..count)
        .map(|id| PersonV1 {
            id,
            mail: format!("{id}@example.com"),
        })
        .collect();
    people.put_many(&all).unwrap();
}

#[test]
fn indexes_are_right_behind_a_migration() {
    let db = memory();
    put_people(&db, 1_200);
    assert_eq!(db.migrate::<Person>(people()).unwrap(), 1_200);
    // The migration alone makes them.
    assert_eq!(db.snapshot().indexes("people").len(), 2);
    let people = db.collection::<Person>().unwrap();
    assert_eq!(people.by(Person::LEN).unwrap().all(13).count().unwrap(), 10);
    assert_eq!(people.by(Person::LEN).unwrap().all(14).count().unwrap(), 90);
    let found = people
        .by(Person::EMAIL)
        .unwrap()
        .get("777@example.com")
        .unwrap();
    assert_eq!(found.map(|person| person.id), Some(777));
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_migration_to_a_unique_index_that_two_entities_break_names_both() {
    let db = memory();
    let old = db.collection::<PersonV1>().unwrap();
    let mail = "ann@example.com".to_owned();
    for id in [1, 2] {
        let mail = mail.clone();
        old.put(&PersonV1 { id, mail }).unwrap();
    }
    let error = db.migrate::<Person>(people()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
    let people = || db.collection::<Person>();
    assert_eq!(people().err().unwrap().kind(), ErrorKind::Duplicate);
    // Without one of them, it goes on.
    db.untyped("people")
        .delete(EntityId::from_key(2_u32))
        .unwrap();
    let found = people().unwrap().by(Person::EMAIL).unwrap().get(&mail);
    assert_eq!(found.unwrap().map(|person| person.id), Some(1));
}

#[test]
fn indexes_that_were_there_are_right_while_and_behind_a_migration() {
    let db = memory();
    put_people(&db, 100);
    // Somebody has made them before there was anything to find.
    db.create_indexes("people", &Person::indexes()).unwrap();
    let failing = Migrations::new().batch(30).step(1, |old: PersonV1| {
        if old.id == 50 {
            return Err(Error::other("not this one"));
        }
        Ok(Person {
            id: old.id,
            len: old.mail.len(),
            email: old.mail,
        })
    });
    assert_eq!(
        db.migrate::<Person>(failing).unwrap_err().kind(),
        ErrorKind::Other
    );
    // Half of them would be found, so none is.
    let half = db.collection::<Person>().unwrap();
    let error = half.by(Person::LEN).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("version 1"), "{error}");
    db.migrate::<Person>(people()).unwrap();
    assert_eq!(half.by(Person::LEN).unwrap().all(13).count().unwrap(), 10);
    assert!(db.verify().unwrap().is_sound());
}

#[test]
fn a_lazy_migration_that_keeps_its_indexes_is_found_by_them() {
    #[derive(Entity, Serialize, Deserialize)]
    #[entity(collection = "notes")]
    struct NoteV1 {
        #[entity(id)]
        id: u32,
        #[entity(index)]
        stars: u8,
        body: String,
    }
    #[derive(Entity, Serialize, Deserialize, Debug)]
    #[entity(collection = "notes", version = 2)]
    struct Note {
        #[entity(id)]
        id: u32,
        #[entity(index)]
        stars: u8,
        text: String,
    }
    let directory = MemoryDirectory::new();
    let db = Database::open_in(directory).unwrap();
    let notes = db.collection::<NoteV1>().unwrap();
    for id in 0..4 {
        let body = format!("note {id}");
        notes.put(&NoteV1 { id, stars: 3, body }).unwrap();
    }
    let step = |mut old: Value| {
        let body = old.remove("body").unwrap_or_default();
        old.insert("text", body);
        Ok(old)
    };
    let lazy = Migrations::new().step(1, step).lazy();
    db.migrate::<Note>(lazy.clone()).unwrap();
    let notes = db.collection::<Note>().unwrap();
    let error = notes.by(Note::STARS).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    db.migrate::<Note>(lazy.keeps_indexes()).unwrap();
    notes.update(1, |note| note.stars = 5).unwrap();
    let found: Vec<String> = notes
        .by(Note::STARS)
        .unwrap()
        .all(3)
        .iter()
        .map(|note| note.unwrap().text)
        .collect();
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|text| text.starts_with("note ")));
    db.write(|tx| {
        let found = notes.within(tx).by(Note::STARS)?.all(5).first()?;
        assert_eq!(found.map(|note| note.id), Some(1));
        Ok(())
    })
    .unwrap();
}
