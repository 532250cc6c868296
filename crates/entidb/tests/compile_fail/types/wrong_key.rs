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
    let users = db.collection::<User>()?;
    users.by(User::AGE)?.all("thirty").count()?;
    users.by(User::LAST_FIRST)?.all("Curie").count()?;
    Ok(())
}

fn main() {}
