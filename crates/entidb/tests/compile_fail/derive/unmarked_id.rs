use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    id: EntityId,
    name: String,
}

fn main() {}
