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

fn users(db: &Database) -> entidb::Result<()> {
    db.collection::<User>()?.by(User::AGE)?.get(30)?;
    Ok(())
}

fn main() {}
