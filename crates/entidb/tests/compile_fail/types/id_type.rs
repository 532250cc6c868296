use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id)]
    id: EntityId,
}

#[derive(Entity, Serialize, Deserialize)]
struct Point {
    #[entity(id)]
    at: (i32, i32),
}

fn main() {}
