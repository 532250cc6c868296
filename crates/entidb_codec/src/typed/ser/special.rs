//! Newtypes whose name says that they are something of this crate.

use serde::Serialize;

use super::serializer::item;
use super::{SerializeError, Writer};
use crate::typed::{tagged, value};
use crate::{EncodeError, head};

/// No name of a Rust type begins so.
#[inline]
pub(super) fn is(name: &str) -> bool {
    name.as_bytes().first() == Some(&0)
}

pub(super) fn write<T: Serialize + ?Sized>(
    writer: &mut Writer<'_>,
    name: &'static str,
    content: &T,
) -> Result<(), SerializeError> {
    match name {
        value::UNDEFINED => writer.out.push(head::UNDEFINED),
        value::SIMPLE => {
            let start = writer.out.len();
            item(writer, content)?;
            // The number was written as an integer, whose major type is 0.
            if let Some(initial) = writer.out.get_mut(start) {
                *initial |= head::SIMPLE << 5;
            }
        }
        value::BIGNUM => tag(writer, content)?,
        value::TAG => {
            writer.enter()?;
            tag(writer, content)?;
            writer.leave();
        }
        name => match tagged::number(name) {
            Some(tag @ (head::TAG_BIGNUM | head::TAG_BIGNUM_NEGATIVE)) => {
                return Err(EncodeError::BignumTag(tag).into());
            }
            Some(tag) => {
                writer.enter()?;
                head::write(writer.out, head::TAG, tag);
                item(writer, content)?;
                writer.leave();
            }
            None => item(writer, content)?,
        },
    }
    Ok(())
}

fn tag<T: Serialize + ?Sized>(writer: &mut Writer<'_>, halves: &T) -> Result<(), SerializeError> {
    writer.tagging = true;
    item(writer, halves)
}
