//! Delays as the kernel counts them, and what is found in them.

use super::*;

const SLEEPS: bool = false;
const READY: bool = true;

/// What two seconds of samples find of one thread: milliseconds of each sample, what it has waited by
/// then, its turns, and whether it is ready.
fn found(samples: &[(u64, u64, u64, bool)]) -> Option<String> {
    let began = Instant::now();
    let mut all = Samples::new(began);
    for &(at_ms, waited_ms, turns, is_ready) in samples {
        let counted = Counted {
            ran_ns: turns,
            waited_ns: waited_ms * 1_000_000,
            turns,
        };
        let thread = Thread {
            id: 7,
            counted,
            is_ready,
        };
        let at = began + Duration::from_millis(at_ms);
        all.observe(at, [thread], |id| format!("t{id}"));
    }
    all.worst.map(|delay| delay.shown())
}

fn waited(words: &str) -> Option<String> {
    Some(format!("a thread of t7 waited {words} s for a processor"))
}

#[test]
fn what_was_before_the_first_look_does_not_count() {
    assert_eq!(found(&[(0, 9_000, 1, SLEEPS)]), None);
    assert_eq!(
        found(&[(0, 9_000, 1, SLEEPS), (250, 9_000, 1, SLEEPS)]),
        None
    );
}

#[test]
fn one_wait_is_too_long_when_it_is_longer_than_an_election() {
    let sample = |waited_ms, turns| found(&[(0, 0, 1, SLEEPS), (2_000, waited_ms, turns, SLEEPS)]);
    assert_eq!(sample(900, 2), None);
    assert_eq!(sample(1_100, 2), waited("1.1"));
    // As many short ones are not one long one.
    assert_eq!(sample(1_100, 12), None);
    // Between two samples that are closer, they are: it began before the first.
    let close = |at_ms| found(&[(0, 0, 1, SLEEPS), (at_ms, 1_400, 12, SLEEPS)]);
    assert_eq!(close(500), None);
    assert_eq!(close(300), waited("1.1"));
}

#[test]
fn a_thread_that_still_waits_is_seen_although_the_kernel_counts_it_later() {
    let still = [
        (0, 0, 1, SLEEPS),
        (250, 0, 2, READY),
        (500, 0, 2, READY),
        (1_500, 0, 2, READY),
    ];
    assert_eq!(found(&still), waited("1.2"));
    let mut ran = still;
    ran[3].2 = 3;
    assert_eq!(found(&ran), None);
    let mut slept = still;
    slept[2].3 = SLEEPS;
    assert_eq!(found(&slept), None);
}

#[test]
fn half_of_a_window_is_too_much_in_pieces_too() {
    let half = |share_ms: u64| {
        let samples = (0..=24).map(|n| (n * 200, n * share_ms, n * 10, SLEEPS));
        found(&samples.collect::<Vec<_>>())
    };
    assert_eq!(half(100), None);
    assert_eq!(half(150), waited("3.6 of 4.8"));
    // Samples of a busy host are far apart, and a window is as long as it is.
    let far = |waited_ms| found(&[(0, 0, 1, SLEEPS), (9_000, waited_ms, 99, SLEEPS)]);
    assert_eq!(far(4_400), None);
    assert_eq!(far(4_600), waited("4.6 of 9.0"));
    // The next window begins anew.
    let slow = (0..=60).map(|n| (n * 200, n * 90, n * 10, SLEEPS));
    assert_eq!(found(&slow.collect::<Vec<_>>()), None);
}

#[test]
fn a_number_that_is_given_again_is_another_thread() {
    let next = |waited_ms| found(&[(0, 9_000, 50, SLEEPS), (250, waited_ms, 3, SLEEPS)]);
    assert_eq!(next(100), None);
    assert_eq!(next(9_050), waited("8.8"));
}

/// A thread that always has something to do, with this priority, on the same processor as the
/// others.
fn busy(name: &str, nice: i32, stop: &Arc<AtomicBool>) -> u32 {
    use rustix::process::setpriority_process;
    use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};
    let (give, number) = std::sync::mpsc::channel();
    let stop = Arc::clone(stop);
    let work = move || {
        let allowed = sched_getaffinity(None).unwrap();
        let one = (0..CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
        let mut set = CpuSet::new();
        set.set(one.unwrap());
        sched_setaffinity(None, &set).unwrap();
        setpriority_process(Some(gettid()), nice).unwrap();
        give.send(gettid().as_raw_nonzero().get().unsigned_abs())
            .unwrap();
        while !stop.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    };
    let thread = thread::Builder::new().name(name.to_owned());
    thread.spawn(work).unwrap();
    number.recv().unwrap()
}

#[test]
fn a_thread_that_gets_no_processor_is_found() {
    let stop = Arc::new(AtomicBool::new(false));
    let last = busy("last", 19, &stop);
    for _ in 0..10 {
        busy("first", 0, &stop);
    }
    let began = Instant::now();
    let mut samples = Samples::new(began);
    while samples.worst.is_none() && began.elapsed() < Duration::from_secs(60) {
        let threads = threads().into_iter().filter(|thread| thread.id == last);
        samples.observe(Instant::now(), threads, name);
        thread::sleep(Duration::from_millis(50));
    }
    stop.store(true, Ordering::Relaxed);
    let worst = samples.worst.map(|delay| delay.shown());
    let worst = worst.expect("it has waited for a minute");
    assert!(worst.starts_with("a thread of last waited "), "{worst}");
}
