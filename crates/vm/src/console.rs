//! What comes on a machine's serial ports: kept in files, and what it shows.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use quorate_host::world::monotonic_ns;
use quorate_init::stage;
use quorate_scenario::Link;

/// Writes the console down until the machine is off, and answers the links that it shows.
pub(crate) fn follow(
    console: UnixStream,
    name: &str,
    file: &Path,
) -> io::Result<Receiver<(u64, Link)>> {
    let (mark, marks) = channel();
    copy(console, &format!("{name} console"), file, move |line| {
        let link = stage::read(line).and_then(|(stage, _)| match stage {
            "installer" => Some(Link::Installer),
            "installed" => Some(Link::Installed),
            "userspace" => Some(Link::Userspace),
            _ => None,
        });
        if let Some(link) = link {
            // The receiver is gone only when the world is.
            let _ = mark.send((monotonic_ns(), link));
        }
    })?;
    Ok(marks)
}

/// Writes what units say to the file until the machine is off.
pub(crate) fn keep(log: UnixStream, name: &str, file: &Path) -> io::Result<()> {
    copy(log, &format!("{name} log"), file, |_| {})
}

/// Each line at once, for readers of the file. Terminals end lines with two characters.
fn copy(
    from: UnixStream,
    thread: &str,
    file: &Path,
    mut seen: impl FnMut(&str) + Send + 'static,
) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(file)?;
    let read = move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while let Ok(1..) = from.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\r', '\n']);
            seen(text);
            // A full disk must not hold the machine up.
            let _ = writeln!(file, "{text}");
            line.clear();
        }
    };
    let thread = thread::Builder::new().name(thread.to_owned());
    thread.spawn(read).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_is_kept_and_shows_userspace_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("console.log");
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let marks = follow(ours, "n1", &file).unwrap();
        let text = b"[ 1.0] Linux\xff\r\n[ 2.0] quorate-stage userspace 2000\r\nquorate-stage disk 1\r\nend";
        for piece in text.chunks(7) {
            theirs.write_all(piece).unwrap();
        }
        drop(theirs);
        let links: Vec<_> = marks.into_iter().map(|(_, link)| link).collect();
        assert_eq!(links, [Link::Userspace]);
        let kept = std::fs::read_to_string(&file).unwrap();
        assert_eq!(
            kept,
            "[ 1.0] Linux\u{fffd}\n[ 2.0] quorate-stage userspace 2000\nquorate-stage disk 1\nend\n"
        );
    }
}
