//! native_db: a model for each number of secondary keys. Its commits are always durable.

use std::path::Path;

use native_db::{Builder, Database, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use crate::{Fields, Item, Store};

/// What all models have.
trait Entity: native_db::ToInput + Clone {
    fn of(item: &Item) -> Self;
    fn first(&self) -> u32;
    fn last(&self) -> u32;
    /// Those from `from` to `to` by the first field's key; `None` without one.
    fn by_key(db: &Database<'_>, from: u32, to: u32) -> Option<(u64, u64)>;
}

#[derive(Serialize, Deserialize, Clone, Debug)]
#[native_model(id = 1, version = 1)]
#[native_db]
struct Item0 {
    #[primary_key]
    id: u128,
    f0: u32,
    f1: u32,
    f2: u32,
    f3: u32,
    f4: u32,
    f5: u32,
    f6: u32,
    f7: u32,
    f8: u32,
    f9: u32,
    f10: u32,
    f11: u32,
    f12: u32,
    f13: u32,
    f14: u32,
    f15: u32,
    f16: u32,
    f17: u32,
    f18: u32,
    f19: u32,
    f20: u32,
    f21: u32,
    f22: u32,
    f23: u32,
    f24: u32,
    f25: u32,
    f26: u32,
    f27: u32,
    f28: u32,
    f29: u32,
    f30: u32,
    f31: u32,
    f32: u32,
    f33: u32,
    f34: u32,
    f35: u32,
    f36: u32,
    f37: u32,
    f38: u32,
    f39: u32,
    f40: u32,
    f41: u32,
    f42: u32,
    f43: u32,
    f44: u32,
    f45: u32,
    f46: u32,
    f47: u32,
    f48: u32,
    f49: u32,
}

impl Entity for Item0 {
    fn of(item: &Item) -> Self {
        let [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49]: Fields = item.fields;
        let id = item.id;
        Self { id, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49 }
    }

    fn first(&self) -> u32 {
        self.f0
    }

    fn last(&self) -> u32 {
        self.f49
    }

    fn by_key(db: &Database<'_>, from: u32, to: u32) -> Option<(u64, u64)> {
        let _ = (db, from, to);
        None
    }
}

#[derive(Serialize, Deserialize, Clone, Debug)]
#[native_model(id = 2, version = 1)]
#[native_db]
struct Item1 {
    #[primary_key]
    id: u128,
    #[secondary_key]
    f0: u32,
    f1: u32,
    f2: u32,
    f3: u32,
    f4: u32,
    f5: u32,
    f6: u32,
    f7: u32,
    f8: u32,
    f9: u32,
    f10: u32,
    f11: u32,
    f12: u32,
    f13: u32,
    f14: u32,
    f15: u32,
    f16: u32,
    f17: u32,
    f18: u32,
    f19: u32,
    f20: u32,
    f21: u32,
    f22: u32,
    f23: u32,
    f24: u32,
    f25: u32,
    f26: u32,
    f27: u32,
    f28: u32,
    f29: u32,
    f30: u32,
    f31: u32,
    f32: u32,
    f33: u32,
    f34: u32,
    f35: u32,
    f36: u32,
    f37: u32,
    f38: u32,
    f39: u32,
    f40: u32,
    f41: u32,
    f42: u32,
    f43: u32,
    f44: u32,
    f45: u32,
    f46: u32,
    f47: u32,
    f48: u32,
    f49: u32,
}

impl Entity for Item1 {
    fn of(item: &Item) -> Self {
        let [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49]: Fields = item.fields;
        let id = item.id;
        Self { id, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49 }
    }

    fn first(&self) -> u32 {
        self.f0
    }

    fn last(&self) -> u32 {
        self.f49
    }

    fn by_key(db: &Database<'_>, from: u32, to: u32) -> Option<(u64, u64)> {
        let reader = db.r_transaction().unwrap();
        let scan = reader.scan();
        let scan = scan.secondary::<Self>(Item1Key::f0).unwrap();
        let mut sum = (0, 0);
        for item in scan.range(from..=to).unwrap() {
            sum = (sum.0 + 1, sum.1 + u64::from(item.unwrap().f49));
        }
        Some(sum)
    }
}

#[derive(Serialize, Deserialize, Clone, Debug)]
#[native_model(id = 11, version = 1)]
#[native_db]
struct Item10 {
    #[primary_key]
    id: u128,
    #[secondary_key]
    f0: u32,
    #[secondary_key]
    f1: u32,
    #[secondary_key]
    f2: u32,
    #[secondary_key]
    f3: u32,
    #[secondary_key]
    f4: u32,
    #[secondary_key]
    f5: u32,
    #[secondary_key]
    f6: u32,
    #[secondary_key]
    f7: u32,
    #[secondary_key]
    f8: u32,
    #[secondary_key]
    f9: u32,
    f10: u32,
    f11: u32,
    f12: u32,
    f13: u32,
    f14: u32,
    f15: u32,
    f16: u32,
    f17: u32,
    f18: u32,
    f19: u32,
    f20: u32,
    f21: u32,
    f22: u32,
    f23: u32,
    f24: u32,
    f25: u32,
    f26: u32,
    f27: u32,
    f28: u32,
    f29: u32,
    f30: u32,
    f31: u32,
    f32: u32,
    f33: u32,
    f34: u32,
    f35: u32,
    f36: u32,
    f37: u32,
    f38: u32,
    f39: u32,
    f40: u32,
    f41: u32,
    f42: u32,
    f43: u32,
    f44: u32,
    f45: u32,
    f46: u32,
    f47: u32,
    f48: u32,
    f49: u32,
}

impl Entity for Item10 {
    fn of(item: &Item) -> Self {
        let [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49]: Fields = item.fields;
        let id = item.id;
        Self { id, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49 }
    }

    fn first(&self) -> u32 {
        self.f0
    }

    fn last(&self) -> u32 {
        self.f49
    }

    fn by_key(db: &Database<'_>, from: u32, to: u32) -> Option<(u64, u64)> {
        let reader = db.r_transaction().unwrap();
        let scan = reader.scan();
        let scan = scan.secondary::<Self>(Item10Key::f0).unwrap();
        let mut sum = (0, 0);
        for item in scan.range(from..=to).unwrap() {
            sum = (sum.0 + 1, sum.1 + u64::from(item.unwrap().f49));
        }
        Some(sum)
    }
}

#[derive(Serialize, Deserialize, Clone, Debug)]
#[native_model(id = 51, version = 1)]
#[native_db]
struct Item50 {
    #[primary_key]
    id: u128,
    #[secondary_key]
    f0: u32,
    #[secondary_key]
    f1: u32,
    #[secondary_key]
    f2: u32,
    #[secondary_key]
    f3: u32,
    #[secondary_key]
    f4: u32,
    #[secondary_key]
    f5: u32,
    #[secondary_key]
    f6: u32,
    #[secondary_key]
    f7: u32,
    #[secondary_key]
    f8: u32,
    #[secondary_key]
    f9: u32,
    #[secondary_key]
    f10: u32,
    #[secondary_key]
    f11: u32,
    #[secondary_key]
    f12: u32,
    #[secondary_key]
    f13: u32,
    #[secondary_key]
    f14: u32,
    #[secondary_key]
    f15: u32,
    #[secondary_key]
    f16: u32,
    #[secondary_key]
    f17: u32,
    #[secondary_key]
    f18: u32,
    #[secondary_key]
    f19: u32,
    #[secondary_key]
    f20: u32,
    #[secondary_key]
    f21: u32,
    #[secondary_key]
    f22: u32,
    #[secondary_key]
    f23: u32,
    #[secondary_key]
    f24: u32,
    #[secondary_key]
    f25: u32,
    #[secondary_key]
    f26: u32,
    #[secondary_key]
    f27: u32,
    #[secondary_key]
    f28: u32,
    #[secondary_key]
    f29: u32,
    #[secondary_key]
    f30: u32,
    #[secondary_key]
    f31: u32,
    #[secondary_key]
    f32: u32,
    #[secondary_key]
    f33: u32,
    #[secondary_key]
    f34: u32,
    #[secondary_key]
    f35: u32,
    #[secondary_key]
    f36: u32,
    #[secondary_key]
    f37: u32,
    #[secondary_key]
    f38: u32,
    #[secondary_key]
    f39: u32,
    #[secondary_key]
    f40: u32,
    #[secondary_key]
    f41: u32,
    #[secondary_key]
    f42: u32,
    #[secondary_key]
    f43: u32,
    #[secondary_key]
    f44: u32,
    #[secondary_key]
    f45: u32,
    #[secondary_key]
    f46: u32,
    #[secondary_key]
    f47: u32,
    #[secondary_key]
    f48: u32,
    #[secondary_key]
    f49: u32,
}

impl Entity for Item50 {
    fn of(item: &Item) -> Self {
        let [f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49]: Fields = item.fields;
        let id = item.id;
        Self { id, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33, f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49 }
    }

    fn first(&self) -> u32 {
        self.f0
    }

    fn last(&self) -> u32 {
        self.f49
    }

    fn by_key(db: &Database<'_>, from: u32, to: u32) -> Option<(u64, u64)> {
        let reader = db.r_transaction().unwrap();
        let scan = reader.scan();
        let scan = scan.secondary::<Self>(Item50Key::f0).unwrap();
        let mut sum = (0, 0);
        for item in scan.range(from..=to).unwrap() {
            sum = (sum.0 + 1, sum.1 + u64::from(item.unwrap().f49));
        }
        Some(sum)
    }
}

pub fn open(dir: &Path, indexed: usize) -> Box<dyn Store> {
    match indexed {
        0 => store::<Item0>(dir),
        1 => store::<Item1>(dir),
        10 => store::<Item10>(dir),
        _ => store::<Item50>(dir),
    }
}

fn store<T: Entity + 'static>(dir: &Path) -> Box<dyn Store> {
    let mut models = Models::new();
    models.define::<T>().unwrap();
    // It has to outlive the database.
    let models: &'static Models = Box::leak(Box::new(models));
    let mut builder = Builder::new();
    builder.set_cache_size(1 << 30);
    let db = builder.create(models, dir.join("native")).unwrap();
    Box::new(Native::<T>(db, std::marker::PhantomData))
}

struct Native<T>(Database<'static>, std::marker::PhantomData<T>);

impl<T: Entity> Store for Native<T> {
    fn insert(&mut self, items: &[Item]) {
        let tx = self.0.rw_transaction().unwrap();
        items.iter().for_each(|item| tx.insert(T::of(item)).unwrap());
        tx.commit().unwrap();
    }

    fn update(&mut self, old: &[Item], new: &[Item]) {
        let tx = self.0.rw_transaction().unwrap();
        for (old, new) in old.iter().zip(new) {
            tx.update(T::of(old), T::of(new)).unwrap();
        }
        tx.commit().unwrap();
    }

    fn delete(&mut self, items: &[Item]) {
        let tx = self.0.rw_transaction().unwrap();
        for item in items {
            tx.remove(T::of(item)).unwrap();
        }
        tx.commit().unwrap();
    }

    fn equal(&mut self, value: u32) -> (u64, u64) {
        self.range(value, value)
    }

    fn range(&mut self, from: u32, to: u32) -> (u64, u64) {
        if let Some(sum) = T::by_key(&self.0, from, to) {
            return sum;
        }
        let reader = self.0.r_transaction().unwrap();
        let scan = reader.scan();
        let scan = scan.primary::<T>().unwrap();
        let mut sum = (0, 0);
        for item in scan.all().unwrap() {
            let item = item.unwrap();
            if (from..=to).contains(&item.first()) {
                sum = (sum.0 + 1, sum.1 + u64::from(item.last()));
            }
        }
        sum
    }
}
