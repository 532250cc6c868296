//! What an import shows while it runs: acknowledged ids, a bar on a terminal, bad lines.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use entidb::EntityId;
use indicatif::{ProgressBar, ProgressStyle};

use super::input::Input;
use crate::exit::say;
use crate::output::Lines;

const BAR_OF_KNOWN_LEN: &str =
    "{wide_bar} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {eta} left";
const BAR_OF_UNKNOWN_LEN: &str = "{spinner} {decimal_bytes}, {decimal_bytes_per_sec}";

/// Follows an import.
pub(crate) struct Watch {
    read_bytes: Arc<AtomicU64>,
    bar: ProgressBar,
    ack: Option<Lines<io::Stdout>>,
}

impl Watch {
    pub(crate) fn new(ack: bool, input: &Input) -> Self {
        // Ids on the same terminal would tear the bar.
        let shown = io::stderr().is_terminal() && !(ack && io::stdout().is_terminal());
        let (bar, template) = match input.len_bytes {
            _ if !shown => (ProgressBar::hidden(), BAR_OF_UNKNOWN_LEN),
            Some(len) => (ProgressBar::new(len), BAR_OF_KNOWN_LEN),
            None => (ProgressBar::new_spinner(), BAR_OF_UNKNOWN_LEN),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self {
            ack: ack.then(Lines::stdout),
            ..Self::with(bar, input)
        }
    }

    /// Shows nothing.
    pub(crate) fn silent(input: &Input) -> Self {
        Self::with(ProgressBar::hidden(), input)
    }

    fn with(bar: ProgressBar, input: &Input) -> Self {
        Self {
            read_bytes: Arc::clone(&input.read_bytes),
            bar,
            ack: None,
        }
    }

    /// How much of the input has been read.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// Whether somebody is told of each batch, which has to be durable then.
    pub(super) fn acknowledges(&self) -> bool {
        self.ack.is_some()
    }

    /// A batch with these ids was committed, and is durable where that is acknowledged.
    pub(super) fn committed(&mut self, ids: impl Iterator<Item = EntityId>) -> io::Result<()> {
        self.bar.set_position(self.read_bytes());
        let Some(lines) = &mut self.ack else {
            return Ok(());
        };
        for id in ids {
            lines.text(id)?;
        }
        // At once, so that a pipe sees it.
        lines.flush()
    }

    /// A bad line is left out.
    pub(super) fn bad(&self, place: &str, why: &str) {
        self.bar
            .suspend(|| say(format_args!("left out {place}: {why}")));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
