//! Amounts as files have them: a number and its unit, as one text.

use std::time::Duration;

/// In what a fault's amount is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    PartsPerMillion,
    Micros,
    Secs,
}

/// How much, in the unit of a fault, as a file says it.
pub(crate) fn text(unit: Unit, amount: i64) -> String {
    match unit {
        Unit::None => String::new(),
        Unit::PartsPerMillion if amount % PPM_PER_PERCENT == 0 => {
            format!("{}%", amount / PPM_PER_PERCENT)
        }
        Unit::PartsPerMillion => format!("{amount}ppm"),
        Unit::Micros => signed(amount, Duration::from_micros),
        Unit::Secs => signed(amount, Duration::from_secs),
    }
}

fn signed(amount: i64, time: impl FnOnce(u64) -> Duration) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let time = time(amount.unsigned_abs());
    format!("{sign}{}", humantime::format_duration(time))
}

/// The amount that `text` says; `None` when it is not one of this unit.
pub(crate) fn parse(unit: Unit, text: &str) -> Option<i64> {
    match unit {
        Unit::None => None,
        Unit::PartsPerMillion => match text.strip_suffix('%') {
            Some(percent) => parts(percent.trim()),
            None => text.strip_suffix("ppm")?.trim().parse().ok(),
        },
        Unit::Micros => whole(text, 1_000),
        Unit::Secs => whole(text, 1_000_000_000),
    }
}

/// Percent in parts per million: four places behind the point.
fn parts(percent: &str) -> Option<i64> {
    let (whole, places) = percent.split_once('.').unwrap_or((percent, ""));
    if places.len() > 4 || !places.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let places: i64 = format!("{places:0<4}").parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    whole
        .checked_mul(PPM_PER_PERCENT)?
        .checked_add(sign * places)
}

/// A time in units of so many nanoseconds, of which it is a whole number.
fn whole(text: &str, nanos: u128) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let time = humantime::parse_duration(text).ok()?.as_nanos();
    let number = i64::try_from(time / nanos).ok()?;
    (time % nanos == 0).then_some(sign * number)
}

/// Memory in MiB: `192MiB`, `1GiB`.
pub(crate) fn mib(text: &str) -> Option<u32> {
    let (number, factor) = match text.strip_suffix("GiB") {
        Some(number) => (number, 1024),
        None => (text.strip_suffix("MiB")?, 1),
    };
    number.trim().parse::<u32>().ok()?.checked_mul(factor)
}

/// As in what an error shows.
pub(crate) const fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "nothing",
        Unit::PartsPerMillion => "\"5%\" or \"50ppm\"",
        Unit::Micros => "\"20ms\" or \"500us\"",
        Unit::Secs => "\"90s\" or \"-1h\"",
    }
}

const PPM_PER_PERCENT: i64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_they_are_written() {
        for (unit, amount, written) in [
            (Unit::PartsPerMillion, 250_000, "25%"),
            (Unit::PartsPerMillion, 1, "1ppm"),
            (Unit::PartsPerMillion, -1_000_000, "-100%"),
            (Unit::PartsPerMillion, 12_345, "12345ppm"),
            (Unit::Micros, 20_500, "20ms 500us"),
            (Unit::Secs, -400, "-6m 40s"),
        ] {
            assert_eq!(text(unit, amount), written);
            assert_eq!(parse(unit, written), Some(amount), "{written}");
        }
        let percent = |written| parse(Unit::PartsPerMillion, written);
        assert_eq!(percent("0.5%"), Some(5_000));
        assert_eq!(percent("-0.5%"), Some(-5_000));
        assert_eq!(percent("1.2345%"), Some(12_345));
        assert_eq!((mib("192MiB"), mib("1GiB")), (Some(192), Some(1024)));
    }

    #[test]
    fn what_is_no_amount_of_the_unit() {
        for (unit, written) in [
            (Unit::PartsPerMillion, "250000"),
            (Unit::PartsPerMillion, "0.00001%"),
            (Unit::PartsPerMillion, "5ms"),
            (Unit::PartsPerMillion, ""),
            (Unit::Micros, "5"),
            (Unit::Micros, "1ns"),
            (Unit::Micros, "5%"),
            (Unit::Secs, "500ms"),
            (Unit::None, "5%"),
        ] {
            assert_eq!(parse(unit, written), None, "{written}");
        }
        assert_eq!(
            (mib("192"), mib("5GB"), mib("4194304GiB")),
            (None, None, None)
        );
    }
}
