use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
#[entity(index(last, frist))]
struct User {
    #[entity(id)]
    id: EntityId,
    first: String,
    last: String,
}

fn main() {}
