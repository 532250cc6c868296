//! How an index is declared.

use entidb_codec::Path;
use entidb_codec::key::Case;

use crate::error::{Error, Result};
use crate::format::catalog::{Index, IndexKind, State, WORD_RULES};
use crate::ids::{CollectionId, EntityId, IndexId};
use crate::limits::{INDEX_NAME_LEN_MAX, INDEX_PATH_COUNT_MAX};

/// What an index is to be: on which paths into the payload, and how. For [`Database::create_index`](crate::Database::create_index).
///
/// A path names keys with points between them, as `address.city`; `[]` stands for every element of an array, as in `tags[]` or
/// `lines[].sku`: then an entity is found under each of them. An entity that has nothing at any of the paths is not in the
/// index; where it has something at some of several, the others count as absent, which comes before everything.
///
/// ```
/// use entidb::IndexSpec;
/// let emails = IndexSpec::on("email").unique().ignore_case();
/// let names = IndexSpec::on_all(["name.last", "name.first"]).named("names");
/// let words = IndexSpec::on("text").full_text();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    paths: Vec<String>,
    name: Option<String>,
    unique: bool,
    ignore_case: bool,
    full_text: bool,
}

impl IndexSpec {
    /// An index on one path.
    #[must_use]
    pub fn on(path: impl Into<String>) -> Self {
        Self::on_all([path])
    }

    /// An index on several paths: entities are ordered by what is at the first one, then at the second, and so on.
    #[must_use]
    pub fn on_all<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self {
            paths: paths.into_iter().map(Into::into).collect(),
            name: None,
            unique: false,
            ignore_case: false,
            full_text: false,
        }
    }

    /// No two entities have the same value. Null, undefined and absent values are not the same as any other.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// The case of letters in texts does not count, by the simple case folding of Unicode.
    #[must_use]
    pub fn ignore_case(mut self) -> Self {
        self.ignore_case = true;
        self
    }

    /// Entities are found by the words of the texts at the paths, whatever their case: [`Find::all_of`](crate::Find::all_of),
    /// [`any_of`](crate::Find::any_of), [`word_prefix`](crate::Find::word_prefix). Words are told apart by the word boundaries of
    /// Unicode (UAX #29).
    #[must_use]
    pub fn full_text(mut self) -> Self {
        self.full_text = true;
        self
    }

    /// What it is called. Without this, that is its paths with commas between them; of a full-text index, `text:` and those.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The index, its name told, or made of the paths as they are spelt canonically.
    pub(crate) fn index(&self, collection: CollectionId) -> Result<Index> {
        let paths = self.paths.iter().map(|path| {
            Path::parse(path).map_err(|error| {
                Error::invalid(format!("{path:?} is no path into an entity")).because(error)
            })
        });
        let paths: Vec<Path> = paths.collect::<Result<_>>()?;
        self.check(&paths)?;
        let index = Index {
            id: IndexId(0),
            collection,
            name: self
                .name
                .clone()
                .unwrap_or_else(|| self.default_name(&paths)),
            paths,
            unique: self.unique,
            kind: match self.full_text {
                true => IndexKind::Text,
                false => IndexKind::Value,
            },
            case: match self.ignore_case && !self.full_text {
                true => Case::Insensitive,
                false => Case::Sensitive,
            },
            state: State::Building(EntityId::MIN),
            words: match self.full_text {
                true => WORD_RULES,
                false => 0,
            },
        };
        if !(1..=INDEX_NAME_LEN_MAX).contains(&index.name.len()) {
            return Err(Error::invalid(format!(
                "an index's name has 1 to {INDEX_NAME_LEN_MAX} bytes, this one {}: give it one by IndexSpec::named",
                index.name.len()
            )));
        }
        Ok(index)
    }

    fn check(&self, paths: &[Path]) -> Result<()> {
        if !(1..=INDEX_PATH_COUNT_MAX).contains(&paths.len()) {
            return Err(Error::invalid(format!(
                "an index is on 1 to {INDEX_PATH_COUNT_MAX} paths, this one on {}",
                paths.len()
            )));
        }
        let twice = paths.iter().enumerate();
        let mut twice = twice.filter(|(at, path)| paths.iter().skip(at + 1).any(|p| p == *path));
        if let Some((_, path)) = twice.next() {
            return Err(Error::invalid(format!(
                "the index has the path {path} twice"
            )));
        }
        if self.full_text && self.unique {
            return Err(Error::invalid(
                "a full-text index cannot be unique: many entities have the same words",
            ));
        }
        let many = paths.iter().filter(|path| path.has_each()).count();
        if many > 1 && !self.full_text {
            return Err(Error::invalid(
                "only one of an index's paths can have a []: make an index on each of them",
            ));
        }
        Ok(())
    }

    fn default_name(&self, paths: &[Path]) -> String {
        let paths: Vec<_> = paths.iter().map(Path::to_string).collect();
        let front = if self.full_text { "text:" } else { "" };
        format!("{front}{}", paths.join(","))
    }
}

/// What an index is: [`Snapshot::indexes`](crate::Snapshot::indexes).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexInfo {
    /// Its name, by which it is read.
    pub name: String,
    /// The paths that it is on, as they are spelt canonically.
    pub paths: Vec<String>,
    /// Whether no two entities have the same value.
    pub unique: bool,
    /// What it finds entities by.
    pub kind: IndexKind,
    /// Whether the case of letters does not count.
    pub ignore_case: bool,
    /// Whether it can be read. Else it is being built.
    pub ready: bool,
}

impl IndexInfo {
    pub(crate) fn of(index: &Index) -> Self {
        Self {
            name: index.name.clone(),
            paths: index.paths.iter().map(Path::to_string).collect(),
            unique: index.unique,
            kind: index.kind,
            ignore_case: index.case == Case::Insensitive || index.kind == IndexKind::Text,
            ready: index.is_ready(),
        }
    }
}
