use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(index(first, last))]
    first: String,
    last: String,
}

fn main() {}
