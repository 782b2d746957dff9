use std::time::Duration;

use super::*;

const STORY: &str = "title = \"t\"\n[etcd]\nmembers = 1\n[[machines]]\nname = \"n\"\nclass = \"etcd\"\n\
    [[machines]]\nname = \"p\"\nclass = \"plain\"\n";

fn at(ms: u64) -> Instant {
    Instant::ZERO + Duration::from_millis(ms)
}

fn progress(whats: Vec<(u64, What)>) -> StoryProgress {
    let story = Story::parse("story.toml", STORY).unwrap();
    let mut progress = StoryProgress::new(&story);
    for (ms, what) in whats {
        let of_servers = matches!(what, What::SrvPublished { .. });
        let machine = (!of_servers).then(|| "n".to_owned());
        progress.observe(&Observation {
            at: at(ms),
            machine,
            what,
        });
    }
    progress
}

fn boot(on: u64) -> Vec<(u64, What)> {
    let addr = [10, 77, 0, 10].into();
    let message = "DISCOVER".to_owned();
    vec![
        (on, What::Did(Action::PowerOn)),
        (
            on + 1,
            What::DhcpSent {
                message,
                attempt: 1,
            },
        ),
        (
            on + 10,
            What::Leased {
                addr,
                hostname: None,
                lease_secs: 60,
                renewed: false,
            },
        ),
        (on + 40, What::Seeded),
        (on + 50, What::ServiceStarted { attempt: 1 }),
    ]
}

fn published() -> Vec<(u64, What)> {
    let addr = [10, 77, 0, 10].into();
    let members = vec!["n".to_owned()];
    vec![
        (60, What::ReversePublished { addr }),
        (70, What::SrvPublished { members }),
    ]
}

fn healthy() -> What {
    What::Healthy {
        cluster_id: ClusterId(7),
        member_id: MemberId(8),
        voters: 1,
    }
}

/// Milliseconds, and what holds from then on.
fn turns(machine: &MachineProgress) -> Vec<(u64, Option<Link>, bool)> {
    let turns = machine.turns.iter();
    turns
        .map(|turn| (turn.at.as_nanos() / 1_000_000, turn.link, turn.linked))
        .collect()
}

#[test]
fn what_lies_behind_a_broken_link_does_not_count() {
    let mut whats = boot(0);
    whats.extend(published());
    let progress = progress(whats);
    let machine = progress.iter().next().unwrap();
    let seen = turns(machine);
    // etcd ran at 50 ms, yet the name was missing until 60 ms and the SRV set until 70 ms.
    assert_eq!(
        seen,
        [
            (0, Some(Link::Power), true),
            (1, Some(Link::Discover), true),
            (10, Some(Link::Ack), true),
            (60, Some(Link::Seed), true),
            (70, Some(Link::Etcd), true),
        ]
    );
    assert_eq!(machine.reached[&Link::Etcd], at(50));
}

#[test]
fn a_power_cycle_begins_at_the_start_and_keeps_records_and_disk() {
    let identified = What::Identified {
        cluster_id: ClusterId(7),
        member_id: MemberId(8),
    };
    let mut whats = boot(0);
    whats.extend(published());
    whats.extend([(80, identified), (90, healthy())]);
    whats.push((1_000, What::Did(Action::PowerOff)));
    whats.extend(boot(2_000));
    whats.push((2_500, healthy()));
    let progress = progress(whats);
    let machine = progress.iter().next().unwrap();
    assert_eq!(
        turns(machine)[5..],
        [
            (80, Some(Link::ClusterId), true),
            (90, Some(Link::Voter), true),
            (1_000, None, true),
            (2_000, Some(Link::Power), true),
            (2_001, Some(Link::Discover), true),
            (2_010, Some(Link::Name), true),
            (2_040, Some(Link::Srv), true),
            (2_050, Some(Link::ClusterId), true),
            (2_500, Some(Link::Voter), true),
        ]
    );
    assert!(machine.is_complete());
    assert_eq!(machine.reached[&Link::Ack], at(10));
    let acks: Vec<_> = machine
        .boots
        .iter()
        .map(|boot| boot.reached[&Link::Ack])
        .collect();
    assert_eq!(acks, [at(10), at(2_010)]);
    assert!(!machine.boots[1].reached.contains_key(&Link::Name));
}

#[test]
fn what_ends_is_no_longer_held() {
    let mut whats = boot(0);
    whats.extend(published());
    let exited = What::ServiceExited {
        status: "1".to_owned(),
        last_words: None,
    };
    let lost = What::LeaseLost {
        reason: "expired".to_owned(),
    };
    whats.extend([
        (100, exited),
        (200, What::Did(Action::LinkDown)),
        (300, lost),
    ]);
    let progress = progress(whats);
    let machine = progress.iter().next().unwrap();
    assert_eq!(
        turns(machine)[5..],
        [
            (100, Some(Link::Srv), true),
            (200, Some(Link::Srv), false),
            (300, Some(Link::Discover), false),
        ]
    );
    assert!(!machine.is_complete());
}

#[test]
fn a_machine_that_was_never_on_has_no_turns() {
    let progress = progress(boot(0));
    let plain = progress.iter().nth(1).unwrap();
    assert_eq!((plain.link(), plain.turns.len()), (None, 0));
}

#[test]
fn a_machine_that_hangs_is_on_and_not_expected_to_work() {
    let mut whats = boot(0);
    whats.extend(published());
    whats.extend([(90, healthy()), (200, What::Did(Action::Freeze))]);
    let hung = progress(whats.clone());
    let machine = hung.iter().next().unwrap();
    assert!(machine.powered && !machine.expected() && !machine.is_complete());
    let frozen = |machine: &MachineProgress| -> Vec<_> {
        let turns = machine.turns.iter().filter(|turn| turn.frozen);
        turns.map(|turn| turn.at).collect()
    };
    assert_eq!(frozen(machine), [at(200)]);
    // Until somebody has asked it, nobody knows.
    whats.push((700, What::Did(Action::Thaw)));
    let thawed = progress(whats.clone());
    let machine = thawed.iter().next().unwrap();
    assert!(machine.expected() && !machine.is_complete());
    whats.push((720, healthy()));
    assert_eq!(
        progress(whats.clone()).iter().next().unwrap().voters,
        Some(1)
    );
    whats.extend([
        (800, What::Did(Action::Freeze)),
        (900, What::Did(Action::PowerOff)),
        (1_000, What::Did(Action::PowerOn)),
    ]);
    let again = progress(whats);
    assert!(again.iter().next().unwrap().expected(), "it boots anew");
}

#[test]
fn a_machine_with_firmware_is_as_far_as_it_has_booted() {
    let booting = |link| What::Booting { link };
    let mut whats = vec![(0, What::Did(Action::PowerOn))];
    whats.extend([(1, booting(Link::Firmware)), (2, booting(Link::Kernel))]);
    whats.extend([(3, What::Did(Action::Reset)), (4, booting(Link::Userspace))]);
    whats.extend(boot(4).into_iter().skip(1));
    // It comes late over the console, and changes nothing.
    whats.push((100, booting(Link::Initrd)));
    let progress = progress(whats);
    let machine = progress.iter().next().unwrap();
    let links: Vec<_> = machine.turns.iter().map(|turn| turn.link).collect();
    let way = [
        Link::Power,
        Link::Firmware,
        Link::Kernel,
        Link::Power,
        Link::Userspace,
        Link::Discover,
        Link::Ack,
    ];
    assert_eq!(links, way.map(Some));
}
