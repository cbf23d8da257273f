//! Moments as the log writes them: RFC 3339 in UTC with six digits of a second, so that they sort as text.

use crate::domain::Timestamp;

const DAY: i64 = 24 * 60 * 60;
/// Days from 0000-03-01 to 1970-01-01.
const TO_1970: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// The text of a moment.
pub(super) fn print(time: Timestamp) -> String {
    let (seconds, micros) = (time.0.div_euclid(1_000_000), time.0.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(DAY) + TO_1970, seconds.rem_euclid(DAY));
    let (era, day) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Years begin in March here, so that the leap day is their last.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let (year, hour, minute) = (year + era * 400, second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{micros:06}Z", second % 60)
}

/// The moment of such a text; none when it is not exactly one.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_digit()))?;
        digits.parse::<i64>().ok()
    };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second, micros) = (number(11, 13)?, number(14, 16)?, number(17, 19)?, number(20, 26)?);
    let (year_of_march, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year) = (year_of_march.div_euclid(400), year_of_march.rem_euclid(400));
    let day_of_year = (153 * months + 2) / 5 + day - 1;
    let days = era * ERA + year * 365 + year / 4 - year / 100 + day_of_year - TO_1970;
    let seconds = days * DAY + hour * 3600 + minute * 60 + second;
    let time = Timestamp(seconds.checked_mul(1_000_000)?.checked_add(micros)?);
    // Whatever is out of range, or spelled otherwise, is printed otherwise.
    (print(time) == text).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_printed_as_rfc_3339_and_read_back() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000000Z"),
            (951_868_800_000_001, "2000-03-01T00:00:00.000001Z"),
            (1_769_817_600_500_000, "2026-01-31T00:00:00.500000Z"),
            (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!((print(Timestamp(micros)).as_str(), parse(text)), (text, Some(Timestamp(micros))));
        }
        for bad in ["", "1970-01-01T00:00:00Z", "2026-02-30T00:00:00.000000Z", "1970-01-01t00:00:00.000000Z"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_of_400_years_reads_back() {
        for day in 0..ERA {
            let time = Timestamp((day - 30_000) * DAY * 1_000_000 + 86_399_999_999);
            assert_eq!(parse(&print(time)), Some(time));
        }
    }
}
