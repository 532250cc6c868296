//! native_db: a model for each number of secondary keys. Its commits are always durable.

use std::marker::PhantomData;
use std::path::Path;

use native_db::transaction::RTransaction;
use native_db::{Builder, Database, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};

use super::{CACHE_LEN, Store, Wanted};
use crate::item::{FIELDS, Fields, Item};
use crate::work::Answer;

/// What all models have.
trait Entity: native_db::ToInput + Clone {
    fn new(item: &Item) -> Self;
    fn fields(&self) -> Fields;
    /// Adds what is wanted of it.
    fn add(&self, wanted: Wanted, answer: &mut Answer);
    /// Adds those from `from` to `to` by the first field's key. Says whether there is one.
    fn by_key(
        tx: &RTransaction<'_>,
        asked: (u32, u32),
        wanted: Wanted,
        answer: &mut Answer,
    ) -> bool;
}

macro_rules! by_key {
    ((), $tx:ident, $asked:ident, $wanted:ident, $answer:ident) => {{
        let _ = ($tx, $asked, $wanted, $answer);
        false
    }};
    ($key:ident, $tx:ident, $asked:ident, $wanted:ident, $answer:ident) => {{
        let scan = $tx.scan();
        let scan = scan.secondary::<Self>($key::f0).unwrap();
        for item in scan.range($asked.0..=$asked.1).unwrap() {
            let item: Self = item.unwrap();
            item.add($wanted, $answer);
        }
        true
    }};
}

macro_rules! model {
    ($name:ident, $number:tt, $key:tt, [$($keyed:ident)*], [$($plain:ident)*]) => {
        #[derive(Serialize, Deserialize, Clone, Debug)]
        #[native_model(id = $number, version = 1)]
        #[native_db]
        struct $name {
            #[primary_key]
            id: u128,
            $(#[secondary_key] $keyed: u32,)*
            $($plain: u32,)*
        }

        impl Entity for $name {
            fn new(item: &Item) -> Self {
                let [$($keyed,)* $($plain,)*] = item.fields;
                Self { id: item.id, $($keyed,)* $($plain,)* }
            }

            fn fields(&self) -> [u32; FIELDS] {
                [$(self.$keyed,)* $(self.$plain,)*]
            }

            fn add(&self, wanted: Wanted, answer: &mut Answer) {
                match wanted {
                    Wanted::Fields => answer.add(self.fields()),
                    Wanted::Last => answer.add([self.f49]),
                    Wanted::Id => answer.add_id(self.id),
                }
            }

            fn by_key(
                tx: &RTransaction<'_>,
                asked: (u32, u32),
                wanted: Wanted,
                answer: &mut Answer,
            ) -> bool {
                by_key!($key, tx, asked, wanted, answer)
            }
        }
    };
}

model! { Item0, 1, (), [],
[f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24
f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49] }
model! { Item1, 2, Item1Key, [f0],
[f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24
f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49] }
model! { Item10, 3, Item10Key, [f0 f1 f2 f3 f4 f5 f6 f7 f8 f9],
[f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24
f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49] }
model! { Item50, 4, Item50Key,
[f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24
f25 f26 f27 f28 f29 f30 f31 f32 f33 f34 f35 f36 f37 f38 f39 f40 f41 f42 f43 f44 f45 f46 f47 f48 f49],
[] }

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
    builder.set_cache_size(usize::try_from(CACHE_LEN).unwrap());
    let db = builder.create(models, dir.join("native")).unwrap();
    Box::new(Native::<T>(db, PhantomData))
}

struct Native<T>(Database<'static>, PhantomData<T>);

impl<T: Entity> Store for Native<T> {
    fn insert(&mut self, items: &[Item]) {
        let tx = self.0.rw_transaction().unwrap();
        items
            .iter()
            .for_each(|item| tx.insert(T::new(item)).unwrap());
        tx.commit().unwrap();
    }

    fn update(&mut self, old: &[Item], new: &[Item], _: Option<usize>) {
        let tx = self.0.rw_transaction().unwrap();
        for (old, new) in old.iter().zip(new) {
            tx.update(T::new(old), T::new(new)).unwrap();
        }
        tx.commit().unwrap();
    }

    fn delete(&mut self, items: &[Item]) {
        let tx = self.0.rw_transaction().unwrap();
        for item in items {
            tx.remove(T::new(item)).unwrap();
        }
        tx.commit().unwrap();
    }

    fn find(&mut self, asked: &[(u32, u32)], wanted: Wanted) -> Answer {
        let mut answer = Answer::default();
        let tx = self.0.r_transaction().unwrap();
        for (from, to) in asked {
            if T::by_key(&tx, (*from, *to), wanted, &mut answer) {
                continue;
            }
            let scan = tx.scan();
            let scan = scan.primary::<T>().unwrap();
            let all = scan.all().unwrap().map(Result::unwrap);
            let found = all.filter(|item| (from..=to).contains(&&item.fields()[0]));
            found.for_each(|item| item.add(wanted, &mut answer));
        }
        answer
    }
}
