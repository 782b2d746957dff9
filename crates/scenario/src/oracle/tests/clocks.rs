//! Machines whose clock the story says.

use super::*;
use crate::hardware::{Virtual, clock_text};

const SECS_2020: u64 = 1_577_836_800;

/// A world in which n2 is switched on in 2020, and comes to its system three seconds later.
fn clocked() -> Whole {
    let mut whole = Whole::new();
    whole.story.machines[1].hardware.clock = Some("2020-01-01T00:00:00".to_owned());
    whole.story.virtualize(Virtual::All);
    let place = whole.place("n2", &What::Did(Action::PowerOn));
    for observation in &mut whole.observations[place + 1..] {
        observation.at = Instant::from_nanos(3_000_000_000);
    }
    whole.read(place + 1, SECS_2020 + 3);
    whole
}

impl Whole {
    fn read(&mut self, place: usize, unix_secs: u64) {
        let what = What::ClockRead {
            unix_secs,
            ahead_secs: 0,
        };
        self.see(place, "n2", what);
        self.observations[place].at = Instant::from_nanos(3_000_000_000);
    }
}

#[test]
fn a_clock_that_goes_on_from_what_the_story_says() {
    assert_eq!(clocked().judge(), []);
}

#[test]
fn a_clock_that_says_something_else() {
    for unix_secs in [0, SECS_2020 - 3, SECS_2020 + 6, u64::MAX] {
        let mut whole = clocked();
        whole.rewrite("n2", |what| match what {
            What::ClockRead { .. } => Some(What::ClockRead {
                unix_secs,
                ahead_secs: 0,
            }),
            other => Some(other.clone()),
        });
        let words = format!(
            "began at {} by its clock, not after 2020-01-01T00:00:00",
            clock_text(unix_secs)
        );
        whole.proves(Link::Userspace, Some("n2"), &words);
    }
}

/// QEMU sets the clock at power-on, and every time; a reset button does not.
#[test]
fn every_power_on_begins_with_that_clock() {
    for (what, unix_secs, is_right) in [
        (What::Did(Action::PowerOn), SECS_2020, true),
        (What::Did(Action::PowerOn), SECS_2020 + 90, false),
        (What::Did(Action::Reset), SECS_2020 + 90, true),
    ] {
        let mut whole = clocked();
        let end = whole.observations.len();
        whole.boot("n2", 2);
        whole.observations[end].what = what;
        whole.read(end + 1, unix_secs);
        for observation in &mut whole.observations[end..] {
            observation.at = Instant::from_nanos(90_000_000_000);
        }
        assert_eq!(whole.judge().is_empty(), is_right);
    }
}

#[test]
fn a_clock_that_was_never_reported() {
    let mut whole = clocked();
    whole.rewrite("n2", |what| match what {
        What::ClockRead { .. } => None,
        other => Some(other.clone()),
    });
    whole.finds(Link::Userspace, Some("n2"), "never reported");
    // In a world without virtual machines all share the host's.
    whole.story.machines[1].hardware.is_vm = false;
    assert_eq!(whole.judge(), []);
}
