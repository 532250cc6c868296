//! What the derive makes of a struct.

use std::borrow::Cow;
use std::collections::BTreeSet;

use entidb::{ByteString, Compound, Entity, EntityId, Index, Text, Unique, UniqueCompound};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Address {
    city: String,
    geo: Option<Geo>,
}

#[derive(Serialize, Deserialize)]
struct Geo {
    zone: u8,
}

#[derive(Serialize, Deserialize)]
struct Line {
    sku: String,
    notes: Vec<String>,
}

mod as_text {
    pub(super) fn serialize<S: serde::Serializer>(at: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(at)
    }
    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        use serde::Deserialize;
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[derive(Entity, Serialize, Deserialize)]
#[entity(
    collection = "things",
    version = 7,
    index(last, first),
    unique(country, r#type, name = "by_country"),
    index(first, lines.sku: String),
    text(bio, tags)
)]
#[serde(rename_all = "camelCase")]
struct Thing {
    #[entity(id)]
    #[serde(rename = "_id")]
    key: EntityId,
    #[entity(unique, ignore_case)]
    e_mail: String,
    #[entity(index)]
    age: Option<u32>,
    #[entity(index)]
    tags: Vec<String>,
    #[entity(index(city: String), index(geo?.zone: u8, name = "time_zone"))]
    address: Option<Box<Address>>,
    #[entity(index(sku: String), unique(notes: Vec<String>))]
    lines: BTreeSet<Line>,
    #[entity(index(notes[]: String), index("plusFour": Option<u32>))]
    line: Line,
    #[entity(text, index(name = "exact"))]
    bio: Box<str>,
    #[serde(with = "as_text")]
    #[entity(index(as = String))]
    at: u64,
    #[serde(with = "serde_bytes")]
    #[entity(index)]
    digest: Vec<u8>,
    #[serde(flatten)]
    #[entity(index(zone: u8))]
    geo: Geo,
    #[serde(rename = "a.b \"c\"")]
    #[entity(index)]
    odd: Cow<'static, str>,
    first: String,
    last: String,
    country: Option<String>,
    r#type: u8,
}

impl PartialEq for Line {
    fn eq(&self, other: &Self) -> bool {
        self.sku == other.sku
    }
}

impl Eq for Line {}

impl PartialOrd for Line {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Line {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.sku.cmp(&other.sku)
    }
}

#[test]
fn the_derive_makes_names_paths_and_types() {
    assert_eq!(Thing::COLLECTION, "things");
    assert_eq!(Thing::VERSION, 7);
    assert_eq!(Thing::ID_FIELD, "_id");
    let e_mail: Unique<Thing, String> = Thing::E_MAIL;
    let age: Index<Thing, u32> = Thing::AGE;
    let tags: Index<Thing, String> = Thing::TAGS;
    let city: Index<Thing, String> = Thing::ADDRESS_CITY;
    let zone: Index<Thing, u8> = Thing::TIME_ZONE;
    let sku: Index<Thing, String> = Thing::LINES_SKU;
    let notes: Unique<Thing, String> = Thing::LINES_NOTES;
    let line_notes: Index<Thing, String> = Thing::LINE_NOTES;
    let plus_four: Index<Thing, u32> = Thing::LINE_PLUSFOUR;
    let bio: Text<Thing> = Thing::BIO;
    let exact: Index<Thing, String> = Thing::EXACT;
    let at: Index<Thing, String> = Thing::AT;
    let digest: Index<Thing, ByteString> = Thing::DIGEST;
    let geo: Index<Thing, u8> = Thing::GEO_ZONE;
    let odd: Index<Thing, String> = Thing::ODD;
    let names: Compound<Thing, (String, String)> = Thing::LAST_FIRST;
    let country: UniqueCompound<Thing, (String, u8)> = Thing::BY_COUNTRY;
    let first_sku: Compound<Thing, (String, String)> = Thing::FIRST_LINES_SKU;
    let bio_tags: Text<Thing> = Thing::BIO_TAGS;
    let declared = [
        (e_mail.name(), e_mail.paths()),
        (age.name(), age.paths()),
        (tags.name(), tags.paths()),
        (city.name(), city.paths()),
        (zone.name(), zone.paths()),
        (sku.name(), sku.paths()),
        (notes.name(), notes.paths()),
        (line_notes.name(), line_notes.paths()),
        (plus_four.name(), plus_four.paths()),
        (bio.name(), bio.paths()),
        (exact.name(), exact.paths()),
        (at.name(), at.paths()),
        (digest.name(), digest.paths()),
        (geo.name(), geo.paths()),
        (odd.name(), odd.paths()),
        (names.name(), names.paths()),
        (country.name(), country.paths()),
        (first_sku.name(), first_sku.paths()),
        (bio_tags.name(), bio_tags.paths()),
    ];
    let expected: [(&str, &[&str]); 19] = [
        ("eMail", &["eMail"]),
        ("age", &["age"]),
        ("tags[]", &["tags[]"]),
        ("address.city", &["address.city"]),
        ("time_zone", &["address.geo.zone"]),
        ("lines[].sku", &["lines[].sku"]),
        ("lines[].notes[]", &["lines[].notes[]"]),
        ("line.notes[]", &["line.notes[]"]),
        ("line.plusFour", &["line.plusFour"]),
        ("text:bio", &["bio"]),
        ("exact", &["bio"]),
        ("at", &["at"]),
        ("digest", &["digest"]),
        ("zone", &["zone"]),
        ("\"a.b \\\"c\\\"\"", &["\"a.b \\\"c\\\"\""]),
        ("last,first", &["last", "first"]),
        ("by_country", &["country", "type"]),
        ("first,lines[].sku", &["first", "lines[].sku"]),
        ("text:bio,tags[]", &["bio", "tags[]"]),
    ];
    for (declared, expected) in declared.into_iter().zip(expected) {
        assert_eq!(declared, expected);
    }
}

mod kept {
    //! What the derive declares, the engine keeps.

    use entidb::storage::MemoryDirectory;
    use entidb::{Database, Entity, EntityId, ErrorKind};
    use serde::{Deserialize, Serialize};

    #[derive(Entity, Serialize, Deserialize, Debug, PartialEq, Clone)]
    #[entity(collection = "users")]
    struct User {
        #[entity(id)]
        id: EntityId,
        #[entity(unique, ignore_case)]
        email: String,
        #[entity(index)]
        age: u32,
        #[entity(index)]
        tags: Vec<String>,
        nick: Option<String>,
    }

    fn user(key: &str, age: u32, tags: &[&str]) -> User {
        User {
            id: EntityId::from_key(key),
            email: format!("{key}@example.com"),
            age,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            nick: None,
        }
    }

    #[test]
    fn a_declared_index_is_made_kept_and_asked_by_its_type() {
        let db = Database::open_in(MemoryDirectory::new()).unwrap();
        let users = db.collection::<User>().unwrap();
        let all = [
            user("ann", 41, &["red", "blue"]),
            user("bob", 18, &["red"]),
            user("cid", 7, &[]),
        ];
        users.put_many(&all).unwrap();
        let [ann, bob, cid] = all;
        let by_email = |email: &str| users.by(User::EMAIL).unwrap().get(email).unwrap();
        assert_eq!(by_email("BOB@example.com").as_ref(), Some(&bob));
        assert_eq!(by_email("eve@example.com"), None);
        let from_18 = users.by(User::AGE).unwrap().range(18..).to_vec().unwrap();
        assert_eq!(from_18, [bob.clone(), ann.clone()]);
        let oldest = users.by(User::AGE).unwrap().reverse().limit(1).iter();
        let oldest: Vec<u32> = oldest.map(|user| user.unwrap().age).collect();
        assert_eq!(oldest, [41]);
        let red = users.by(User::TAGS).unwrap().all("red");
        assert_eq!(red.count().unwrap(), 2);
        users.update(ann.id, |ann| ann.age = 6).unwrap();
        let young = users.by(User::AGE).unwrap().range(..=7).iter();
        let young: Vec<u32> = young.map(|user| user.unwrap().age).collect();
        assert_eq!(young, [6, 7]);
        users.delete(cid.id).unwrap();
        assert_eq!(users.by(User::AGE).unwrap().count().unwrap(), 2);
    }

    #[test]
    fn a_unique_field_is_unique_and_the_error_names_who_has_the_value() {
        let db = Database::open_in(MemoryDirectory::new()).unwrap();
        let users = db.collection::<User>().unwrap();
        users.put(&user("ann", 41, &[])).unwrap();
        let mut other = user("bob", 18, &[]);
        other.email = "Ann@Example.com".to_owned();
        let error = users.put(&other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Duplicate, "{error}");
        let ann = EntityId::from_key("ann").to_string();
        assert!(error.to_string().contains(&ann), "{error}");
        assert_eq!(users.count().unwrap(), 1);
    }

    #[test]
    fn an_index_that_a_type_gets_later_is_built_when_it_is_opened() {
        let db = Database::open_in(MemoryDirectory::new()).unwrap();
        let untyped = db.untyped("users");
        for age in 0..50_u32 {
            let value = entidb::Value::from([
                ("age", entidb::Value::from(age)),
                ("email", entidb::Value::from(format!("{age}@example.com"))),
                ("tags", entidb::Value::Array(Vec::new())),
            ]);
            untyped.put(EntityId::from_key(age), &value).unwrap();
        }
        let users = db.collection::<User>().unwrap();
        let found = users.by(User::AGE).unwrap().range(10..13).iter();
        assert_eq!(
            found.map(|user| user.unwrap().age).collect::<Vec<_>>(),
            [10, 11, 12]
        );
    }
}

#[derive(Entity, Serialize, Deserialize)]
#[entity(collection = "sessions", ttl = "30m")]
struct Session {
    #[entity(id)]
    id: EntityId,
    user: String,
}

#[test]
fn entities_of_a_type_live_for_its_time() {
    use std::time::{Duration, SystemTime};
    let db = entidb::Options::new().background(false);
    let db = db.open_in(entidb::storage::MemoryDirectory::new()).unwrap();
    let half_an_hour = Duration::from_secs(1800);
    assert_eq!(Session::TIME_TO_LIVE, Some(half_an_hour));
    let sessions = db.collection::<Session>().unwrap();
    assert_eq!(db.time_to_live("sessions"), Some(half_an_hour));
    let id = EntityId::new();
    let user = "ann".to_owned();
    sessions.put(&Session { id, user }).unwrap();
    let now = SystemTime::now();
    assert_eq!(db.expire_until(now + half_an_hour / 2).unwrap(), 0);
    assert_eq!(sessions.get(id).unwrap().unwrap().user, "ann");
    assert_eq!(db.expire_until(now + half_an_hour).unwrap(), 1);
    assert!(sessions.get(id).unwrap().is_none());
    // What was set by hand is set again, and a type without a time changes nothing.
    db.set_time_to_live("sessions", None).unwrap();
    db.collection::<Session>().unwrap();
    assert_eq!(db.time_to_live("sessions"), Some(half_an_hour));
}
