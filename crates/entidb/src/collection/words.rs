//! Questions to declared full-text indexes.

use super::entity::Entity;
use super::find::TypedFind;
use super::index::Text;

/// By words, whatever the case of their letters. What is found comes in id order.
///
/// ```
/// # use entidb::{Database, Entity, EntityId};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Entity, Serialize, Deserialize)]
/// #[entity(text(title, body, name = "words"))]
/// struct Note {
///     #[entity(id)]
///     id: EntityId,
///     title: String,
///     body: String,
/// }
///
/// # fn main() -> entidb::Result<()> {
/// # let db = Database::open_in(entidb::storage::MemoryDirectory::new())?;
/// let notes = db.collection::<Note>()?;
/// notes.put(&Note { id: EntityId::new(), title: "Zoo".into(), body: "The quick brown fox".into() })?;
/// assert_eq!(notes.by(Note::WORDS)?.all_of(["zoo", "FOX"]).count()?, 1);
/// assert_eq!(notes.by(Note::WORDS)?.any_of(["dog", "fox"]).count()?, 1);
/// assert_eq!(notes.by(Note::WORDS)?.word_prefix("bro").count()?, 1);
/// # Ok(()) }
/// ```
impl<T: Entity> TypedFind<'_, T, Text<T>> {
    /// Those that have all of these words. Of a text with several, all of these.
    pub fn all_of<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Self {
        self.and(|find| find.all_of(words))
    }

    /// Those that have any of these words.
    pub fn any_of<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Self {
        self.and(|find| find.any_of(words))
    }

    /// Those that have a word which begins like this. Their ids are held in memory.
    pub fn word_prefix(self, beginning: &str) -> Self {
        self.and(|find| find.word_prefix(beginning))
    }
}
