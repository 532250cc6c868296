//! The codec beside others: serde types to bytes and back, one entity at a time.
//!
//! The shapes are those of rust_serialization_benchmark, written from its lists of fields: a line of a
//! web server's log, a player of Minecraft as it is saved, and an update of the game mk48. minicbor is derived by hand with a
//! number for each field, and writes structs as arrays: no names. ciborium and this crate write
//! maps with names, this crate in canonical order.
//!
//! Prints nanoseconds for an entity, and how many times as long the others take: above 1 is slower than this crate.

use std::hint::black_box;
use std::time::Instant;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

fn main() {
    let mut chance = Chance(42);
    let logs: Vec<Log> = (0..1000).map(|_| Log::any(&mut chance)).collect();
    measure("log", &logs);
    let players: Vec<Player> = (0..100).map(|_| Player::any(&mut chance)).collect();
    measure("minecraft player", &players);
    let updates: Vec<Update> = (0..100).map(|_| Update::any(&mut chance)).collect();
    measure("mk48 update", &updates);
}

/// What every codec can do with a type.
trait Entity:
    Serialize + DeserializeOwned + minicbor::Encode<()> + for<'b> minicbor::Decode<'b, ()> + PartialEq
{
}

impl<T> Entity for T where
    T: Serialize
        + DeserializeOwned
        + minicbor::Encode<()>
        + for<'b> minicbor::Decode<'b, ()>
        + PartialEq
{
}

/// One codec with one type.
struct Codec<T> {
    name: &'static str,
    to_vec: fn(&T) -> Vec<u8>,
    append: fn(&T, &mut Vec<u8>),
    read: fn(&[u8]) -> T,
}

fn codecs<T: Entity>() -> [Codec<T>; 3] {
    [
        Codec {
            name: "entidb_codec",
            to_vec: |value| entidb_codec::to_vec(value).unwrap(),
            append: |value, out| entidb_codec::serialize_to(value, out).unwrap(),
            read: |bytes| entidb_codec::from_slice(bytes).unwrap(),
        },
        Codec {
            name: "minicbor, derived",
            to_vec: |value| minicbor::to_vec(value).unwrap(),
            append: |value, out| minicbor::encode(value, out).unwrap(),
            read: |bytes| minicbor::decode(bytes).unwrap(),
        },
        Codec {
            name: "ciborium",
            to_vec: |value| {
                let mut out = Vec::new();
                ciborium::into_writer(value, &mut out).unwrap();
                out
            },
            append: |value, out| ciborium::into_writer(value, out).unwrap(),
            read: |bytes| ciborium::from_reader(bytes).unwrap(),
        },
    ]
}

fn measure<T: Entity>(shape: &str, entities: &[T]) {
    const ROUNDS: usize = 500;
    let codecs = codecs::<T>();
    let encoded: Vec<Vec<Vec<u8>>> = codecs
        .iter()
        .map(|codec| entities.iter().map(codec.to_vec).collect())
        .collect();
    for (codec, encoded) in codecs.iter().zip(&encoded) {
        for (entity, bytes) in entities.iter().zip(encoded) {
            assert!(
                (codec.read)(bytes) == *entity,
                "{} loses something",
                codec.name
            );
        }
    }
    // The least of many short rounds, in which the codecs take turns: what else runs on the machine
    // only adds, and some rounds are within one slice of its time.
    let mut best = vec![[f64::MAX; 3]; codecs.len()];
    let mut buffer = Vec::new();
    for _ in 0..ROUNDS {
        for ((codec, encoded), best) in codecs.iter().zip(&encoded).zip(&mut best) {
            let times = [
                time(|| {
                    entities
                        .iter()
                        .for_each(|entity| drop(black_box((codec.to_vec)(entity))))
                }),
                time(|| {
                    for entity in entities {
                        buffer.clear();
                        (codec.append)(entity, &mut buffer);
                        black_box(&buffer);
                    }
                }),
                time(|| {
                    encoded
                        .iter()
                        .for_each(|bytes| drop(black_box((codec.read)(bytes))))
                }),
            ];
            for (best, time) in best.iter_mut().zip(times) {
                *best = best.min(time / entities.len() as f64);
            }
        }
    }
    println!(
        "{shape}\n{:<20}{:>8}{:>18}{:>18}{:>18}",
        "", "bytes", "to a Vec", "into a buffer", "decode"
    );
    for ((codec, encoded), times) in codecs.iter().zip(&encoded).zip(&best) {
        let bytes: usize = encoded.iter().map(Vec::len).sum();
        print!("{:<20}{:>8}", codec.name, bytes / entities.len());
        for (time, own) in times.iter().zip(&best[0]) {
            print!("{time:>9.0} ns {:>5.2}x", time / own);
        }
        println!();
    }
    println!();
}

fn time(run: impl FnOnce()) -> f64 {
    let start = Instant::now();
    run();
    start.elapsed().as_nanos() as f64
}

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bool(&mut self) -> bool {
        self.next() & 1 == 1
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn of(&mut self, words: &[&str]) -> String {
        words[self.below(words.len())].to_owned()
    }

    fn many<T>(
        &mut self,
        count: std::ops::Range<usize>,
        mut one: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let count = count.start + self.below(count.len());
        (0..count).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.bool() { Some(one(self)) } else { None }
    }
}

macro_rules! entity {
    ($(#[$attribute:meta])* struct $name:ident { $($(#[$field_attribute:meta])* $number:literal $field:ident: $type:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Serialize, Deserialize, minicbor::Encode, minicbor::Decode, PartialEq)]
        struct $name { $($(#[$field_attribute])* #[n($number)] $field: $type,)* }
    };
}

entity! { struct Address { 0 x0: u8, 1 x1: u8, 2 x2: u8, 3 x3: u8, } }

entity! {
    struct Log {
        0 address: Address,
        1 identity: String,
        2 userid: String,
        3 date: String,
        4 request: String,
        5 code: u16,
        6 size: u64,
    }
}

impl Log {
    fn any(chance: &mut Chance) -> Self {
        let mut octet = || chance.next() as u8;
        Self {
            address: Address {
                x0: octet(),
                x1: octet(),
                x2: octet(),
                x3: octet(),
            },
            identity: "-".to_owned(),
            userid: chance.of(&[
                "-", "alice", "bob", "carmen", "david", "eric", "frank", "george", "harry",
            ]),
            date: format!(
                "{:02}/Oct/{}:{:02}:{:02}:{:02} +0000",
                1 + chance.below(28),
                1970 + chance.below(50),
                chance.below(24),
                chance.below(60),
                chance.below(60)
            ),
            request: format!(
                "{} {} HTTP/1.1",
                chance.of(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
                chance.of(&[
                    "/favicon.ico",
                    "/css/index.css",
                    "/css/font-awesome.min.css",
                    "/img/logo-full.svg",
                    "/img/splash.jpg",
                    "/api/login",
                    "/api/logout"
                ])
            ),
            code: [200, 200, 200, 304, 404, 500][chance.below(6)],
            size: chance.next() % 100_000_000,
        }
    }
}

#[derive(Serialize, Deserialize, minicbor::Encode, minicbor::Decode, PartialEq)]
enum GameType {
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
    fn any(chance: &mut Chance) -> Self {
        Self {
            count: chance.next() as i8,
            slot: chance.next() as u8,
            id: chance.of(&IDS),
        }
    }
}

impl Creature {
    fn any(chance: &mut Chance) -> Self {
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
    fn any(chance: &mut Chance) -> Self {
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

#[derive(Serialize, Deserialize, minicbor::Encode, minicbor::Decode, PartialEq)]
enum EntityType {
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
    fn any(chance: &mut Chance) -> Self {
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
    fn any(chance: &mut Chance) -> Self {
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
