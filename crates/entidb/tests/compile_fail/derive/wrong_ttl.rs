use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
#[entity(ttl = "half an hour")]
struct Session {
    #[entity(id)]
    id: EntityId,
}

#[derive(Entity, Serialize, Deserialize)]
#[entity(ttl = "0s")]
struct Moment {
    #[entity(id)]
    id: EntityId,
}

fn main() {}
