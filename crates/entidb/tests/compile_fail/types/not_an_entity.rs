use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct User {
    id: EntityId,
}

fn users(db: &entidb::Database) -> entidb::Result<()> {
    db.collection::<User>()?;
    Ok(())
}

#[derive(Entity, Serialize, Deserialize)]
struct Order {
    #[entity(id)]
    number: u32,
}

fn orders(db: &entidb::Database) -> entidb::Result<()> {
    db.collection::<Order>()?.get("4711")?;
    Ok(())
}

fn main() {}
