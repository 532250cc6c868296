//! Maps with text keys, read and changed in their canonical bytes, without building values.
//!
//! The functions take bytes that are known to be canonical: they were validated when they came
//! in. They look only at what they need, so on other bytes the answer may be wrong, but it is an
//! answer: nothing here panics, loops or allocates for a length that is not there.

use std::borrow::Cow;

use crate::cursor::{Cursor, Token};
use crate::{Integer, head};

/// Whether the item is a map.
#[must_use]
pub fn is_object(cbor: &[u8]) -> bool {
    cbor.first()
        .is_some_and(|initial| initial >> 5 == head::MAP)
}

/// The entries of a map in canonical order, each as the encoded key and the encoded value.
///
/// Of anything else, and from the first place that is damaged, there are none.
#[must_use]
pub fn entries(cbor: &[u8]) -> Entries<'_> {
    let mut cursor = Cursor::new(cbor);
    let count = match cursor.token() {
        Ok(Token::Map(count)) => count,
        _ => 0,
    };
    Entries { cursor, count }
}

/// The entries of a map: see [`entries`].
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    cursor: Cursor<'a>,
    count: usize,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        let pair = self.cursor.skip().zip(self.cursor.skip());
        if pair.is_none() {
            self.count = 0;
        }
        pair
    }
}

/// The encoded value that a map has under a text key.
///
/// `None` if there is no such key, or no map.
#[must_use]
pub fn get<'a>(cbor: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut entries = entries(cbor);
    entries.find_key(key)
}

/// Takes the entry with a text key out of a map and gives back its encoded value. What stays is
/// canonical again.
///
/// `None`, and nothing changed, if there is no such key, or no map.
pub fn take(cbor: &mut Vec<u8>, key: &str) -> Option<Vec<u8>> {
    let mut entries = entries(cbor);
    let old_head_len = entries.cursor.offset();
    let count = entries.count.checked_sub(1)?;
    let value = entries.find_key(key)?.to_vec();
    let end = entries.cursor.offset();
    let start = end.checked_sub(value.len() + encoded_text_len(key))?;
    let (new_head, new_head_len) = head::build(head::MAP, count as u64);
    let new_head = new_head.get(..new_head_len)?;
    cbor.drain(start..end);
    cbor.splice(..old_head_len, new_head.iter().copied());
    Some(value)
}

/// An item that can name an entity: text as it is, or an integer in decimal digits.
///
/// `None` for any other item. Empty text is text.
#[must_use]
pub fn key_text(item: &[u8]) -> Option<Cow<'_, str>> {
    let mut cursor = Cursor::new(item);
    let token = cursor.token().ok()?;
    cursor.end().ok()?;
    Some(match token {
        Token::Text(text) => Cow::Borrowed(text),
        Token::Unsigned(integer) => Cow::Owned(integer.to_string()),
        Token::Negative(argument) => {
            Cow::Owned(Integer::from_negative_argument(argument).to_string())
        }
        Token::Bignum {
            negative,
            magnitude,
        } => Cow::Owned(Integer::from_bignum(negative, magnitude).to_string()),
        _ => return None,
    })
}

impl<'a> Entries<'a> {
    /// Goes on to the entry with a text key, and stops behind it.
    fn find_key(&mut self, key: &str) -> Option<&'a [u8]> {
        let (head, head_len) = head::build(head::TEXT, key.len() as u64);
        let parts = [head.get(..head_len)?, key.as_bytes()];
        let len = head_len + key.len();
        let mut short = [0; SHORT_LEN];
        let Some(wanted) = short.get_mut(..len) else {
            return self.cursor.find_entry(self.count, &parts.concat());
        };
        let (to_head, to_text) = wanted.split_at_mut(head_len);
        to_head.copy_from_slice(parts[0]);
        to_text.copy_from_slice(parts[1]);
        self.cursor.find_entry(self.count, wanted)
    }
}

/// How long an encoded key may be that is made on the stack, in bytes.
const SHORT_LEN: usize = 64;

fn encoded_text_len(text: &str) -> usize {
    head::build(head::TEXT, text.len() as u64).1 + text.len()
}

#[cfg(test)]
mod tests;
