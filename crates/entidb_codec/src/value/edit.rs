//! Changing a map in place.

use std::mem;

use super::Value;

impl Value {
    /// What a map has under a text key, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let Self::Map(entries) = self else {
            return None;
        };
        let (_, value) = entries.iter_mut().find(|(k, _)| k.as_str() == Some(key))?;
        Some(value)
    }

    /// Puts a value under a text key. What is not a map becomes one first, and an empty one. Gives back what was under the key.
    ///
    /// ```
    /// # use entidb_codec::Value;
    /// let mut city = Value::from([("name", "Kukës")]);
    /// city.insert("population", 36_125);
    /// assert_eq!(city.get("population"), Some(&Value::from(36_125)));
    /// ```
    pub fn insert(&mut self, key: &str, value: impl Into<Value>) -> Option<Value> {
        let value = value.into();
        if let Some(old) = self.get_mut(key) {
            return Some(mem::replace(old, value));
        }
        self.make_map().push((Value::from(key), value));
        None
    }

    /// Takes what is under a text key out of a map.
    ///
    /// ```
    /// # use entidb_codec::Value;
    /// let mut person = Value::from([("mail", "ann@example.com")]);
    /// if let Some(mail) = person.remove("mail") {
    ///     person.insert("email", mail);
    /// }
    /// assert_eq!(person, Value::from([("email", "ann@example.com")]));
    /// ```
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let Self::Map(entries) = self else {
            return None;
        };
        let at = entries.iter().position(|(k, _)| k.as_str() == Some(key))?;
        Some(entries.remove(at).1)
    }

    /// Changes the value as a JSON merge patch says (RFC 7396): where both are maps, entry by entry, and `null` takes an entry
    /// out; else the patch takes the value's place. What is within an array is not looked at.
    ///
    /// ```
    /// # use entidb_codec::Value;
    /// let mut person = Value::from([("name", Value::from("Ann")), ("nick", Value::from("A"))]);
    /// person.merge(&Value::from([("nick", Value::Null), ("age", Value::from(31))]));
    /// assert_eq!(person, Value::from([("name", Value::from("Ann")), ("age", Value::from(31))]));
    /// ```
    pub fn merge(&mut self, patch: &Value) {
        let Self::Map(changes) = patch else {
            *self = patch.clone();
            return;
        };
        let entries = self.make_map();
        for (key, change) in changes {
            let at = entries.iter().position(|(k, _)| k == key);
            match (at, change) {
                (Some(at), Self::Null) => drop(entries.remove(at)),
                (None, Self::Null) => {}
                (Some(at), change) => {
                    if let Some((_, value)) = entries.get_mut(at) {
                        value.merge(change);
                    }
                }
                (None, change) => {
                    // Into nothing, so that nulls within it are left out as well.
                    let mut value = Self::Null;
                    value.merge(change);
                    entries.push((key.clone(), value));
                }
            }
        }
    }

    /// The entries; what is not a map becomes an empty one.
    fn make_map(&mut self) -> &mut Vec<(Value, Value)> {
        if !matches!(self, Self::Map(_)) {
            *self = Self::Map(Vec::new());
        }
        match self {
            Self::Map(entries) => entries,
            _ => unreachable!("made a map above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::{decode, json};

    fn value(text: &str) -> Value {
        decode(&json::to_cbor(text.as_bytes()).expect("JSON")).expect("canonical")
    }

    #[test]
    fn the_examples_of_rfc_7396_come_out_as_it_says() {
        // Appendix A, all of it.
        let cases = [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, r"{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (
                r#"{"a":{"b":"c"}}"#,
                r#"{"a":{"b":"d","c":null}}"#,
                r#"{"a":{"b":"d"}}"#,
            ),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"a":"foo"}"#, r#""bar""#, r#""bar""#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r"[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            (r"{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ];
        for (original, patch, expected) in cases {
            let mut merged = value(original);
            merged.merge(&value(patch));
            assert_eq!(merged, value(expected), "{original} and {patch}");
        }
    }

    #[test]
    fn a_map_is_changed_in_place() {
        let mut map = value(r#"{"a":1}"#);
        assert_eq!(map.insert("a", 2), Some(Value::from(1)));
        assert_eq!(map.insert("b", 3), None);
        if let Some(b) = map.get_mut("b") {
            *b = Value::from(4);
        }
        assert_eq!(map, value(r#"{"a":2,"b":4}"#));
        assert_eq!(map.remove("a"), Some(Value::from(2)));
        assert_eq!(map.remove("a"), None);
        let mut text = Value::from("x");
        assert_eq!((text.remove("a"), text.get_mut("a")), (None, None));
        text.insert("a", true);
        assert_eq!(text, value(r#"{"a":true}"#));
    }
}
