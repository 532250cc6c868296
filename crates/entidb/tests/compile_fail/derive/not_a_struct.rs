use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

#[derive(Entity, Serialize, Deserialize)]
enum Shape {
    Circle(f64),
}

#[derive(Entity, Serialize, Deserialize)]
struct Pair(EntityId, String);

#[derive(Entity, Serialize, Deserialize)]
struct Event<T> {
    #[entity(id)]
    id: EntityId,
    what: T,
}

fn main() {}
