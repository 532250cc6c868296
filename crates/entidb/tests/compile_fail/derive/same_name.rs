use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
struct Note {
    #[entity(id)]
    id: EntityId,
    #[entity(index, text)]
    title: String,
}

fn main() {}
