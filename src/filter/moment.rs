//! Moments as filters write them: RFC 3339, or a date, which stands for its first moment in UTC.

use winnow::combinator::{alt, opt, preceded};
use winnow::error::EmptyError;
use winnow::prelude::*;
use winnow::token::{one_of, take_while};

use crate::domain::Timestamp;

const DAY: i64 = 24 * 60 * 60;
/// Days from the first of the year 0 to that of 1970.
const TO_1970: i64 = 719_528;

/// The moment that a text says; what is finer than a microsecond is cut off.
pub(super) fn moment(text: &str) -> Option<Timestamp> {
    let (days, (seconds, micros)) =
        (date, opt(preceded(one_of(['T', 't']), time)).map(Option::unwrap_or_default)).parse(text).ok()?;
    Some(Timestamp((days * DAY + seconds) * 1_000_000 + micros))
}

fn number(digits: usize) -> impl FnMut(&mut &str) -> Result<i64, EmptyError> {
    move |input| take_while(digits, '0'..='9').parse_to().parse_next(input)
}

/// Days since 1970.
fn date(input: &mut &str) -> Result<i64, EmptyError> {
    let (year, _, month, _, day) = (number(4), '-', number(2), '-', number(2)).parse_next(input)?;
    let is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let february = if is_leap { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = usize::try_from(month - 1).map_err(|_| EmptyError)?;
    let length = *months.get(month).ok_or(EmptyError)?;
    if !(1..=length).contains(&day) {
        return Err(EmptyError);
    }
    // The year 0 is a leap year.
    let leap_days = (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let before: i64 = months.iter().take(month).sum();
    Ok(year * 365 + leap_days + before + day - 1 - TO_1970)
}

/// Seconds and microseconds since the beginning of the day in UTC, which the offset may put outside of it.
fn time(input: &mut &str) -> Result<(i64, i64), EmptyError> {
    let (hour, _, minute, _, second) = (number(2), ':', number(2), ':', number(2)).parse_next(input)?;
    let fraction = opt(preceded('.', take_while(1.., '0'..='9'))).parse_next(input)?.unwrap_or_default();
    let (hours, minutes) = alt((one_of(['Z', 'z']).value((0, 0)), offset)).parse_next(input)?;
    // A leap second is the first of the next minute.
    if hour > 23 || minute > 59 || second > 60 {
        return Err(EmptyError);
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
    let micros = digits.fold(0, |micros, digit| micros * 10 + i64::from(digit - b'0'));
    Ok(((hour - hours) * 3600 + (minute - minutes) * 60 + second, micros))
}

fn offset(input: &mut &str) -> Result<(i64, i64), EmptyError> {
    let (sign, hours, _, minutes) = (one_of(['+', '-']), number(2), ':', number(2)).parse_next(input)?;
    if hours > 23 || minutes > 59 {
        return Err(EmptyError);
    }
    Ok(if sign == '-' { (-hours, -minutes) } else { (hours, minutes) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_and_what_is_none_is_not() {
        for (text, micros) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2000-02-29", 951_782_400_000_000),
            ("2026-01-31T00:00:00Z", 1_769_817_600_000_000),
            ("2026-01-31t00:00:00z", 1_769_817_600_000_000),
            ("2026-01-31T01:30:00+01:30", 1_769_817_600_000_000),
            ("2026-01-30T20:00:00-04:00", 1_769_817_600_000_000),
            ("2026-01-31T00:00:00.5Z", 1_769_817_600_500_000),
            ("2026-01-31T00:00:00.123456789Z", 1_769_817_600_123_456),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("0000-01-01", -62_167_219_200_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            assert_eq!(moment(text), Some(Timestamp(micros)), "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-01",
            "2026-1-31",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-01-32",
            "1900-02-29",
            "2026-01-31T",
            "2026-01-31T00:00Z",
            "2026-01-31T00:00:00",
            "2026-01-31 00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T00:60:00Z",
            "2026-01-31T00:00:61Z",
            "2026-01-31T00:00:00.Z",
            "2026-01-31T00:00:00+24:00",
            "2026-01-31T00:00:00+0100",
            "2026-01-31Z",
            "2026-01-31T00:00:00Zx",
            " 2026-01-31",
            "yesterday",
            "٢٠٢٦-01-31",
            "+202-01-31",
        ] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
