//! What an id can be.

use entidb::{Entity, EntityId, ErrorKind, Id, Value};
use serde::{Deserialize, Serialize};

use crate::memory;

#[derive(Entity, Serialize, Deserialize, Debug, Clone, PartialEq)]
struct Country {
    #[entity(id)]
    code: String,
    name: String,
}

#[test]
fn a_natural_key_is_stored_and_gives_the_id() {
    let db = memory();
    let countries = db.collection::<Country>().unwrap();
    let austria = Country {
        code: "at".to_owned(),
        name: "Austria".to_owned(),
    };
    countries.insert(&austria).unwrap();
    let code = String::from("at");
    for found in [
        countries.get("at").unwrap(),
        countries.get(code.clone()).unwrap(),
        countries.get(&code).unwrap(),
        countries.get(EntityId::from_key("at")).unwrap(),
    ] {
        assert_eq!(found.as_ref(), Some(&austria));
    }
    let stored = db.untyped("country").get(EntityId::from_key("at")).unwrap();
    assert_eq!(stored.unwrap().get("code"), Some(&Value::from("at")));
    assert_eq!(
        countries.insert(&austria).unwrap_err().kind(),
        ErrorKind::Duplicate
    );
    let error = countries.update("at", |country| country.code = "ch".to_owned());
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
    let error = countries.patch("at", &Value::from([("code", "ch")]));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Invalid);
    // The same key in a patch is no change of it.
    let patch = Value::from([("code", "at"), ("name", "Österreich")]);
    assert_eq!(
        countries.patch("at", &patch).unwrap().unwrap().name,
        "Österreich"
    );
    assert!(countries.delete("at").unwrap());
}

#[test]
fn an_entity_under_another_id_than_its_keys_is_not_changed() {
    let db = memory();
    let countries = db.collection::<Country>().unwrap();
    let elsewhere = EntityId::from_key("elsewhere");
    let value = Value::from([("code", "at"), ("name", "Austria")]);
    db.untyped("country").put(elsewhere, &value).unwrap();
    let error = countries
        .update(elsewhere, |country| country.name.clear())
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.id()),
        (ErrorKind::Decode, Some(elsewhere))
    );
}

#[test]
fn an_integer_is_a_natural_key_and_a_uuid_an_id() {
    #[derive(Entity, Serialize, Deserialize)]
    struct Order {
        #[entity(id)]
        number: u64,
    }
    #[derive(Entity, Serialize, Deserialize)]
    struct Job {
        #[entity(id)]
        id: uuid::Uuid,
    }
    let db = memory();
    let orders = db.collection::<Order>().unwrap();
    orders.put(&Order { number: u64::MAX }).unwrap();
    assert_eq!(orders.get(u64::MAX).unwrap().unwrap().number, u64::MAX);
    assert!(orders.get(4711).unwrap().is_none());
    let key = EntityId::from_key(u64::MAX.to_string());
    assert!(db.untyped("order").contains(key).unwrap());

    let jobs = db.collection::<Job>().unwrap();
    let id = uuid::Uuid::from(EntityId::new());
    jobs.put(&Job { id }).unwrap();
    assert_eq!(jobs.get(id).unwrap().unwrap().id, id);
    let stored = db.untyped("job").get(EntityId::from(id)).unwrap();
    assert_eq!(stored, Some(Value::Map(Vec::new())));
}

#[test]
fn an_id_type_of_ones_own_is_stored_as_any_other() {
    #[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Debug)]
    #[serde(transparent)]
    struct UserId(EntityId);

    impl Id for UserId {
        const STORED: bool = false;

        fn entity_id(&self) -> EntityId {
            self.0
        }
    }

    #[derive(Entity, Serialize, Deserialize)]
    struct User {
        #[entity(id)]
        id: UserId,
        friend: Option<UserId>,
    }

    let users = memory().collection::<User>().unwrap();
    let ann = User {
        id: UserId(EntityId::new()),
        friend: None,
    };
    let bob = User {
        id: UserId(EntityId::new()),
        friend: Some(ann.id),
    };
    users.put_many([&ann, &bob]).unwrap();
    assert_eq!(users.get(&bob.id).unwrap().unwrap().friend, Some(ann.id));
    let friends = [bob.friend.unwrap()];
    assert!(users.get_many(&friends).unwrap()[0].is_some());
}
