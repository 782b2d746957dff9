//! Lines to a file that somebody else reads, or does not.
//!
//! A pipe whose reader stops is full after 64 KiB, and the next write waits for ever. So a thread
//! of its own writes; what it cannot write in time is dropped and counted, and services go on.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A bounded queue before a writer.
pub struct LineQueue {
    /// Where the first line finds what writes it: a thread inherits the privileges of the one that
    /// starts it, which are fewer then.
    file: Mutex<Option<Box<dyn Write + Send>>>,
    /// `None` when no thread could be started.
    lines: OnceLock<Option<SyncSender<Vec<u8>>>>,
    queued_octets: Arc<AtomicUsize>,
}

impl LineQueue {
    /// A queue before `file`.
    pub fn new(file: impl Write + Send + 'static) -> Self {
        Self {
            file: Mutex::new(Some(Box::new(file))),
            lines: OnceLock::new(),
            queued_octets: Arc::default(),
        }
    }

    /// Starts the thread that writes.
    fn start(&self) -> Option<SyncSender<Vec<u8>>> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.take()?;
        let (lines, queue) = sync_channel(LINES_MAX);
        let octets = Arc::clone(&self.queued_octets);
        let started = thread::Builder::new()
            .name("lines".to_owned())
            .spawn(move || write_all(&queue, &octets, file));
        started.is_ok().then_some(lines)
    }

    /// Adds `line`, which has its line feed. False when there is no room for it now.
    pub fn push(&self, line: Vec<u8>) -> bool {
        let Some(lines) = self.lines.get_or_init(|| self.start()) else {
            return false;
        };
        let octets = line.len();
        let before = self.queued_octets.fetch_add(octets, Ordering::Relaxed);
        // One that is longer than the whole queue may be alone in it.
        let has_room = before == 0 || before + octets <= OCTETS_MAX;
        if has_room && lines.try_send(line).is_ok() {
            return true;
        }
        self.queued_octets.fetch_sub(octets, Ordering::Relaxed);
        false
    }

    /// Waits until all is written, unless nobody reads.
    pub fn drain(&self) {
        let begun = Instant::now();
        while self.queued_octets.load(Ordering::Relaxed) > 0 && begun.elapsed() < LAST_LINES_MAX {
            thread::sleep(LOOK_AGAIN);
        }
    }
}

impl fmt::Debug for LineQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queued = self.queued_octets.load(Ordering::Relaxed);
        write!(f, "LineQueue {{ {queued} octets }}")
    }
}

impl Drop for LineQueue {
    fn drop(&mut self) {
        self.drain();
    }
}

fn write_all(queue: &Receiver<Vec<u8>>, octets: &AtomicUsize, mut file: impl Write) {
    for line in queue {
        // The reader may have gone; the services go on.
        let _ = file.write_all(&line).and_then(|()| file.flush());
        octets.fetch_sub(line.len(), Ordering::Relaxed);
    }
}

const LINES_MAX: usize = 16_384;
const OCTETS_MAX: usize = 16 << 20;
/// How long the end of the program waits for a reader.
const LAST_LINES_MAX: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Writes nothing as long as the lock is held.
    struct Reader(Arc<Mutex<Vec<u8>>>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_stops_blocks_nothing_and_lines_are_dropped() {
        let read = Arc::new(Mutex::new(Vec::new()));
        let stopped = read.lock().unwrap();
        let queue = LineQueue::new(Reader(Arc::clone(&read)));
        let begun = Instant::now();
        let pushed = (0..100_000)
            .filter(|_| queue.push(b"line\n".to_vec()))
            .count();
        assert!((LINES_MAX..=LINES_MAX + 1).contains(&pushed), "{pushed}");
        // Lines are few when they are long.
        let long = (0..100).filter(|_| queue.push(vec![b'x'; 1 << 20])).count();
        assert_eq!(long, 0);
        assert!(begun.elapsed() < Duration::from_secs(5));
        drop(stopped);
        drop(queue);
        assert_eq!(
            read.lock().unwrap().len(),
            pushed * 5,
            "all that was pushed"
        );
    }

    #[test]
    fn the_queue_is_bounded_in_octets() {
        let read = Arc::new(Mutex::new(Vec::new()));
        let stopped = read.lock().unwrap();
        let queue = LineQueue::new(Reader(Arc::clone(&read)));
        let long = (0..1_000)
            .filter(|_| queue.push(vec![b'x'; 1 << 20]))
            .count();
        assert_eq!(long, OCTETS_MAX >> 20);
        let begun = Instant::now();
        drop(queue);
        assert!(
            begun.elapsed() < 3 * LAST_LINES_MAX,
            "the end waits for no reader"
        );
        drop(stopped);
    }
}
