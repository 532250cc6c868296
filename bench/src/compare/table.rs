//! The medians of all runs, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use entidb_bench::figures::median;

use crate::data::Order;
use crate::engine::Kind;
use crate::event::{Event, Told};
use crate::rows::{Goal, ROWS, Row, show_ratio};

pub enum Cell {
    Value(f64),
    Note(String),
}

#[derive(Default)]
pub struct Table {
    cells: BTreeMap<(&'static str, Order, Kind), Cell>,
    floors: BTreeMap<Order, f64>,
    /// Wrong answers, and engines that differ.
    pub wrong: Vec<String>,
    pub count: usize,
    pub runs: usize,
}

impl Table {
    pub fn new(events: &[Event]) -> Self {
        let mut table = Self::default();
        let mut values: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        let mut floors: BTreeMap<_, Vec<f64>> = BTreeMap::new();
        // What was read for a row, and by whom.
        let mut answers: BTreeMap<_, BTreeMap<String, BTreeSet<Kind>>> = BTreeMap::new();
        for event in events {
            let Some(row) = Row::find(&event.row) else {
                continue;
            };
            let Some(kind) = event.kind() else {
                if let Told::Value(value, _) = &event.told {
                    floors.entry(event.order).or_default().push(*value);
                }
                continue;
            };
            let place = (row.name, event.order, kind);
            match &event.told {
                Told::Value(value, answer) => {
                    values.entry(place).or_default().push(*value);
                    if let Some(answer) = answer {
                        let question = (row.name, event.order, event.count);
                        let answers = answers.entry(question).or_default();
                        answers.entry(answer.clone()).or_default().insert(kind);
                    }
                    if row.group != crate::rows::Group::Bounded {
                        table.count = table.count.max(event.count);
                    }
                }
                Told::Note(note) => {
                    table.cells.insert(place, Cell::Note(note.clone()));
                }
                Told::Wrong(wrong) => table.wrong.push(format!("{event}: {wrong}")),
            }
        }
        for ((row, order, _), answers) in answers {
            if answers.len() > 1 {
                let wrong = format!("{row}, {}: the engines differ: {answers:?}", order.title());
                table.wrong.push(wrong);
            }
        }
        table.runs = values.values().map(Vec::len).max().unwrap_or_default();
        for (place, values) in values {
            table.cells.insert(place, Cell::Value(median(values)));
        }
        table.floors = floors
            .into_iter()
            .map(|(order, values)| (order, median(values)))
            .collect();
        table
    }

    pub fn cell(&self, row: &Row, order: Order, kind: Kind) -> Option<&Cell> {
        self.cells.get(&(row.name, order, kind))
    }

    pub fn value(&self, row: &Row, order: Order, kind: Kind) -> Option<f64> {
        match self.cell(row, order, kind)? {
            Cell::Value(value) => Some(*value),
            Cell::Note(_) => None,
        }
    }

    pub fn floor(&self, order: Order) -> Option<f64> {
        self.floors.get(&order).copied()
    }

    /// The rows that have anything in this order.
    pub fn rows(&self, order: Order) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(move |row| {
            let mut kinds = Kind::ALL.into_iter();
            kinds.any(|kind| self.cell(row, order, kind).is_some())
        })
    }

    /// The peer that does best, and its figure.
    pub fn best(&self, row: &Row, order: Order) -> Option<(Kind, f64)> {
        let peers = Kind::ALL.into_iter().filter(|kind| kind.is_peer());
        let values = peers.filter_map(|kind| Some((kind, self.value(row, order, kind)?)));
        match row.more_is_better() {
            true => values.max_by(|a, b| a.1.total_cmp(&b.1)),
            false => values.min_by(|a, b| a.1.total_cmp(&b.1)),
        }
    }

    /// Ours ÷ the best peer's.
    pub fn ratio(&self, row: &Row, order: Order) -> Option<f64> {
        let ours = self.value(row, order, Kind::Entidb)?;
        Some(ours / self.best(row, order)?.1)
    }

    /// Why a row is below its goal; none if it is not, or if it was not measured.
    pub fn shortfall(&self, row: &Row, order: Order) -> Option<String> {
        let ours = self.value(row, order, Kind::Entidb)?;
        let below = match row.goal {
            Goal::AtMost(most) => (ours > most).then(|| {
                let shown = |value| row.unit.show(value);
                format!("{}, and the goal is {}", shown(ours), shown(most))
            }),
            Goal::Ratio(..) => {
                let (ratio, goal) = (self.ratio(row, order)?, row.ratio_goal(order)?);
                let (best, value) = self.best(row, order)?;
                (ratio < goal).then(|| {
                    let (best, value) = (best.title(), row.unit.show(value));
                    let ratio = show_ratio(ratio);
                    format!("{ratio} of {best} ({value}), and the goal is {goal:.1}")
                })
            }
            Goal::None if row.more_is_better() => {
                let (ratio, best) = (self.ratio(row, order)?, self.best(row, order)?.0);
                (ratio < 1.0).then(|| format!("{} of {}", show_ratio(ratio), best.title()))
            }
            Goal::None => None,
        };
        Some(format!("{}: {}", row.label(), below?))
    }
}

impl Row {
    pub fn ratio_goal(&self, order: Order) -> Option<f64> {
        match (self.goal, order) {
            (Goal::Ratio(goal, _), Order::Ascending) | (Goal::Ratio(_, goal), Order::Random) => {
                Some(goal)
            }
            _ => None,
        }
    }
}
