//! Full text: the words of texts, and entities that have several of them.
//!
//! Words are those of UAX #29, without their case. Which they are is on disks: the version of the rules stands in the catalog.

use std::cmp::Ordering;

use entidb_codec::Value;
use entidb_codec::key::{self, Case};
use unicode_segmentation::UnicodeSegmentation;

use super::merged::Merged;
use crate::error::Result;
use crate::format::entry_key;
use crate::ids::EntityId;
use crate::payload::Payload;

/// Calls `each` with the key of every word of a text, as often as it has it.
pub(super) fn each_word(
    text: &str,
    mut each: impl FnMut(&Value) -> Result<(), key::KeyError>,
) -> Result<(), key::KeyError> {
    let mut word = Value::Text(String::new());
    for found in text.unicode_words() {
        if let Value::Text(word) = &mut word {
            word.clear();
            word.push_str(found);
        }
        each(&word)?;
    }
    Ok(())
}

/// The index keys of the words of these texts, each once.
pub(super) fn keys_of<W: AsRef<str>>(
    texts: impl IntoIterator<Item = W>,
) -> Result<Vec<Vec<u8>>, key::KeyError> {
    let mut keys = Vec::new();
    for text in texts {
        each_word(text.as_ref(), |word| {
            let mut key = Vec::new();
            key::push_value(&mut key, word, Case::Insensitive)?;
            entry_key::shorten(&mut key, 0);
            keys.push(key);
            Ok(())
        })?;
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

/// One word's entities, in id order.
pub(super) struct Word {
    entries: Merged,
    head: Option<(EntityId, Option<Payload>)>,
    begun: bool,
}

impl Word {
    pub(super) fn new(entries: Merged) -> Self {
        Self {
            entries,
            head: None,
            begun: false,
        }
    }

    fn pass(&mut self) -> Result<()> {
        self.begun = true;
        self.head = self.entries.next()?;
        Ok(())
    }

    fn id(&mut self) -> Result<Option<EntityId>> {
        if !self.begun {
            self.pass()?;
        }
        Ok(self.head.as_ref().map(|(id, _)| *id))
    }
}

/// The order of ids in the direction of a walk.
fn order(a: EntityId, b: EntityId, descending: bool) -> Ordering {
    let order = a.cmp(&b);
    if descending { order.reverse() } else { order }
}

/// The next entity that has all of the words.
pub(super) fn next_of_all(
    words: &mut [Word],
    descending: bool,
) -> Result<Option<(EntityId, Option<Payload>)>> {
    let mut wanted: Option<EntityId> = None;
    // How many words in a row have the wanted one.
    let mut agreed = 0;
    let count = words.len();
    for at in (0..count).cycle() {
        let Some(word) = words.get_mut(at) else {
            break;
        };
        loop {
            let Some(id) = word.id()? else {
                return Ok(None);
            };
            match wanted.map_or(Ordering::Greater, |wanted| order(id, wanted, descending)) {
                Ordering::Less => word.pass()?,
                Ordering::Equal => {
                    agreed += 1;
                    break;
                }
                Ordering::Greater => {
                    wanted = Some(id);
                    agreed = 1;
                    break;
                }
            }
        }
        if agreed == count {
            break;
        }
    }
    let mut found = None;
    for word in words {
        found = found.or(word.head.take());
        word.pass()?;
    }
    Ok(found)
}

/// The next entity that has any of the words.
pub(super) fn next_of_any(
    words: &mut [Word],
    descending: bool,
) -> Result<Option<(EntityId, Option<Payload>)>> {
    let mut next: Option<EntityId> = None;
    for word in words.iter_mut() {
        if let Some(id) = word.id()? {
            let earlier = |next| order(id, next, descending).is_lt();
            next = if next.is_none_or(earlier) {
                Some(id)
            } else {
                next
            };
        }
    }
    let mut found = None;
    for word in words {
        if next.is_some() && word.id()? == next {
            found = found.or(word.head.take());
            word.pass()?;
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_unicode_without_their_case() {
        let mut words = Vec::new();
        let text = "The quick (\"brown\") fox can't jump 32.3 feet, right? Straße ΑΣ";
        let texts = each_word(text, |word| {
            words.push(word.as_str().unwrap().to_owned());
            Ok(())
        });
        texts.unwrap();
        let expected = [
            "The", "quick", "brown", "fox", "can't", "jump", "32.3", "feet", "right", "Straße",
            "ΑΣ",
        ];
        assert_eq!(words, expected);
        assert_eq!(keys_of(["Fox"]).unwrap(), keys_of(["fOX", "fox"]).unwrap());
        assert_eq!(keys_of(["two words"]).unwrap().len(), 2);
        assert_eq!(keys_of(["-- ,"]).unwrap().len(), 0);
    }
}
