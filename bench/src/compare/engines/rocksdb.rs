//! RocksDB, as its wiki's "Setup Options and Basic Tuning" has it: bloom filters of 10 bits, LZ4, blocks of 16 KiB, filters
//! and indexes in the block cache, levels with dynamic sizes.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily, CompactOptions, DB,
    DBCompressionType, Direction, IteratorMode, Options, ReadOptions, WriteBatch, WriteOptions,
};

use crate::data::Id;
use crate::engine::{Access, Engine, Lacks, Put, Session, Setup};
use crate::reading::Reading;

const KEYS: &str = "keys";

pub fn open(dir: &Path, setup: Setup) -> Box<dyn Engine> {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(&Cache::new_lru_cache(setup.cache_len as usize));
    table.set_block_size(16 << 10);
    table.set_bloom_filter(10.0, false);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_level_compaction_dynamic_level_bytes(true);
    options.set_max_background_jobs(4);
    options.set_bytes_per_sync(1 << 20);
    let db = if setup.keyed {
        DB::open_cf_with_opts(&options, dir, [(KEYS, options.clone())])
    } else {
        DB::open(&options, dir)
    };
    let mut write = WriteOptions::default();
    write.set_sync(setup.durable);
    Box::new(Rocksdb {
        db: db.unwrap(),
        write,
        keyed: setup.keyed,
    })
}

struct Rocksdb {
    db: DB,
    write: WriteOptions,
    keyed: bool,
}

impl Rocksdb {
    fn keys(&self) -> Option<&ColumnFamily> {
        self.keyed.then(|| self.db.cf_handle(KEYS).unwrap())
    }
}

impl Engine for Rocksdb {
    fn session(&self, _: Access, work: &mut dyn FnMut(&mut dyn Session)) {
        work(&mut Handle(self));
    }

    fn sync(&self) {
        self.db.flush_wal(true).unwrap();
    }

    fn compact(&mut self) -> Result<(), Lacks> {
        let mut options = CompactOptions::default();
        options.set_bottommost_level_compaction(BottommostLevelCompaction::ForceOptimized);
        self.db
            .compact_range_opt(None::<&[u8]>, None::<&[u8]>, &options);
        Ok(())
    }

    fn close(self: Box<Self>) {}
}

struct Handle<'a>(&'a Rocksdb);

impl Session for Handle<'_> {
    fn put(&mut self, puts: &[Put]) {
        let mut batch = WriteBatch::default();
        let keys = self.0.keys();
        for put in puts {
            batch.put(put.id, put.value);
            if let Some(keys) = keys {
                batch.put_cf(keys, put.indexed(), b"");
            }
        }
        self.0.db.write_opt(batch, &self.0.write).unwrap();
    }

    fn delete(&mut self, ids: &[Id]) {
        let mut batch = WriteBatch::default();
        ids.iter().for_each(|id| batch.delete(id));
        self.0.db.write_opt(batch, &self.0.write).unwrap();
    }

    fn get(&mut self, id: &Id, reading: &mut Reading) -> bool {
        let found = self.0.db.get_pinned(id).unwrap();
        if let Some(value) = &found {
            reading.value(id, value);
        }
        found.is_some()
    }

    fn range(&mut self, from: &Id, limit: usize, reading: &mut Reading) -> Result<(), Lacks> {
        let mut walk = self.0.db.raw_iterator();
        walk.seek(from);
        for _ in 0..limit {
            let Some((id, value)) = walk.item() else {
                break;
            };
            reading.next(id, value);
            walk.next();
        }
        walk.status().unwrap();
        Ok(())
    }

    fn find(&mut self, key: &[u8; 8], reading: &mut Reading) {
        let keys = self.0.keys().expect("opened with keys");
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(Put::key_bounds(key).1);
        let mode = IteratorMode::From(key, Direction::Forward);
        for found in self.0.db.iterator_cf_opt(keys, options, mode) {
            let id: Id = found.unwrap().0[8..].try_into().unwrap();
            self.get(&id, reading);
        }
    }
}
