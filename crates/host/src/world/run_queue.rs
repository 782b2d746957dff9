//! Measures how long threads of this run wait for a processor.
//!
//! For each thread the kernel counts how long it has waited in a run queue, and how often it left
//! one (`/proc/PID/task/TID/schedstat`: nanoseconds run, nanoseconds waited, turns). All that
//! `/proc` shows in a sandbox is of its run: servers, machines, and the runner itself. Machines
//! that are containers are not seen there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A thread that samples all others now and then. Stops when dropped.
#[derive(Debug)]
pub(super) struct RunQueueDelays {
    samples: Arc<Mutex<Samples>>,
    stop: Arc<AtomicBool>,
}

/// A run-queue delay that is too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delay {
    /// What the thread is called.
    name: String,
    waited: Duration,
    /// Within this time, when it was not in one piece.
    of: Option<Duration>,
}

impl RunQueueDelays {
    pub(super) fn start() -> Self {
        let delays = Self {
            samples: Arc::new(Mutex::new(Samples::new(Instant::now()))),
            stop: Arc::default(),
        };
        let (samples, stop) = (Arc::clone(&delays.samples), Arc::clone(&delays.stop));
        let watch = move || {
            while !stop.load(Ordering::Relaxed) {
                let before = Instant::now();
                sample(&samples);
                // A host with thousands of threads is not to be busy with this.
                thread::sleep(PERIOD.max(before.elapsed() * LEISURE));
            }
        };
        // Without the thread fewer runs count as starved: they fail instead of being inconclusive.
        let _ = thread::Builder::new()
            .name("run-queue probe".to_owned())
            .spawn(watch);
        delays
    }

    /// The longest delay so far that was too long, if there was any.
    pub(super) fn worst(&self) -> Option<Delay> {
        sample(&self.samples)
    }
}

impl Drop for RunQueueDelays {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Delay {
    /// In words.
    pub(super) fn shown(&self) -> String {
        let (name, waited) = (&self.name, self.waited.as_secs_f64());
        match self.of {
            None => format!("a thread of {name} waited {waited:.1} s for a processor"),
            Some(of) => {
                let of = of.as_secs_f64();
                format!("a thread of {name} waited {waited:.1} of {of:.1} s for a processor")
            }
        }
    }
}

fn sample(samples: &Mutex<Samples>) -> Option<Delay> {
    let mut samples = samples.lock().unwrap_or_else(PoisonError::into_inner);
    samples.observe(Instant::now(), threads(), name);
    samples.worst.clone()
}

/// What the kernel has counted for a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counted {
    ran_ns: u64,
    waited_ns: u64,
    turns: u64,
}

/// A thread, at one sample.
#[derive(Clone, Copy, Debug)]
struct Thread {
    id: u32,
    counted: Counted,
    /// It runs, or waits for a processor.
    is_ready: bool,
}

/// What is remembered of a thread until the next sample.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    counted: Counted,
    /// It was ready then, and has not run since.
    ready_since: Option<Instant>,
    /// How long it has waited in this window.
    in_window: Duration,
}

/// All samples so far.
#[derive(Debug)]
struct Samples {
    /// Nothing before the first sample counts.
    is_first: bool,
    last: Instant,
    window: Instant,
    seen: BTreeMap<u32, Seen>,
    worst: Option<Delay>,
}

impl Samples {
    const fn new(now: Instant) -> Self {
        Self {
            is_first: true,
            last: now,
            window: now,
            seen: BTreeMap::new(),
            worst: None,
        }
    }

    fn observe(
        &mut self,
        now: Instant,
        threads: impl IntoIterator<Item = Thread>,
        name: impl Fn(u32) -> String,
    ) {
        let before = std::mem::take(&mut self.seen);
        let since = now - self.last;
        let window = now - self.window;
        for thread in threads {
            let counted = thread.counted;
            let mut seen = before.get(&thread.id).copied().unwrap_or_default();
            if counted.turns < seen.counted.turns {
                // Another thread has its number now.
                seen = Seen::default();
            }
            let waited = counted.waited_ns.saturating_sub(seen.counted.waited_ns);
            let waited = Duration::from_nanos(waited);
            let turns = counted.turns - seen.counted.turns;
            let stands = counted == seen.counted && thread.is_ready;
            seen.ready_since = match stands {
                true => seen.ready_since.or(Some(now)),
                false => thread.is_ready.then_some(now),
            };
            seen.counted = counted;
            if !self.is_first {
                seen.in_window += waited;
                let still = seen.ready_since.map_or(Duration::ZERO, |ready| now - ready);
                let turns = u32::try_from(turns).unwrap_or(u32::MAX).max(1);
                // The longest of these delays is as long as their mean at least; and all but one
                // of them began after the last sample.
                let one = still.max(waited / turns).max(waited.saturating_sub(since));
                let found = if one > DELAY_MAX {
                    Some((one, None))
                } else if seen.in_window > window.max(WINDOW) / 2 {
                    // Some of it may have been before.
                    Some((seen.in_window.min(window), Some(window)))
                } else {
                    None
                };
                let worst = self.worst.as_ref().map_or(Duration::ZERO, |w| w.waited);
                if let Some((waited, of)) = found.filter(|(waited, _)| *waited > worst) {
                    let name = name(thread.id);
                    self.worst = Some(Delay { name, waited, of });
                }
            }
            self.seen.insert(thread.id, seen);
        }
        self.is_first = false;
        self.last = now;
        if window >= WINDOW {
            self.window = now;
            self.seen
                .values_mut()
                .for_each(|seen| seen.in_window = Duration::ZERO);
        }
    }
}

/// Every thread that `/proc` shows. One that ends meanwhile is left out.
fn threads() -> Vec<Thread> {
    let mut threads = Vec::new();
    for process in numbered(Path::new("/proc")) {
        for id in numbered(Path::new(&format!("/proc/{process}/task"))) {
            threads.extend(thread_at(
                Path::new(&format!("/proc/{process}/task/{id}")),
                id,
            ));
        }
    }
    threads
}

fn numbered(dir: &Path) -> Vec<u32> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    names.collect()
}

fn thread_at(dir: &Path, id: u32) -> Option<Thread> {
    let counted = fs::read_to_string(dir.join("schedstat")).ok()?;
    let mut counted = counted.split_whitespace().map(str::parse);
    let mut next = || counted.next()?.ok();
    let counted = Counted {
        ran_ns: next()?,
        waited_ns: next()?,
        turns: next()?,
    };
    // The name, in brackets, may have brackets itself (proc(5)).
    let stat = fs::read_to_string(dir.join("stat")).ok()?;
    let is_ready = stat.rsplit_once(") ")?.1.starts_with('R');
    Some(Thread {
        id,
        counted,
        is_ready,
    })
}

/// What a thread is called. Any thread is found by its number, though not listed.
fn name(id: u32) -> String {
    let name = fs::read_to_string(format!("/proc/{id}/comm"));
    name.map_or_else(|_| "a process".to_owned(), |name| name.trim().to_owned())
}

/// etcd's default election timeout: a host that delays a thread longer breaks elections by itself.
pub(super) const DELAY_MAX: Duration = Duration::from_millis(1_000);
const PERIOD: Duration = Duration::from_millis(250);
/// The pause after a sample is so many times as long as the sample took.
const LEISURE: u32 = 20;
/// A thread that waits for half of this time misses its timers.
const WINDOW: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
