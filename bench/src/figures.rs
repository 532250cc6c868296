//! How figures are shown, and which of several counts.

/// Operations a second.
#[must_use]
pub fn rate(value: f64) -> String {
    match value {
        _ if value >= 1e6 => format!("{:.2} M/s", value / 1e6),
        _ if value >= 1e5 => format!("{:.0} k/s", value / 1e3),
        _ if value >= 1e3 => format!("{:.1} k/s", value / 1e3),
        _ => format!("{value:.0}/s"),
    }
}

/// A ratio; far behind still is not nothing.
#[must_use]
pub fn ratio(ratio: f64) -> String {
    match ratio < 0.1 {
        true => format!("{ratio:.3}"),
        false => format!("{ratio:.2}"),
    }
}

/// A number with commas.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// "one run", or of how many the medians are.
#[must_use]
pub fn runs(count: usize) -> String {
    match count {
        1 => "one run".to_owned(),
        runs => format!("medians of {runs} interleaved runs"),
    }
}

/// # Panics
/// If there are no values.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
