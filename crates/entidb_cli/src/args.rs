//! The command line: what can be said, and its help.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use entidb::limits::COLLECTION_NAME_LEN_MAX;

use crate::id::GivenId;
use crate::key::KeyArgs;

/// Load, look at and check an EntiDB database.
#[derive(Debug, Parser)]
#[command(
    name = "entidb",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
A database is a folder. DB is its path. An ID is 36 characters with dashes, like 01890a5d-ac96-774b-bcce-b302099a8057, or
key:VALUE for the id that `import --id FIELD` gives to that value.

An encrypted database takes its key with every command: --key-file FILE, --passphrase-file FILE, or the variable ENTIDB_KEY
with 64 hex digits, which counts if neither is given. `import` and `put` make an encrypted database if they get a key.

Exit codes: 0 done; 1 no (absent, a bad line, damage found); 2 wrong use; 3 could not (locked, full, unreadable, damaged).

A start:
  entidb demo
  entidb import shop.entidb customers customers.ndjson --id email
  entidb get shop.entidb customers key:ann@example.com"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Import(Import),
    Get(Get),
    Put(Put),
    Delete(Delete),
    Scan(Scan),
    Find(Find),
    #[command(subcommand)]
    Index(Index),
    Watch(Watch),
    Retention(Retention),
    Collections(Collections),
    Drop(Drop),
    Stats(Stats),
    Verify(Verify),
    Export(Export),
    Compact(Compact),
    Checkpoint(Checkpoint),
    Demo(Demo),
}

/// Load entities from a file, or from standard input
///
/// The database and the collection are made if they are not there. An entity is a JSON object, or a row of CSV. Its id is
/// its `_id`; or else the value of FIELD, which stays in the entity; or else a new one. Both are a dashed UUID as it stands,
/// or a text or integer that the id is made of. An id that is there already has its entity replaced.
///
/// Each batch is committed as a whole. All are durable when the import ends, however it ends; with --ack each is durable before
/// its ids are printed. A bad line ends the import with exit code 1; nothing of its batch is kept, the batches before it stay.
/// A crash loses at most about the last half second of what was not acknowledged, from the end of the input backwards.
/// With --atomic all of it is one transaction, however large: at the end all of it is there, and before that, after a bad line or
/// a crash, nothing. What does not fit in memory lies in the database's folder until then.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb import shop.entidb customers customers.ndjson --id email
  entidb import shop.entidb customers customers.ndjson --id email --unique email --index address.city
  entidb import shop.entidb orders orders.csv --id number
  entidb import shop.entidb prices prices.csv --id article --atomic
  produce | entidb import shop.entidb events - --ack --batch 1")]
pub(crate) struct Import {
    /// The database's folder
    pub(crate) db: PathBuf,
    #[arg(value_parser = collection_name)]
    /// The collection's name
    pub(crate) collection: String,
    /// What to load; `-` for standard input
    pub(crate) file: PathBuf,
    /// The field whose value gives the id, where there is no `_id`
    #[arg(long, value_name = "FIELD")]
    pub(crate) id: Option<String>,
    /// What the input is; without it, the file's ending tells, and standard input is ndjson
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
    /// How many entities are committed at once, at most; a batch ends at 8 MiB in any case
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) batch: u64,
    /// Print each id once its entity is durable
    #[arg(long)]
    pub(crate) ack: bool,
    /// Commit all of it as one transaction
    #[arg(long, conflicts_with_all = ["ack", "batch"])]
    pub(crate) atomic: bool,
    /// Leave out bad lines, and count them
    #[arg(long)]
    pub(crate) skip_bad: bool,
    /// Index what stands at PATH, as `index create` does; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) index: Vec<String>,
    /// … where no two entities may have the same value
    #[arg(long, value_name = "PATH")]
    pub(crate) unique: Vec<String>,
}

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line
    Ndjson,
    /// One array of objects, or objects one after the other
    Json,
    /// A row of names, then rows of texts; an empty text is absent
    Csv,
}

/// Print one entity as a line of JSON
///
/// Exit code 1 says that it is not there, and only that.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb get shop.entidb customers key:ann@example.com")]
pub(crate) struct Get {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// The entity's id: 36 characters with dashes, or key:VALUE
    pub(crate) id: GivenId,
}

/// Store one JSON object from standard input, and print its id
///
/// The database and the collection are made if they are not there. The id is ID, or the object's `_id`, or a new one. An
/// entity that has the id already is replaced.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  echo '{\"name\":\"Ann\",\"age\":41}' | entidb put shop.entidb customers key:ann@example.com")]
pub(crate) struct Put {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// The entity's id: 36 characters with dashes, or key:VALUE
    pub(crate) id: Option<GivenId>,
}

/// Delete entities, all in one transaction
///
/// Those that are there are deleted. Exit code 1 says that one or more were not, or that a range held none. A range costs one
/// record, however many entities are in it.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb delete shop.entidb customers key:ann@example.com key:bob@example.com
  entidb delete shop.entidb events --to 01890a5d-ac96-774b-bcce-b302099a8057")]
pub(crate) struct Delete {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// The entities' ids: 36 characters with dashes, or key:VALUE
    #[arg(required_unless_present_any = ["from", "to"], conflicts_with_all = ["from", "to"], value_name = "ID")]
    pub(crate) ids: Vec<GivenId>,
    /// Instead of single ids: all from this one on; without it, from the lowest
    #[arg(long, value_name = "ID")]
    pub(crate) from: Option<GivenId>,
    /// … and below this one, which stays; without it, to the highest
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<GivenId>,
}

/// Print the entities of a collection as NDJSON, in the order of their ids
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb scan shop.entidb customers --limit 10
  entidb scan shop.entidb customers --limit 10 --after 01890a5d-ac96-774b-bcce-b302099a8057
  entidb scan shop.entidb customers --ids | wc -l")]
pub(crate) struct Scan {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// How many entities to print, at most
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Go on behind this id, in the direction of the scan; it need not be there
    #[arg(long, value_name = "ID")]
    pub(crate) after: Option<GivenId>,
    /// From the highest id down
    #[arg(long)]
    pub(crate) reverse: bool,
    /// Print the ids alone
    #[arg(long)]
    pub(crate) ids: bool,
}

/// Print the entities that have a value somewhere, as NDJSON
///
/// PATH is where the value stands: dotted keys, `[]` behind one that holds an array, and an odd key in JSON quotes:
/// `address.city`, `tags[]`, `lines[].sku`, `\"a.b\".c`. VALUE is read as JSON where it is a number, a text in quotes, true, false or null, and
/// is a text as it stands where it is not. An index on PATH is needed, or --scan. Numbers are found by value, so that 1 finds 1.0. They
/// come in the order of their values, and of their ids where these are equal.
///
/// An index on several paths is asked by pairs of PATH and VALUE in its order; the last paths may be left out, and the last one asked
/// may have --from, --to or --prefix instead of a VALUE. An entity's id is no PATH: `get` finds by that. Exit code 1 says that nothing
/// was found.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb find shop.entidb customers email ann@example.com
  entidb find shop.entidb customers age --from 18 --to 65 --limit 10
  entidb find shop.entidb customers last Smith first Ann
  entidb find shop.entidb customers last Smith born --from 1990
  entidb find shop.entidb products title body --words \"red apple\"
  entidb find shop.entidb customers name --prefix Mc
  entidb find shop.entidb customers zip 00501 --text")]
pub(crate) struct Find {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// Where to look, and what for: PATH VALUE, perhaps several times, or PATH with one of the options
    #[arg(
        required = true,
        value_name = "PATH VALUE",
        allow_negative_numbers = true
    )]
    pub(crate) asked: Vec<String>,
    /// Values from this one on
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) from: Option<String>,
    /// … and below this one
    #[arg(long, value_name = "VALUE", allow_negative_numbers = true)]
    pub(crate) to: Option<String>,
    /// Texts that begin with this
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to"])]
    pub(crate) prefix: Option<String>,
    /// Texts with all of these words, in any case: by a full-text index
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to", "prefix", "scan"])]
    pub(crate) words: Option<String>,
    /// Texts with any of these words
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to", "prefix", "words", "scan"])]
    pub(crate) any: Option<String>,
    /// Texts with a word that begins with this
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["from", "to", "prefix", "words", "any", "scan"])]
    pub(crate) word_prefix: Option<String>,
    /// VALUE is a text, whatever it looks like
    #[arg(long)]
    pub(crate) text: bool,
    /// From the highest value down
    #[arg(long)]
    pub(crate) reverse: bool,
    /// How many entities to print, at most
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Print the ids alone
    #[arg(long)]
    pub(crate) ids: bool,
    /// Where there is no index, read the whole collection; entities then come in the order of their ids
    #[arg(long)]
    pub(crate) scan: bool,
}

/// Make, drop or list the indexes of a collection
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Example:
  entidb index create shop.entidb customers email --unique")]
pub(crate) enum Index {
    Create(IndexCreate),
    Drop(IndexDrop),
    List(IndexList),
}

/// Make an index, which every program that writes to the collection then keeps
///
/// PATH is as for `find`; several are one index on all of them, in this order. What is there already is indexed before this ends; ended
/// early, the next run, or whatever program opens the database, goes on. Entities that have nothing at PATH are not in the index, those
/// that have null there are. Where --unique finds a value twice, no index is made. Making one that is there is no error.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb index create shop.entidb customers email --unique
  entidb index create shop.entidb customers last first
  entidb index create shop.entidb customers handle --unique --ignore-case
  entidb index create shop.entidb products title body --full-text")]
pub(crate) struct IndexCreate {
    /// The database's folder, which has to be there
    pub(crate) db: PathBuf,
    /// The collection's name; it need not be there yet
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// Where the indexed values stand
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// No two entities may have the same value
    #[arg(long)]
    pub(crate) unique: bool,
    /// Upper and lower case are the same
    #[arg(long)]
    pub(crate) ignore_case: bool,
    /// Of the words in the texts at PATH, for `find --words`
    #[arg(long, conflicts_with_all = ["unique", "ignore_case"])]
    pub(crate) full_text: bool,
}

/// Drop an index; the entities stay
///
/// Exit code 1 says that there is no such index.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb index drop shop.entidb customers email")]
pub(crate) struct IndexDrop {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// Where the indexed values stand
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// The full-text index on them
    #[arg(long)]
    pub(crate) full_text: bool,
}

/// List the indexes of a collection
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb index list shop.entidb customers")]
pub(crate) struct IndexList {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Say how many changes are kept for `watch`, and for every other follower
///
/// Until then none are. It holds for whatever program writes to the database later, unless that says otherwise. Whole logs are kept,
/// so that it may be up to a log more. `stats` shows it.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb retention shop.entidb 256
  entidb retention shop.entidb 1024 --hours 48 --old
  entidb retention shop.entidb 0")]
pub(crate) struct Retention {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// How many MiB of logs are kept; 0 keeps none
    #[arg(value_name = "MIB")]
    pub(crate) mib: u64,
    /// … and for how many hours, at most
    #[arg(long, value_name = "N")]
    pub(crate) hours: Option<u64>,
    /// Keep what is replaced or deleted, too, for `watch --old`
    #[arg(long)]
    pub(crate) old: bool,
}

/// Print each change as it is committed, as NDJSON, until interrupted
///
/// A line is one change: `lsn` and `time` (milliseconds since 1970) of its commit, `collection`, `change` (insert, update, delete,
/// expire, delete_range or drop), `_id`, of a range also `_last`, and the entity as it is now under `new`. Beside a program that writes, in any other process. Without --since it
/// begins with what is committed from now on.
///
/// Changes are there as far as `retention` keeps them. Where some are gone that --since asks for, exit code 3 says from where on
/// they are there.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb retention shop.entidb 256 && entidb watch shop.entidb
  entidb watch shop.entidb customers --since 1200 --old")]
pub(crate) struct Watch {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// One collection's changes alone
    #[arg(value_parser = collection_name)]
    pub(crate) collection: Option<String>,
    /// Begin behind this commit
    #[arg(long, value_name = "LSN")]
    pub(crate) since: Option<u64>,
    /// Print what the entity was before, too, under `old`, where retention keeps that
    #[arg(long)]
    pub(crate) old: bool,
}

/// List the collections, and how many entities each has
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb collections shop.entidb")]
pub(crate) struct Collections {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Drop a collection, with all that is in it
///
/// It costs one record, whatever it holds; its room comes back with the next compaction. There is no undoing it: `export`
/// before. Exit code 1 says that there is no such collection.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb drop shop.entidb customers")]
pub(crate) struct Drop {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
}

/// Show what the database's files hold
///
/// Live and dead bytes are estimates: of the segments, without the log that is written to; what is dead also of index entries. Of
/// index entries, versions are counted, replaced ones too until they are merged away. What is kept for `watch`, and when the next
/// entity expires, is shown where there is any.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb stats shop.entidb
  entidb stats shop.entidb --json")]
pub(crate) struct Stats {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Read every byte, and name what is wrong and where
///
/// Changes nothing, needs no lock, and works on a database that cannot be opened. Exit code 1 says that damage was found.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb verify shop.entidb && echo sound")]
pub(crate) struct Verify {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write a collection as NDJSON, to a file or standard output
///
/// The file appears under its name once it is whole and durable. `import` of it gives an equal collection.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb export shop.entidb customers customers.ndjson
  entidb export shop.entidb customers | gzip > customers.ndjson.gz")]
pub(crate) struct Export {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// The collection's name
    #[arg(value_parser = collection_name)]
    pub(crate) collection: String,
    /// Where to write; standard output if it is left out, or `-`
    pub(crate) file: Option<PathBuf>,
    /// Replace FILE if it is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Give back the room of what was replaced or deleted, and put in order what lies scattered
///
/// Much of that happens by itself, in whatever program writes to the database. What is still needed is copied, so that it takes
/// room for that while it runs; a crash in it loses nothing.
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb compact shop.entidb
  entidb compact shop.entidb --lz4")]
pub(crate) struct Compact {
    /// The database's folder
    pub(crate) db: PathBuf,
    /// Compress what is copied, and copy whatever is not compressed yet; without it, what is copied is not compressed
    #[arg(long)]
    pub(crate) lz4: bool,
    /// As --lz4, by Zstandard: smaller, and slower to read; programs without the feature zstd do not open it any more
    #[cfg(feature = "zstd")]
    #[arg(long, conflicts_with = "lz4")]
    pub(crate) zstd: bool,
}

/// Seal the log and write its keys, so that the next open has nothing to replay
///
/// This happens by itself as the log grows; nothing is made more durable by it.
#[derive(Debug, Parser)]
#[command(after_help = "\
Example:
  entidb checkpoint shop.entidb")]
pub(crate) struct Checkpoint {
    /// The database's folder
    pub(crate) db: PathBuf,
}

/// Make a database of real data, kill a writer in the middle, and find everything again
#[derive(Debug, Parser)]
#[command(after_help = "\
Examples:
  entidb demo
  entidb demo /tmp/my-demo")]
pub(crate) struct Demo {
    /// Where to make it
    #[arg(default_value = "entidb-demo")]
    pub(crate) dir: PathBuf,
}

fn collection_name(name: &str) -> Result<String, String> {
    match name.len() {
        1..=COLLECTION_NAME_LEN_MAX => Ok(name.to_owned()),
        len => Err(format!(
            "a collection's name has 1 to {COLLECTION_NAME_LEN_MAX} bytes, this one {len}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_every_command_has_an_example() {
        let mut command = super::Args::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands_mut() {
            let help = sub.render_long_help().to_string();
            assert!(help.contains("Example"), "{}", sub.get_name());
        }
    }
}
