//! The examples of the documents, which are sound inputs of the decoders.

const FORMAT: &str = include_str!("../../../../docs/format.md");
const ENCRYPTION: &str = include_str!("../../../../docs/encryption-format.md");

/// The bytes in the block "```hex NAME" of docs/format.md.
pub(super) fn format(name: &str) -> Vec<u8> {
    drawn(FORMAT, name)
}

/// The same of docs/encryption-format.md.
pub(super) fn encryption(name: &str) -> Vec<u8> {
    drawn(ENCRYPTION, name)
}

fn drawn(document: &str, name: &str) -> Vec<u8> {
    let fence = format!("```hex {name}\n");
    let (_, rest) = document.split_once(&fence).expect("an example");
    let (block, _) = rest.split_once("```").expect("its end");
    let digits: String = block.split_whitespace().collect();
    let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(byte).collect()
}
