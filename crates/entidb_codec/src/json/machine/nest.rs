//! Arrays and maps: opened, filled, closed.

use crate::entries::{Duplicate, Entry};
use crate::{NESTING_MAX, head};

use super::super::{Kind, embedded};
use super::{Fault, Frame, Machine, State};

/// How much of a key an error shows.
const KEY_SHOWN_CHARS: usize = 64;

impl Machine {
    pub(super) fn open(&mut self, is_map: bool, at: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        // One level too deep an object may still turn out to be an only `$cbor`, which is none.
        if self.stack.len() > NESTING_MAX || (self.stack.len() == NESTING_MAX && !is_map) {
            return Err(self.fault(Kind::TooDeep, at));
        }
        self.stack.push(Frame {
            is_map,
            sorted: true,
            head: out.len() - self.base,
            count: 0,
            entries: self.entries.len(),
        });
        out.push(0);
        self.state = if is_map {
            State::FirstKey
        } else {
            State::FirstItem
        };
        Ok(())
    }

    /// A key has been appended at `start`.
    #[inline]
    pub(super) fn key_done(&mut self, start: usize, offset: u64, out: &[u8]) -> Result<(), Fault> {
        let too_deep = self.stack.len() > NESTING_MAX;
        let bytes = &out[self.base..];
        let entry = Entry {
            start: self.place(start, offset)?,
            value: self.place(out.len(), offset)?,
            end: 0,
        };
        if let Some(frame) = self.stack.last_mut() {
            if too_deep && (frame.count > 0 || !embedded::is_key(entry.key(bytes))) {
                return Err(Fault {
                    kind: Kind::TooDeep,
                    offset,
                });
            }
            if frame.sorted
                && let Some(last) = self.entries.get(frame.entries..).and_then(<[Entry]>::last)
            {
                let (last, key) = (last.key(bytes), entry.key(bytes));
                if last == key {
                    return Err(Fault {
                        kind: duplicate(key),
                        offset,
                    });
                }
                frame.sorted = last < key;
            }
        }
        if embedded::is_key(entry.key(bytes)) {
            self.room = embedded::room(self.limit);
        }
        self.entries.push(entry);
        self.state = State::Colon;
        Ok(())
    }

    pub(super) fn close_map(&mut self, at: usize, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let offset = self.offset + at as u64;
        let Some(frame) = self.stack.pop() else {
            return Err(self.fault(Kind::UnexpectedByte(b'}'), at));
        };
        let head = self.base + frame.head;
        let entries = self.entries.get_mut(frame.entries..).unwrap_or_default();
        if let [entry] = entries
            && embedded::is_key(entry.key(&out[self.base..]))
        {
            let value = out
                .get(self.base + entry.value as usize..)
                .unwrap_or_default();
            let item =
                embedded::decode(value, self.stack.len()).map_err(|kind| Fault { kind, offset })?;
            out.truncate(head);
            out.extend_from_slice(&item);
        } else if self.stack.len() >= NESTING_MAX {
            return Err(Fault {
                kind: Kind::TooDeep,
                offset,
            });
        } else {
            if !frame.sorted {
                self.sorter
                    .sort(out, self.base, entries)
                    .map_err(|Duplicate(entry)| Fault {
                        kind: duplicate(entry.key(&out[self.base..])),
                        offset,
                    })?;
            }
            head::settle(out, head, head::MAP, frame.count);
        }
        self.entries.truncate(frame.entries);
        self.value_done(offset, out)
    }

    pub(super) fn close_array(&mut self, at: usize, out: &mut Vec<u8>) -> Result<bool, Fault> {
        let Some(frame) = self.stack.pop() else {
            return Err(self.fault(Kind::UnexpectedByte(b']'), at));
        };
        head::settle(out, self.base + frame.head, head::ARRAY, frame.count);
        self.value_done(self.offset + at as u64, out)
    }

    /// A value has been appended; whether it is the whole.
    #[inline]
    pub(super) fn value_done(&mut self, offset: u64, out: &[u8]) -> Result<bool, Fault> {
        self.check_room(0, offset, out)?;
        let end = self.place(out.len(), offset)?;
        let Some(frame) = self.stack.last_mut() else {
            let value = out.get(self.base..).unwrap_or_default();
            if value.len() > self.limit && !embedded::is_entity(value) {
                return Err(self.too_large(offset));
            }
            return Ok(true);
        };
        frame.count += 1;
        if frame.is_map
            && let Some(entry) = self.entries.last_mut()
        {
            entry.end = end;
        }
        self.state = State::Comma;
        Ok(false)
    }
}

fn duplicate(key: &[u8]) -> Kind {
    let text = crate::object::key_text(key).unwrap_or_default();
    Kind::DuplicateKey {
        key: text.chars().take(KEY_SHOWN_CHARS).collect(),
    }
}
