use entidb::{Entity, EntityId};
use serde::{Deserialize, Serialize};

use std::collections::HashMap;

#[derive(Entity, Serialize, Deserialize)]
struct Thing {
    #[entity(id)]
    id: EntityId,
    #[entity(index)]
    bytes: Vec<u8>,
    #[entity(index)]
    map: HashMap<String, u32>,
    #[entity(index)]
    matrix: Vec<Vec<f64>>,
    #[serde(skip)]
    #[entity(index)]
    cache: u32,
    #[serde(with = "elsewhere")]
    #[entity(index)]
    at: u64,
}

mod elsewhere {
    pub fn serialize<S: serde::Serializer>(at: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&at.to_string())
    }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<u64, D::Error> {
        Ok(0)
    }
}

fn main() {}
