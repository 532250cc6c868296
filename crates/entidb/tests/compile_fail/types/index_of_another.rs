use entidb::{Database, Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
#[entity(index(last, first))]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(index)]
    age: u32,
    first: String,
    last: String,
}

#[derive(Entity, Serialize, Deserialize)]
struct Order {
    #[entity(id)]
    number: u64,
}

fn orders(db: &Database) -> entidb::Result<()> {
    db.collection::<Order>()?.by(User::AGE)?;
    Ok(())
}

fn main() {}
