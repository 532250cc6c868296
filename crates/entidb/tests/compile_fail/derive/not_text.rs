use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(text)]
    age: u32,
    #[entity(index, ignore_case)]
    score: f64,
}

fn main() {}
