//! The data that the program carries: GeoNames, CC BY 4.0. See data/README.md.

use std::io::Cursor;

use entidb::Database;

use crate::exit::Outcome;
use crate::import::{Input, Ndjson, Plan, Tally, Watch, import};

/// A file that is in the program.
#[derive(Clone, Copy)]
pub(super) struct Set {
    pub(super) collection: &'static str,
    id_field: &'static str,
    ndjson: &'static [u8],
}

pub(super) const COUNTRIES: Set = Set {
    collection: "countries",
    id_field: "iso",
    ndjson: include_bytes!("../../data/countries.ndjson"),
};

pub(super) const CITIES: Set = Set {
    collection: "cities",
    id_field: "geonameid",
    ndjson: include_bytes!("../../data/cities.ndjson"),
};

/// The `geonameid` of Tokyo.
pub(super) const KNOWN_CITY: u32 = 1_850_147;

/// How many entities are committed at once.
const BATCH_COUNT: usize = 1000;

impl Set {
    /// How many entities the database has of it.
    pub(super) fn count(&self, db: &Database) -> entidb::Result<u64> {
        db.snapshot().count(self.collection)
    }

    /// Whether some of it is not there, because this is the first run, or the first one was cut off.
    pub(super) fn is_missing(&self, db: &Database) -> entidb::Result<bool> {
        let all = memchr::memchr_iter(b'\n', self.ndjson).count() as u64;
        Ok(self.count(db)? < all)
    }

    pub(super) fn load(&self, db: &Database) -> Outcome<Tally> {
        let input = Input::new(Cursor::new(self.ndjson), None);
        let mut watch = Watch::silent(&input);
        let plan = Plan {
            collection: self.collection.to_owned(),
            id_field: Some(self.id_field.to_owned()),
            batch_count: BATCH_COUNT,
            skip_bad: false,
            atomic: false,
        };
        import(db, plan, Box::new(Ndjson::new(input.reader)), &mut watch)
            .map_err(|stop| stop.failure(self.collection, false))
    }
}
