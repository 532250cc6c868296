use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Address {
    zip: u32,
}

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(index(zip: String))]
    address: Option<Address>,
}

fn main() {}
