//! Days and moments in UTC, from seconds since 1970-01-01.

/// Seconds of a day.
const DAY: u64 = 86_400;

/// The day, as 2024-02-29.
#[must_use]
pub fn day(seconds: u64) -> String {
    let (year, month, day) = civil(seconds / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// The moment in characters that a file's name may hold, as 2024-02-29T235959Z. Moments of years up to 9999
/// are in the order of their texts.
#[must_use]
pub fn moment(seconds: u64) -> String {
    let of_day = seconds % DAY;
    format!("{}T{:02}{:02}{:02}Z", day(seconds), of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// Year, month and day of the day that is `days` after 1970-01-01, by eras of 400 years that start in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(11_016), (2000, 2, 29));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(19_783), (2024, 3, 1));
    }

    #[test]
    fn moments_are_names() {
        assert_eq!(moment(0), "1970-01-01T000000Z");
        assert_eq!(moment(19_782 * DAY + DAY - 1), "2024-02-29T235959Z");
        assert_eq!(day(u64::MAX).split('-').count(), 3);
    }
}
