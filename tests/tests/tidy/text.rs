//! What files may not contain, in whatever language, and how long they may be.

use quorate_tests::read;

use crate::tree::files;

/// What no file may contain, and why. In pieces, because this file is one of them.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("to", "do!("), "unfinished code is not merged"),
    (
        concat!("unimpl", "emented!("),
        "unfinished code is not merged",
    ),
    (
        concat!("#[ig", "nore"),
        "a test that cannot run here says so",
    ),
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
];

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for file in files(&["rs"]) {
        let lines = read(&file).lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{}: {lines} lines", file.display()));
        } else if lines > FILE_LINES_WARN {
            warn(&format!(
                "{}: {lines} lines, above {FILE_LINES_WARN}",
                file.display()
            ));
        }
    }
    assert!(
        long.is_empty(),
        "more than {FILE_LINES_MAX} lines:\n{}",
        long.join("\n")
    );
}

#[test]
fn nothing_forbidden_is_written() {
    let mut found = Vec::new();
    for file in files(&["rs", "toml", "md", "sh", "run"]) {
        let text = read(&file);
        for (number, line) in text.lines().enumerate() {
            for (word, why) in FORBIDDEN {
                if line.contains(word) {
                    found.push(format!("{}:{}: {word} ({why})", file.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_silenced_lint_has_a_reason() {
    let mut silent = Vec::new();
    for file in files(&["rs"]) {
        let text = read(&file);
        for (at, attribute) in attributes(&text) {
            let silences = attribute.contains("allow(") || attribute.contains("expect(");
            if silences && !attribute.contains("reason") {
                silent.push(format!("{}:{at}: {attribute}", file.display()));
            }
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut dead = Vec::new();
    for file in files(&["md"]) {
        let text = read(&file);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let path = target.split('#').next().unwrap_or_default();
            let dir = file.parent().expect("a file is in a directory");
            if !path.is_empty() && !dir.join(path).exists() {
                dead.push(format!("{}: {target}", file.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
}

#[test]
fn attributes_are_read_to_their_end() {
    let text =
        "#![expect(\n    a,\n    reason = \"x] y\"\n)]\nlet x = v[0];\n    #[allow(b)] fn f() {}\n";
    let found: Vec<_> = attributes(text).collect();
    assert_eq!(
        found,
        [
            (1, "#![expect(\n    a,\n    reason = \"x] y\"\n)]"),
            (6, "#[allow(b)]")
        ]
    );
}

/// The attributes that begin a line, each with the number of that line.
fn attributes(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let starts = text.lines().enumerate().filter(|(_, line)| {
        let line = line.trim_start();
        line.starts_with("#[") || line.starts_with("#![")
    });
    starts.filter_map(|(number, line)| {
        let start = line.as_ptr().addr() - text.as_ptr().addr();
        let rest = text[start..].trim_start();
        let (mut depth, mut quoted, mut escaped) = (0, false, false);
        for (at, byte) in rest.bytes().enumerate() {
            match byte {
                b'"' if !escaped => quoted = !quoted,
                b'[' if !quoted => depth += 1,
                b']' if !quoted => depth -= 1,
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
            if byte == b']' && depth == 0 {
                return Some((number + 1, &rest[..=at]));
            }
        }
        None
    })
}

#[expect(clippy::print_stderr, reason = "a warning is not a failure")]
fn warn(text: &str) {
    eprintln!("warning: {text}");
}

const FILE_LINES_WARN: usize = 500;
const FILE_LINES_MAX: usize = 800;
