//! Date and time as RFC 3339 writes them, to an instant and back.

use super::NANOSECONDS;

const DAY: i64 = 24 * 60 * 60;
/// Days in 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;
/// From 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// Seconds since 1970-01-01T00:00:00Z and nanoseconds from there; `None` if the text is not a
/// date and time of RFC 3339. Digits behind the ninth do not count. A leap second is the second
/// after it.
pub(super) fn parse(text: &str) -> Option<(i64, u32)> {
    let mut rest = Text(text.as_bytes());
    let year = rest.number(4)?;
    rest.eat(b"-")?;
    let month = rest.number(2)?;
    rest.eat(b"-")?;
    let day = rest.number(2)?;
    rest.eat(b"Tt")?;
    let hour = rest.number(2)?;
    rest.eat(b":")?;
    let minute = rest.number(2)?;
    rest.eat(b":")?;
    let second = rest.number(2)?;
    let nanoseconds = match rest.eat(b".") {
        Some(_) => rest.fraction()?,
        None => 0,
    };
    let offset = rest.offset()?;
    let valid = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && rest.0.is_empty();
    let time = (hour * 60 + minute - offset) * 60 + second;
    valid.then(|| (days(year, month, day) * DAY + time, nanoseconds))
}

/// An instant in UTC; `None` if its year has no four digits.
pub(super) fn print(seconds: i64, nanoseconds: u32) -> Option<String> {
    let (year, month, day) = date(seconds.div_euclid(DAY))?;
    let time = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    if !(0..=9999).contains(&year) || nanoseconds >= NANOSECONDS {
        return None;
    }
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanoseconds > 0 {
        let digits = format!("{nanoseconds:09}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text.push('Z');
    Some(text)
}

/// What is left of a text.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    /// One byte, if it is one of these.
    fn eat(&mut self, any: &[u8]) -> Option<u8> {
        let (&first, rest) = self
            .0
            .split_first()
            .filter(|(first, _)| any.contains(first))?;
        self.0 = rest;
        Some(first)
    }

    fn digit(&mut self) -> Option<u8> {
        self.eat(b"0123456789").map(|digit| digit - b'0')
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        (0..digits).try_fold(0, |sum, _| Some(sum * 10 + i64::from(self.digit()?)))
    }

    /// The digits behind a point, of which there is at least one, as nanoseconds.
    fn fraction(&mut self) -> Option<u32> {
        let mut unit = NANOSECONDS / 10;
        let mut sum = u32::from(self.digit()?) * unit;
        while let Some(digit) = self.digit() {
            unit /= 10;
            sum += u32::from(digit) * unit;
        }
        Some(sum)
    }

    /// The minutes that local time is ahead of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.eat(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2)?;
        self.eat(b":")?;
        let minutes = self.number(2)?;
        (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. A year is taken to begin in March, so that a leap day is its last, and
/// the months before it follow one pattern of lengths.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * ERA_DAYS + day_of_era - EPOCH_DAYS
}

/// Year, month and day of a number of days since 1970-01-01: the way back.
fn date(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(EPOCH_DAYS)?;
    let (era, day_of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let leap_days = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    Some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_the_calendar_follows_the_one_before() {
        let mut expected = days(0, 1, 1);
        for year in 0..=9999 {
            for month in 1..=12 {
                for day in 1..=days_of(year, month) {
                    assert_eq!(days(year, month, day), expected);
                    assert_eq!(date(expected), Some((year, month, day)));
                    expected += 1;
                }
            }
        }
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 3, 1), 11_017);
    }

    #[test]
    fn dates_of_rfc_3339_are_instants() {
        // The examples of RFC 3339 section 5.8, their instants by GNU date.
        let cases = [
            ("1985-04-12T23:20:50.52Z", 482_196_050, 520_000_000),
            ("1996-12-19T16:39:57-08:00", 851_042_397, 0),
            ("1990-12-31T23:59:60Z", 662_688_000, 0),
            ("1990-12-31T15:59:60-08:00", 662_688_000, 0),
            ("1937-01-01T12:00:27.87+00:20", -1_041_337_173, 870_000_000),
            ("1970-01-01t00:00:00z", 0, 0),
            ("1969-12-31T23:59:59.9999999999Z", -1, 999_999_999),
            ("0000-01-01T00:00:00+23:59", -62_167_305_540, 0),
            ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
        ];
        for (text, seconds, nanoseconds) in cases {
            assert_eq!(parse(text), Some((seconds, nanoseconds)), "{text}");
        }
        assert_eq!(
            print(482_196_050, 520_000_000).unwrap(),
            "1985-04-12T23:20:50.52Z"
        );
        assert_eq!(print(-1, 1).unwrap(), "1969-12-31T23:59:59.000000001Z");
        assert_eq!(print(253_402_300_800, 1), None);
        assert_eq!(print(i64::MIN, 1), None);
        assert_eq!(print(i64::MAX, 1), None);
    }

    #[test]
    fn what_is_no_date_of_rfc_3339_is_none() {
        for text in [
            "",
            "2024-01-01",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-13-01T00:00:00Z",
            "2024-00-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-32T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:60:00Z",
            "2024-01-01T00:00:61Z",
            "2024-01-01T00:00:00+24:00",
            "2024-01-01T00:00:00+0100",
            "2024-01-01T00:00:00Zx",
            "-024-01-01T00:00:00Z",
            "２024-01-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
