use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct User {
    #[entity(id, unique)]
    email: String,
    age: u32,
}
const _: Option<EntityId> = None;

fn main() {}
