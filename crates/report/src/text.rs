//! Words and widths.

use std::time::Duration;

use quorate_scenario::Story;

/// `text` without line breaks and other control characters: what machines and servers said of
/// themselves must not move the reader's cursor.
pub(crate) fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    clean.trim().to_owned()
}

/// `name` in at most `width` columns.
pub(crate) fn cut(name: &str, width: usize, ellipsis: char) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    let kept = name.chars().take(width.saturating_sub(1));
    kept.chain([ellipsis]).collect()
}

/// For people: three digits or so.
pub(crate) fn duration(duration: Duration) -> String {
    let secs = duration.as_secs_f64();
    match duration.as_millis() {
        0..10 => format!("{:.1} ms", secs * 1e3),
        10..1_000 => format!("{:.0} ms", secs * 1e3),
        1_000..10_000 => format!("{secs:.2} s"),
        10_000..100_000 => format!("{secs:.1} s"),
        _ => format!("{secs:.0} s"),
    }
}

/// Milliseconds without their unit, for columns.
pub(crate) fn millis(duration: Duration) -> String {
    let millis = duration.as_secs_f64() * 1e3;
    if millis == 0.0 || millis >= 10.0 {
        format!("{millis:.0}")
    } else {
        format!("{millis:.1}")
    }
}

/// `n machine`, `n machines`.
pub(crate) fn count(n: usize, one: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {one}{plural}")
}

/// `3 members`, or `1 to 5 members` when clusters differ.
pub(crate) fn members(story: &Story) -> String {
    let (least, most) = story.cluster_sizes();
    if least == most {
        return count(most, "member");
    }
    format!("{least} to {}", count(most, "member"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        let shown = |micros| duration(Duration::from_micros(micros));
        assert_eq!(shown(0), "0.0 ms");
        assert_eq!(shown(1_240), "1.2 ms");
        assert_eq!(shown(312_400), "312 ms");
        assert_eq!(shown(1_234_000), "1.23 s");
        assert_eq!(shown(12_340_000), "12.3 s");
        assert_eq!(shown(123_400_000), "123 s");
    }

    #[test]
    fn long_names_are_cut_to_the_column() {
        assert_eq!(cut("n1", 4, '~'), "n1");
        assert_eq!(cut("abcd", 4, '~'), "abcd");
        assert_eq!(cut("abcde", 4, '~'), "abc~");
        assert_eq!(cut("äöüß…", 4, '…'), "äöü…");
    }

    #[test]
    fn what_others_said_cannot_move_the_cursor() {
        assert_eq!(one_line("a\nb\x1b[2Jc\r\n"), "a b [2Jc");
    }
}
