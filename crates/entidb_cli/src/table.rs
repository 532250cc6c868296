//! What `collections`, `stats` and `verify` show: a table for people, or JSON.

use std::io::{self, IsTerminal};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use entidb::Value;
use entidb_codec::json;

use crate::exit::{Failure, Outcome};
use crate::output::Lines;

/// A table with this head. In a pipe it is plain text in columns.
pub(crate) fn new<const N: usize>(head: [&str; N]) -> Table {
    let mut table = Table::new();
    if io::stdout().is_terminal() {
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(presets::NOTHING);
    }
    table.set_header(head);
    if !io::stdout().is_terminal() {
        for column in 0..N {
            if let Some(column) = table.column_mut(column) {
                column.set_padding((0, 2));
            }
        }
    }
    table
}

/// Aligns the numbers in this column.
pub(crate) fn right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

pub(crate) fn print(table: &Table) -> Outcome {
    let mut lines = Lines::stdout();
    table
        .lines()
        .try_for_each(|line| lines.text(line.trim_end()))
        .and_then(|()| lines.flush())?;
    Ok(())
}

/// Prints one JSON document.
pub(crate) fn print_json(value: &Value) -> Outcome {
    let text = json::from_value(value)
        .map_err(|error| Failure::could_not(format!("could not print as JSON: {error}")))?;
    let mut lines = Lines::stdout();
    lines.text(text)?;
    lines.flush()?;
    Ok(())
}
