use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id)]
    id: EntityId,
    #[entity(index)]
    age: u32,
    full_name: String,
}

fn main() {
    let _ = User::FULL_NAME;
}
