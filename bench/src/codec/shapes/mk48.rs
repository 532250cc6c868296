//! An update of the game mk48.

use serde::{Deserialize, Serialize};

use super::entity;
use crate::chance::Chance;

#[derive(Serialize, Deserialize, minicbor::Encode, minicbor::Decode, PartialEq)]
pub enum EntityType {
    #[n(0)]
    ArleighBurke,
    #[n(1)]
    Bismarck,
    #[n(2)]
    Clemenceau,
    #[n(3)]
    Fletcher,
    #[n(4)]
    G5,
    #[n(5)]
    Iowa,
    #[n(6)]
    Zubr,
}

entity! { struct Transform { 0 altitude: i8, 1 angle: u16, 2 position: (f32, f32), 3 velocity: i16, } }

entity! { struct Guidance { 0 angle: u16, 1 submerge: bool, 2 velocity: i16, } }

entity! {
    struct Contact {
        0 damage: u8,
        1 entity_id: u32,
        2 entity_type: Option<EntityType>,
        3 guidance: Guidance,
        4 player_id: Option<u16>,
        5 reloads: Vec<bool>,
        6 transform: Transform,
        7 turret_angles: Vec<u16>,
    }
}

entity! {
    struct TerrainUpdate {
        0 chunk_id: (i8, i8),
        #[serde(with = "serde_bytes")]
        #[cbor(with = "minicbor::bytes")]
        1 data: Vec<u8>,
    }
}

entity! {
    struct Update {
        0 contacts: Vec<Contact>,
        1 score: u32,
        2 world_radius: f32,
        3 terrain_updates: Vec<TerrainUpdate>,
    }
}

impl Contact {
    pub fn any(chance: &mut Chance) -> Self {
        let guidance = Guidance {
            angle: chance.next() as u16,
            submerge: chance.bool(),
            velocity: chance.next() as i16,
        };
        Self {
            damage: chance.next() as u8,
            entity_id: chance.next() as u32,
            entity_type: chance.maybe(|chance| match chance.below(7) {
                0 => EntityType::ArleighBurke,
                1 => EntityType::Bismarck,
                2 => EntityType::Clemenceau,
                3 => EntityType::Fletcher,
                4 => EntityType::G5,
                5 => EntityType::Iowa,
                _ => EntityType::Zubr,
            }),
            guidance,
            player_id: chance.maybe(|chance| chance.next() as u16),
            reloads: chance.many(1..9, Chance::bool),
            transform: Transform {
                altitude: chance.next() as i8,
                angle: chance.next() as u16,
                position: (
                    (chance.unit() * 1000.0) as f32,
                    (chance.unit() * 1000.0) as f32,
                ),
                velocity: chance.next() as i16,
            },
            turret_angles: chance.many(0..5, |chance| chance.next() as u16),
        }
    }
}

impl Update {
    pub fn any(chance: &mut Chance) -> Self {
        Self {
            contacts: chance.many(1..25, Contact::any),
            score: chance.next() as u32,
            world_radius: (chance.unit() * 1000.0) as f32,
            terrain_updates: chance.many(1..5, |chance| TerrainUpdate {
                chunk_id: (chance.next() as i8, chance.next() as i8),
                data: (0..256).map(|_| chance.next() as u8).collect(),
            }),
        }
    }
}
