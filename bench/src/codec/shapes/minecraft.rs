//! A player of Minecraft, as it is saved.

use serde::{Deserialize, Serialize};

use super::entity;
use crate::chance::Chance;

#[derive(Serialize, Deserialize, minicbor::Encode, minicbor::Decode, PartialEq)]
pub enum GameType {
    #[n(0)]
    Survival,
    #[n(1)]
    Creative,
    #[n(2)]
    Adventure,
    #[n(3)]
    Spectator,
}

entity! { struct Item { 0 count: i8, 1 slot: u8, 2 id: String, } }

entity! {
    struct Abilities {
        0 walk_speed: f32,
        1 fly_speed: f32,
        2 may_fly: bool,
        3 flying: bool,
        4 invulnerable: bool,
        5 may_build: bool,
        6 instabuild: bool,
    }
}

entity! {
    struct Creature {
        0 id: String,
        1 pos: (f64, f64, f64),
        2 motion: (f64, f64, f64),
        3 rotation: (f32, f32),
        4 fall_distance: f32,
        5 fire: u16,
        6 air: u16,
        7 on_ground: bool,
        8 no_gravity: bool,
        9 invulnerable: bool,
        10 portal_cooldown: i32,
        11 uuid: [u32; 4],
        12 custom_name: Option<String>,
        13 custom_name_visible: bool,
        14 silent: bool,
        15 glowing: bool,
    }
}

entity! {
    struct RecipeBook {
        0 recipes: Vec<String>,
        1 to_be_displayed: Vec<String>,
        2 is_filtering_craftable: bool,
        3 is_gui_open: bool,
        4 is_furnace_filtering_craftable: bool,
        5 is_furnace_gui_open: bool,
        6 is_blasting_furnace_filtering_craftable: bool,
        7 is_blasting_furnace_gui_open: bool,
        8 is_smoker_filtering_craftable: bool,
        9 is_smoker_gui_open: bool,
    }
}

entity! {
    struct Player {
        0 game_type: GameType,
        1 score: i64,
        2 dimension: String,
        3 selected_item_slot: u32,
        4 selected_item: Item,
        5 spawn_dimension: Option<String>,
        6 spawn_x: Option<i64>,
        7 spawn_y: Option<i64>,
        8 spawn_z: Option<i64>,
        9 spawn_forced: Option<bool>,
        10 sleep_timer: u16,
        11 food_exhaustion_level: f32,
        12 food_saturation_level: f32,
        13 food_tick_timer: u32,
        14 xp_level: u32,
        15 xp_p: f32,
        16 xp_total: i32,
        17 xp_seed: i32,
        18 inventory: Vec<Item>,
        19 ender_items: Vec<Item>,
        20 abilities: Abilities,
        21 entered_nether_position: Option<(f64, f64, f64)>,
        22 root_vehicle: Option<([u32; 4], Creature)>,
        23 shoulder_entity_left: Option<Creature>,
        24 shoulder_entity_right: Option<Creature>,
        25 seen_credits: bool,
        26 recipe_book: RecipeBook,
    }
}

const IDS: [&str; 8] = [
    "dirt",
    "stone",
    "pickaxe",
    "sand",
    "gravel",
    "shovel",
    "chestplate",
    "steak",
];

impl Item {
    pub fn any(chance: &mut Chance) -> Self {
        Self {
            count: chance.next() as i8,
            slot: chance.next() as u8,
            id: chance.of(&IDS),
        }
    }
}

impl Creature {
    pub fn any(chance: &mut Chance) -> Self {
        let mut triple = |scale: f64| {
            (
                chance.unit() * scale,
                chance.unit() * scale,
                chance.unit() * scale,
            )
        };
        Self {
            pos: triple(1000.0),
            motion: triple(1.0),
            id: chance.of(&[
                "cow", "sheep", "zombie", "skeleton", "spider", "creeper", "parrot", "bee",
            ]),
            rotation: (
                (chance.unit() * 180.0) as f32,
                (chance.unit() * 90.0) as f32,
            ),
            fall_distance: chance.unit() as f32,
            fire: chance.next() as u16,
            air: chance.next() as u16,
            on_ground: chance.bool(),
            no_gravity: chance.bool(),
            invulnerable: chance.bool(),
            portal_cooldown: chance.next() as i32,
            uuid: std::array::from_fn(|_| chance.next() as u32),
            custom_name: chance
                .maybe(|chance| chance.of(&["rainbow", "princess", "steve", "johnny", "missy"])),
            custom_name_visible: chance.bool(),
            silent: chance.bool(),
            glowing: chance.bool(),
        }
    }
}

impl Player {
    pub fn any(chance: &mut Chance) -> Self {
        let game_type = match chance.below(4) {
            0 => GameType::Survival,
            1 => GameType::Creative,
            2 => GameType::Adventure,
            _ => GameType::Spectator,
        };
        let dimensions = ["overworld", "nether", "end"];
        Self {
            game_type,
            score: chance.next() as i64,
            dimension: chance.of(&dimensions),
            selected_item_slot: chance.next() as u32,
            selected_item: Item::any(chance),
            spawn_dimension: chance.maybe(|chance| chance.of(&dimensions)),
            spawn_x: chance.maybe(|chance| chance.next() as i64),
            spawn_y: chance.maybe(|chance| chance.next() as i64),
            spawn_z: chance.maybe(|chance| chance.next() as i64),
            spawn_forced: chance.maybe(Chance::bool),
            sleep_timer: chance.next() as u16,
            food_exhaustion_level: chance.unit() as f32,
            food_saturation_level: chance.unit() as f32,
            food_tick_timer: chance.next() as u32,
            xp_level: chance.next() as u32,
            xp_p: chance.unit() as f32,
            xp_total: chance.next() as i32,
            xp_seed: chance.next() as i32,
            inventory: chance.many(0..40, Item::any),
            ender_items: chance.many(0..27, Item::any),
            abilities: Abilities {
                walk_speed: chance.unit() as f32,
                fly_speed: chance.unit() as f32,
                may_fly: chance.bool(),
                flying: chance.bool(),
                invulnerable: chance.bool(),
                may_build: chance.bool(),
                instabuild: chance.bool(),
            },
            entered_nether_position: chance
                .maybe(|chance| (chance.unit(), chance.unit(), chance.unit())),
            root_vehicle: chance.maybe(|chance| {
                (
                    std::array::from_fn(|_| chance.next() as u32),
                    Creature::any(chance),
                )
            }),
            shoulder_entity_left: chance.maybe(Creature::any),
            shoulder_entity_right: chance.maybe(Creature::any),
            seen_credits: chance.bool(),
            recipe_book: RecipeBook {
                recipes: chance.many(0..30, |chance| chance.of(&IDS)),
                to_be_displayed: chance.many(0..10, |chance| chance.of(&IDS)),
                is_filtering_craftable: chance.bool(),
                is_gui_open: chance.bool(),
                is_furnace_filtering_craftable: chance.bool(),
                is_furnace_gui_open: chance.bool(),
                is_blasting_furnace_filtering_craftable: chance.bool(),
                is_blasting_furnace_gui_open: chance.bool(),
                is_smoker_filtering_craftable: chance.bool(),
                is_smoker_gui_open: chance.bool(),
            },
        }
    }
}
