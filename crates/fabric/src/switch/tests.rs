use std::num::NonZeroU64;

use proptest::prelude::*;

use super::*;
use crate::{Action, Chance, Ports, Traffic};

const MILLISECOND: Duration = Duration::from_millis(1);

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

/// A frame with a number in its payload.
fn numbered(source: MacAddr, destination: MacAddr, number: u32) -> Vec<u8> {
    let mut frame = [destination.0, source.0].concat();
    frame.extend_from_slice(&[0x88, 0xb5]);
    frame.extend_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[14..18].try_into().unwrap())
}

/// A switch with `n` ports at which the machines `mac(0)`, `mac(1)`, … were heard.
fn switch(n: u8) -> Switch {
    seeded_switch(1, n)
}

fn seeded_switch(seed: u64, n: u8) -> Switch {
    let mut switch = Switch::new(Seed::new(seed));
    for _ in 0..n {
        switch.add_port();
    }
    for machine in 0..n {
        let hello = numbered(mac(machine), MacAddr::BROADCAST, 0);
        switch.handle_frame(PortId(machine.into()), &hello, Instant::ZERO);
    }
    drain(&mut switch);
    switch.counters = Counters::default();
    switch
}

fn drain(switch: &mut Switch) -> Vec<(u32, Vec<u8>)> {
    std::iter::from_fn(|| switch.poll())
        .map(|(port, frame)| (port.0, frame.to_vec()))
        .collect()
}

/// Lets everything arrive, at its time, and answers where and when.
fn arrivals(switch: &mut Switch) -> Vec<(Instant, u32, u32)> {
    let mut arrived = Vec::new();
    let mut now = Instant::ZERO;
    loop {
        let frames = drain(switch).into_iter();
        arrived.extend(frames.map(|(port, frame)| (now, port, number(&frame))));
        let Some(deadline) = switch.poll_timeout() else {
            return arrived;
        };
        assert!(deadline.at > now, "a deadline that was met comes back");
        now = deadline.at;
        switch.handle_timeout(now);
    }
}

fn assert_conserved(switch: &Switch) {
    let counters = switch.counters();
    assert_eq!(
        counters.received + counters.copied + counters.duplicated,
        counters.delivered + counters.dropped() + counters.filtered + switch.in_flight() as u64,
        "{counters:?}, {} in flight",
        switch.in_flight()
    );
}

#[test]
fn the_unknown_is_flooded_and_the_known_is_not() {
    let mut switch = Switch::new(Seed::new(1));
    let [a, b, c] = [(); 3].map(|()| switch.add_port());
    let mut passage = Passage::default();
    let mut pass = |switch: &mut Switch, from, frame: &[u8]| {
        switch.pass_frame(from, frame, Instant::ZERO, &mut passage);
        passage.ports.clone()
    };
    assert_eq!(pass(&mut switch, a, &numbered(mac(0), mac(1), 0)), [b, c]);
    assert_eq!(pass(&mut switch, b, &numbered(mac(1), mac(0), 0)), [a]);
    assert_eq!(pass(&mut switch, a, &numbered(mac(0), mac(1), 0)), [b]);
    assert_eq!(
        pass(&mut switch, c, &numbered(mac(2), MacAddr::BROADCAST, 0)),
        [a, b]
    );
    // A machine that moved is found at its new port.
    assert_eq!(pass(&mut switch, c, &numbered(mac(1), mac(0), 0)), [a]);
    assert_eq!(pass(&mut switch, a, &numbered(mac(0), mac(1), 0)), [c]);
    // A frame for the segment it came from stays there.
    assert_eq!(pass(&mut switch, c, &numbered(mac(9), mac(1), 0)), []);
    assert_eq!(switch.counters().filtered, 1);
    assert_conserved(&switch);
}

#[test]
fn an_address_that_falls_silent_is_forgotten() {
    let mut switch = switch(3);
    let frame = numbered(mac(0), mac(1), 7);
    let just_before = Instant::ZERO + (AGEING - MILLISECOND);
    switch.handle_frame(PortId(0), &frame, just_before);
    assert_eq!(drain(&mut switch).len(), 1);
    switch.handle_frame(PortId(0), &frame, Instant::ZERO + AGEING);
    assert_eq!(drain(&mut switch).len(), 2);
}

#[test]
fn nothing_passes_a_link_that_is_down() {
    let mut switch = switch(3);
    switch.set_link(PortId(1), false);
    let mut passage = Passage::default();
    switch.pass_frame(
        PortId(1),
        &numbered(mac(1), mac(0), 0),
        Instant::ZERO,
        &mut passage,
    );
    assert_eq!(passage.drops, [(None, DropReason::LinkDown)]);
    let broadcast = numbered(mac(0), MacAddr::BROADCAST, 0);
    switch.pass_frame(PortId(0), &broadcast, Instant::ZERO, &mut passage);
    assert_eq!(passage.ports, [PortId(2)]);
    switch.set_link(PortId(1), true);
    switch.pass_frame(PortId(0), &broadcast, Instant::ZERO, &mut passage);
    assert_eq!(passage.ports, [PortId(1), PortId(2)]);
}

#[test]
fn what_is_under_way_to_a_link_that_goes_down_is_lost() {
    let mut switch = switch(2);
    let slow = Faults {
        delay: MILLISECOND,
        ..Faults::default()
    };
    switch.set_faults(PortId(1), Direction::FromSwitch, slow);
    switch.handle_frame(PortId(0), &numbered(mac(0), mac(1), 0), Instant::ZERO);
    assert_eq!(switch.in_flight(), 1);
    switch.set_link(PortId(1), false);
    assert_eq!(arrivals(&mut switch), []);
    assert_eq!(switch.counters().link_down, 1);
    assert_conserved(&switch);
}

#[test]
fn the_delays_of_both_links_and_the_rule_add_up() {
    let mut switch = switch(2);
    let delayed = |millis| Faults {
        delay: MILLISECOND * millis,
        ..Faults::default()
    };
    switch.set_faults(PortId(0), Direction::ToSwitch, delayed(1));
    switch.add_rule(Rule {
        from: Ports::Any,
        to: Ports::only([PortId(1)]),
        both_ways: false,
        traffic: Traffic::Any,
        action: Action::Impair(delayed(10)),
    });
    switch.set_faults(PortId(1), Direction::FromSwitch, delayed(100));
    switch.handle_frame(PortId(0), &numbered(mac(0), mac(1), 5), Instant::ZERO);
    switch.handle_frame(PortId(1), &numbered(mac(1), mac(0), 6), Instant::ZERO);
    let at = Instant::ZERO + MILLISECOND * 111;
    assert_eq!(arrivals(&mut switch), [(Instant::ZERO, 0, 6), (at, 1, 5)]);
}

#[test]
fn a_late_driver_changes_no_arrival() {
    let send = |switch: &mut Switch| {
        let slow = Faults {
            delay: MILLISECOND,
            rate_bits_per_sec: NonZeroU64::new(1_000_000),
            ..Faults::default()
        };
        switch.set_faults(PortId(0), Direction::ToSwitch, slow);
        switch.set_faults(PortId(1), Direction::FromSwitch, slow);
        for n in 0..10 {
            switch.handle_frame(PortId(0), &numbered(mac(0), mac(1), n), Instant::ZERO);
        }
    };
    let mut punctual = switch(2);
    send(&mut punctual);
    let last = arrivals(&mut punctual).last().unwrap().0;
    let mut late = switch(2);
    send(&mut late);
    late.handle_timeout(last);
    assert_eq!(drain(&mut late).len(), 10);
    assert_eq!(late.poll_timeout(), None);
}

#[test]
fn a_partition_drops_and_says_which_rule() {
    let mut switch = switch(3);
    let rule = switch.add_rule(Rule::partition([PortId(0)], [PortId(1)]));
    let mut passage = Passage::default();
    let broadcast = numbered(mac(0), MacAddr::BROADCAST, 0);
    switch.pass_frame(PortId(0), &broadcast, Instant::ZERO, &mut passage);
    assert_eq!(passage.ports, [PortId(2)]);
    assert_eq!(passage.drops, [(Some(PortId(1)), DropReason::Rule(rule))]);
    assert!(switch.remove_rule(rule));
    switch.pass_frame(PortId(0), &broadcast, Instant::ZERO, &mut passage);
    assert_eq!(passage.ports.len(), 2);
}

#[test]
fn a_corrupted_frame_differs_in_one_bit() {
    let mut switch = switch(2);
    let corrupt = Faults {
        corrupt: Chance::ALWAYS,
        ..Faults::default()
    };
    switch.set_faults(PortId(1), Direction::FromSwitch, corrupt);
    let frame = numbered(mac(0), mac(1), 0);
    for _ in 0..100 {
        switch.handle_frame(PortId(0), &frame, Instant::ZERO);
        let got = drain(&mut switch);
        let changed = frame
            .iter()
            .zip(&got[0].1)
            .map(|(a, b)| (a ^ b).count_ones());
        assert_eq!(changed.sum::<u32>(), 1);
    }
    assert_eq!(switch.counters().corrupted, 100);
}

#[test]
fn the_number_of_frames_under_way_is_bounded() {
    let mut switch = switch(2);
    let slow = Faults {
        delay: MILLISECOND,
        ..Faults::default()
    };
    switch.set_faults(PortId(0), Direction::ToSwitch, slow);
    for n in 0..IN_FLIGHT_MAX as u32 + 3 {
        switch.handle_frame(PortId(0), &numbered(mac(0), mac(1), n), Instant::ZERO);
    }
    assert_eq!(switch.in_flight(), IN_FLIGHT_MAX);
    assert_eq!(switch.counters().overflowed, 3);
    assert_conserved(&switch);
}

#[test]
fn another_seed_loses_other_frames() {
    let lossy = Faults {
        loss: Chance::from_ppm(500_000),
        ..Faults::default()
    };
    let lost = |seed| {
        let mut switch = seeded_switch(seed, 2);
        switch.set_faults(PortId(0), Direction::ToSwitch, lossy);
        for n in 0..64 {
            switch.handle_frame(PortId(0), &numbered(mac(0), mac(1), n), Instant::ZERO);
        }
        drain(&mut switch)
    };
    assert_eq!(lost(1), lost(1));
    assert_ne!(lost(1), lost(2));
}

fn faults(reordering: bool) -> impl Strategy<Value = Faults> {
    let chance = || (0u32..400_000).prop_map(Chance::from_ppm);
    let reorder = if reordering { 400_000u32 } else { 0 };
    (
        (0u64..2_000_000, 0u64..2_000_000),
        (chance(), chance(), chance()),
        (0..=reorder).prop_map(Chance::from_ppm),
        prop::option::of(100_000u64..10_000_000),
    )
        .prop_map(
            move |((delay, jitter), (loss, duplicate, corrupt), reorder, rate)| Faults {
                delay: Duration::from_nanos(delay),
                jitter: Duration::from_nanos(jitter),
                loss,
                duplicate,
                reorder,
                corrupt: if reordering { corrupt } else { Chance::NEVER },
                rate_bits_per_sec: rate.and_then(NonZeroU64::new),
            },
        )
}

/// Frames `(from, to, nanoseconds after the one before)`; `to` 3 is everybody.
fn frames() -> impl Strategy<Value = Vec<(u8, u8, u64)>> {
    prop::collection::vec((0u8..3, 0u8..4, 0u64..300_000), 1..80)
}

/// Sends `frames` through a switch whose links and rules have `faults`; answers every arrival.
fn run(seed: u64, faults: &[Faults; 7], frames: &[(u8, u8, u64)]) -> Vec<(Instant, u32, Vec<u8>)> {
    let mut switch = seeded_switch(seed, 3);
    for port in 0..3u8 {
        let id = PortId(port.into());
        switch.set_faults(id, Direction::ToSwitch, faults[usize::from(port) * 2]);
        switch.set_faults(id, Direction::FromSwitch, faults[usize::from(port) * 2 + 1]);
    }
    switch.add_rule(Rule {
        from: Ports::Any,
        to: Ports::only([PortId(1)]),
        both_ways: true,
        traffic: Traffic::Any,
        action: Action::Impair(faults[6]),
    });
    let mut arrivals = Vec::new();
    let mut now = Instant::ZERO;
    for (n, (from, to, gap)) in frames.iter().enumerate() {
        let until = now + Duration::from_nanos(*gap);
        while let Some(deadline) = switch.poll_timeout().filter(|d| d.at <= until) {
            now = deadline.at;
            switch.handle_timeout(now);
            arrivals.extend(drain(&mut switch).into_iter().map(|(p, f)| (now, p, f)));
        }
        now = until;
        let destination = if *to == 3 {
            MacAddr::BROADCAST
        } else {
            mac(*to)
        };
        let frame = numbered(mac(*from), destination, n as u32);
        switch.handle_frame(PortId((*from).into()), &frame, now);
        arrivals.extend(drain(&mut switch).into_iter().map(|(p, f)| (now, p, f)));
        assert_conserved(&switch);
    }
    while let Some(deadline) = switch.poll_timeout() {
        now = deadline.at;
        switch.handle_timeout(now);
        arrivals.extend(drain(&mut switch).into_iter().map(|(p, f)| (now, p, f)));
        assert_conserved(&switch);
    }
    assert_eq!(switch.counters().delivered, arrivals.len() as u64);
    arrivals
}

proptest! {
    #[test]
    fn every_frame_is_accounted_for_and_the_seed_decides(
        seed in any::<u64>(),
        faults in prop::array::uniform7(faults(true)),
        frames in frames(),
    ) {
        prop_assert_eq!(run(seed, &faults, &frames), run(seed, &faults, &frames));
    }

    #[test]
    fn without_reordering_a_flow_stays_in_order(
        seed in any::<u64>(),
        faults in prop::array::uniform7(faults(false)),
        frames in frames(),
    ) {
        let arrivals = run(seed, &faults, &frames);
        for (from, to) in [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)] {
            let flow = arrivals
                .iter()
                .filter(|(_, port, frame)| *port == to && frame[11] == from)
                .map(|(_, _, frame)| number(frame));
            prop_assert!(flow.is_sorted(), "from {} to {}", from, to);
        }
    }

    #[test]
    fn a_perfect_switch_delivers_each_frame_once(frames in frames()) {
        let arrivals = run(1, &[Faults::default(); 7], &frames);
        let wanted: usize = frames
            .iter()
            .map(|(from, to, _)| if *to == 3 { 2 } else { usize::from(from != to) })
            .sum();
        prop_assert_eq!(arrivals.len(), wanted);
    }

    #[test]
    fn no_frame_panics(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..40)) {
        let mut switch = switch(3);
        switch.add_rule(Rule { traffic: Traffic::Udp(53), ..Rule::partition([PortId(0)], [PortId(1)]) });
        for (n, frame) in frames.iter().enumerate() {
            switch.handle_frame(PortId(n as u32 % 3), frame, Instant::ZERO);
            assert_conserved(&switch);
        }
    }
}

#[test]
fn with_snooping_only_dhcp_servers_hear_what_clients_broadcast() {
    let udp = |source: &str, destination: &str| {
        let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
        frame::udp_frame(mac(0), MacAddr::BROADCAST, source, destination, b"dhcp")
    };
    let to = |from: u32, frame: &[u8]| -> Vec<u32> {
        let mut switch = switch(4);
        switch.snoop_dhcp([PortId(2)]);
        switch.handle_frame(PortId(from), frame, Instant::ZERO);
        let counters = switch.counters();
        let ports: Vec<u32> = drain(&mut switch).iter().map(|(port, _)| *port).collect();
        assert_eq!(counters.received + counters.copied, ports.len() as u64);
        ports
    };
    let discover = udp("0.0.0.0:68", "255.255.255.255:67");
    let offer = udp("10.0.0.2:67", "255.255.255.255:68");
    assert_eq!(to(0, &discover), [2]);
    assert_eq!(to(2, &offer), [0, 1, 3]);
    assert_eq!(to(0, &numbered(mac(0), MacAddr::BROADCAST, 1)), [1, 2, 3]);
}

/// Loses what chance lets through, towards one port.
struct Loses(PortId);

impl FatePolicy for Loses {
    fn decide(&mut self, at: (PortId, Direction), _: &[u8], _: Instant, drawn: Transit) -> Transit {
        if at == (self.0, Direction::FromSwitch) {
            Transit::Lost
        } else {
            drawn
        }
    }
}

#[test]
fn a_judge_has_the_last_word() {
    let mut switch = switch(3);
    let hello = numbered(mac(0), MacAddr::BROADCAST, 7);
    switch.handle_frame_with(PortId(0), &hello, Instant::ZERO, &mut Loses(PortId(1)));
    let heard: Vec<u32> = drain(&mut switch).iter().map(|(port, _)| *port).collect();
    assert_eq!(heard, [2]);
    assert_eq!(switch.counters().lost, 1);

    let slow = Faults {
        delay: MILLISECOND,
        ..Faults::default()
    };
    switch.set_faults(PortId(0), Direction::ToSwitch, slow);
    let mut policy = Loses(PortId(2));
    switch.handle_frame_with(PortId(0), &hello, Instant::ZERO, &mut policy);
    switch.handle_timeout_with(Instant::ZERO + MILLISECOND, &mut policy);
    let heard: Vec<u32> = drain(&mut switch).iter().map(|(port, _)| *port).collect();
    assert_eq!(heard, [1], "also of what was under way");
}

#[test]
fn frames_stay_in_their_segment() {
    let mut switch = Switch::new(Seed::new(1));
    let (red, blue) = (SegmentId(1), SegmentId(2));
    let [a, b] = [(); 2].map(|()| switch.add_port_in(red));
    let [c, d] = [(); 2].map(|()| switch.add_port_in(blue));
    let to_all = numbered(mac(1), MacAddr::BROADCAST, 7);
    switch.handle_frame(a, &to_all, Instant::ZERO);
    assert_eq!(drain(&mut switch), [(b.0, to_all)]);
    // What the red segment has learned is unknown in the blue one.
    let to_one = numbered(mac(3), mac(1), 8);
    switch.handle_frame(c, &to_one, Instant::ZERO);
    assert_eq!(drain(&mut switch), [(d.0, to_one)]);
    assert_conserved(&switch);
}
