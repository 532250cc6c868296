use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
#[entity(version = 0)]
struct User {
    #[entity(id)]
    id: EntityId,
}

#[derive(Entity, Serialize, Deserialize)]
#[entity(collection = "~own")]
struct Hidden {
    #[entity(id)]
    id: EntityId,
}

fn main() {}
