//! What a child process tells its parent: one line of JSON each.

use serde_json::{Value, json};

use crate::data::Order;
use crate::engine::Kind;

#[derive(Debug, Clone)]
pub struct Event {
    pub engine: String,
    pub row: String,
    pub order: Order,
    /// How many entities the database was to hold.
    pub count: usize,
    pub told: Told,
}

#[derive(Debug, Clone)]
pub enum Told {
    /// A figure in the row's unit, and what was read for it.
    Value(f64, Option<String>),
    /// Why there is no figure.
    Note(String),
    /// What was read is not what was written.
    Wrong(String),
}

/// The name in place of an engine's under which the floor is told.
pub const FLOOR: &str = "floor";

impl Event {
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(&self.engine)
    }

    pub fn to_line(&self) -> String {
        let mut line = json!({
            "engine": self.engine, "row": self.row, "order": self.order.name(), "count": self.count,
        });
        match &self.told {
            Told::Value(value, answer) => {
                line["value"] = json!(value);
                line["answer"] = json!(answer);
            }
            Told::Note(note) => line["note"] = json!(note),
            Told::Wrong(wrong) => line["wrong"] = json!(wrong),
        }
        line.to_string()
    }

    pub fn from_line(line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let told = match (line["value"].as_f64(), text("note"), text("wrong")) {
            (Some(value), ..) => Told::Value(value, text("answer")),
            (_, Some(note), _) => Told::Note(note),
            (.., Some(wrong)) => Told::Wrong(wrong),
            _ => return None,
        };
        Some(Self {
            engine: text("engine")?,
            row: text("row")?,
            order: Order::parse(&text("order")?)?,
            count: line["count"].as_u64()? as usize,
            told,
        })
    }
}
