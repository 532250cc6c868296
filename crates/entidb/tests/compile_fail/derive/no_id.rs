use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    key: EntityId,
    name: String,
}

fn main() {}
