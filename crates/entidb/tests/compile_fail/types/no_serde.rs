use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity)]
struct User {
    #[entity(id)]
    id: EntityId,
}

#[derive(Serialize, Deserialize)]
struct Unused;

fn main() {}
