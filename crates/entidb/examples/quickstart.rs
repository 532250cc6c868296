//! The shortest tour: put, get, a transaction over two collections, a snapshot, a range, close and open again.
//!
//! `cargo run -p entidb --example quickstart`

use entidb::{Database, EntityId, Value};

fn main() -> entidb::Result<()> {
    let folder = std::env::temp_dir().join(format!("entidb-quickstart-{}", std::process::id()));
    let db = Database::open(&folder)?;

    // One durable transaction each. The collection is made by its first put.
    let people = db.untyped("people");
    let ann = EntityId::from_key("ann@example.com");
    people.put(
        ann,
        &Value::from(vec![
            (Value::from("name"), Value::from("Ann")),
            (Value::from("age"), Value::from(31)),
        ]),
    )?;

    // Several collections, all or nothing.
    let order = EntityId::new();
    db.write(|tx| {
        tx.put("orders", order, &Value::from("three apples"))?;
        tx.put("outbox", EntityId::new(), &Value::from("tell Ann"))
    })?;

    // A snapshot stays what it was.
    let before = db.snapshot();
    people.delete(ann)?;
    assert!(before.contains("people", ann)?);
    assert!(!people.contains(ann)?);

    for entity in before.scan("people") {
        let (id, payload) = entity?;
        assert_eq!(id, ann);
        assert_eq!(
            payload.value()?.get("name").and_then(Value::as_str),
            Some("Ann")
        );
    }
    db.close()?;

    // Everything is there again.
    let db = Database::open(&folder)?;
    assert_eq!(
        db.untyped("orders").get(order)?,
        Some(Value::from("three apples"))
    );
    assert!(db.verify()?.is_sound());
    db.close()?;
    let _ = std::fs::remove_dir_all(folder);
    Ok(())
}
