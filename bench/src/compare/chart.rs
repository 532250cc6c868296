//! The chart: ours ÷ the best peer as bars on a logarithmic axis, with each row's goal. SVG by hand.

use std::fmt::Write;

use crate::data::Order;
use crate::engine::Kind;
use crate::rows::{Row, show_ratio};
use crate::table::Table;

const WIDTH: f64 = 1080.0;
const LABEL_END: f64 = 370.0;
const BARS_END: f64 = 830.0;
const LINE: f64 = 24.0;
const HEAD: f64 = 84.0;
const TITLE: f64 = 34.0;
/// The axis goes from a tenth to ten times.
const DECADES: f64 = 1.0;

const REACHED: &str = "#2f7d4f";
const AHEAD: &str = "#8fb339";
const BEHIND: &str = "#c8553d";
const INK: &str = "#1f2933";
const FAINT: &str = "#d5dbe1";

fn at(ratio: f64) -> f64 {
    let place = ratio.log10().clamp(-DECADES, DECADES);
    let middle = (LABEL_END + BARS_END) / 2.0;
    middle + place / DECADES * (BARS_END - LABEL_END) / 2.0
}

fn text(out: &mut String, x: f64, y: f64, anchor: &str, style: &str, words: &str) {
    let words = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('`', "");
    let _ = writeln!(
        out,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" {style}>{words}</text>"#
    );
}

pub fn svg(table: &Table) -> String {
    let panels: Vec<(Order, Vec<&Row>)> = Order::ALL
        .into_iter()
        .map(|order| (order, rows(table, order)))
        .filter(|(_, rows)| !rows.is_empty())
        .collect();
    let lines: usize = panels.iter().map(|(_, rows)| rows.len()).sum();
    let height = HEAD + panels.len() as f64 * (TITLE + 22.0) + lines as f64 * LINE + 12.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"13\" fill=\"{INK}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let bold = r#"font-size="17" font-weight="bold""#;
    text(
        &mut out,
        20.0,
        30.0,
        "start",
        bold,
        "EntiDB ÷ the best peer, operations a second",
    );
    legend(&mut out);
    let mut y = HEAD;
    for (order, rows) in panels {
        y = panel(&mut out, table, order, &rows, y);
    }
    out.push_str("</svg>\n");
    out
}

/// Rows in which more is better, and which have a figure of ours or of a peer.
fn rows(table: &Table, order: Order) -> Vec<&'static Row> {
    let rows = table.rows(order);
    rows.filter(|row| row.more_is_better() && table.best(row, order).is_some())
        .collect()
}

fn legend(out: &mut String) {
    let mut x = 20.0;
    for (colour, words) in [
        (REACHED, "goal reached"),
        (AHEAD, "ahead, below the goal"),
        (BEHIND, "behind"),
    ] {
        let _ = writeln!(
            out,
            r#"<rect x="{x}" y="45" width="14" height="14" rx="2" fill="{colour}"/>"#
        );
        text(out, x + 20.0, 57.0, "start", "", words);
        x += 40.0 + words.len() as f64 * 8.0;
    }
    let _ = writeln!(
        out,
        r#"<path d="M{x} 44v16" stroke="{INK}" stroke-width="2.5"/>"#
    );
    text(out, x + 8.0, 57.0, "start", "", "goal");
}

fn panel(out: &mut String, table: &Table, order: Order, rows: &[&Row], top: f64) -> f64 {
    let heading = r#"font-size="15" font-weight="bold""#;
    text(out, 20.0, top + 20.0, "start", heading, order.title());
    let begin = top + TITLE;
    let end = begin + rows.len() as f64 * LINE;
    for tick in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0] {
        let x = at(tick);
        let colour = if tick == 1.0 { INK } else { FAINT };
        let _ = writeln!(
            out,
            r#"<path d="M{x:.1} {begin:.1}V{end:.1}" stroke="{colour}"/>"#
        );
        let faint = r##"font-size="11" fill="#5b6773""##;
        text(out, x, end + 14.0, "middle", faint, &format!("{tick}"));
    }
    for (at_line, row) in rows.iter().enumerate() {
        bar(out, table, order, row, begin + at_line as f64 * LINE);
    }
    end + 22.0
}

fn bar(out: &mut String, table: &Table, order: Order, row: &Row, y: f64) {
    let base = y + 16.5;
    text(out, LABEL_END - 12.0, base, "end", "", &row.label());
    let (best, value) = table.best(row, order).expect("rows have one");
    let peer = format!("{}'s {}", best.title(), row.unit.show(value));
    let goal = row.ratio_goal(order);
    let figure = match table.ratio(row, order) {
        Some(ratio) => {
            let colour = match ratio {
                _ if ratio >= goal.unwrap_or(1.0) => REACHED,
                _ if ratio >= 1.0 => AHEAD,
                _ => BEHIND,
            };
            let (from, to) = (at(1.0).min(at(ratio)), at(1.0).max(at(ratio)));
            let _ = writeln!(
                out,
                r#"<rect x="{from:.1}" y="{:.1}" width="{:.1}" height="15" fill="{colour}"/>"#,
                y + 4.5,
                (to - from).max(1.5),
            );
            format!("{} of {peer}", show_ratio(ratio))
        }
        None => match table.cell(row, order, Kind::Entidb) {
            Some(crate::table::Cell::Note(note)) => {
                let short = note.split(':').next().unwrap_or_default();
                format!("{short}; {peer}")
            }
            _ => format!("not measured; {peer}"),
        },
    };
    if let Some(goal) = goal {
        let _ = writeln!(
            out,
            r#"<path d="M{:.1} {:.1}v19" stroke="{INK}" stroke-width="2.5"/>"#,
            at(goal),
            y + 2.5,
        );
    }
    text(out, BARS_END + 14.0, base, "start", "", &figure);
}
