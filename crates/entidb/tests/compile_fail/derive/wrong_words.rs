use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
#[entity(table = "users")]
struct User {
    #[entity(id)]
    id: EntityId,
}

#[derive(Entity, Serialize, Deserialize)]
struct Order {
    #[entity(id)]
    id: EntityId,
    #[entity(indexed)]
    number: u32,
    #[entity(ignore_case)]
    name: String,
    #[entity(index(sort = "up"))]
    total: u32,
}

fn main() {}
