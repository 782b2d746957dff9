//! Time spans as systemd writes them (systemd.time(7) "Parsing time spans").

use std::time::Duration;

/// The longest span: `infinity`.
pub(super) const INFINITY: Duration = Duration::MAX;

/// `5min 20s`, `100ms`, `1.5h`; a number without a unit counts seconds.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text == "infinity" {
        return Some(INFINITY);
    }
    if text.is_empty() {
        return None;
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.');
        let (number, after) = rest.split_at(digits.unwrap_or(rest.len()));
        let after = after.trim_start();
        let letters = after.find(|char: char| char.is_ascii_digit() || char.is_whitespace());
        let (unit, after) = after.split_at(letters.unwrap_or(after.len()));
        total = total.checked_add(scale(number, unit_nanos(unit)?)?)?;
        rest = after.trim_start();
    }
    Some(total)
}

/// `number` times `unit_nanos`, its decimals kept to the nanosecond.
fn scale(number: &str, unit_nanos: u64) -> Option<Duration> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && decimals.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = u128::from(whole) * u128::from(unit_nanos);
    let mut place = u128::from(unit_nanos);
    for digit in decimals.chars() {
        place /= 10;
        nanos += place * u128::from(digit.to_digit(10)?);
    }
    Some(Duration::from_nanos(u64::try_from(nanos).ok()?))
}

fn unit_nanos(unit: &str) -> Option<u64> {
    const SECOND: u64 = 1_000_000_000;
    Some(match unit {
        "ns" | "nsec" => 1,
        "us" | "usec" | "µs" | "μs" => 1_000,
        "ms" | "msec" => 1_000_000,
        "" | "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => 60 * SECOND,
        "h" | "hr" | "hour" | "hours" => 3_600 * SECOND,
        "d" | "day" | "days" => 86_400 * SECOND,
        "w" | "week" | "weeks" => 604_800 * SECOND,
        "M" | "month" | "months" => 2_629_800 * SECOND,
        "y" | "year" | "years" => 31_557_600 * SECOND,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_systemd_reads_them() {
        for (text, millis) in [
            ("0", 0),
            ("5", 5_000),
            ("100ms", 100),
            ("2 h", 7_200_000),
            ("1min 30s", 90_000),
            ("1h30m", 5_400_000),
            ("1.5s", 1_500),
            (".5s", 500),
            ("1d", 86_400_000),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(parse("infinity"), Some(INFINITY));
    }

    #[test]
    fn what_is_not_a_span_is_refused() {
        for text in ["", "s", "1x", "-1s", "1.2.3s", ".", "99999999999999999999s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
