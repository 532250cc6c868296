use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(id)]
    email: String,
}

fn main() {}
