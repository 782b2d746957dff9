//! Frames from a machine's interface: readers, and the switch that carries them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_core::{Instant, Seed};
use quorate_fabric::frame::{
    Checksums, arp_frame, parse_arp, parse_udp, parse_udp_with, udp_frame,
};
use quorate_fabric::{Rule, Switch, Traffic};

fuzz_target!(|frames: Vec<(bool, Vec<u8>)>| {
    let mut switch = Switch::new(Seed::new(1));
    let [one, other, third] = [(); 3].map(|()| switch.add_port());
    switch.add_rule(Rule {
        traffic: Traffic::Udp(53),
        ..Rule::partition([one], [third])
    });
    for (from_one, frame) in frames {
        let from = if from_one { one } else { other };
        switch.handle_frame(from, &frame, Instant::ZERO);
        if let Some(udp) = parse_udp(&frame) {
            assert_eq!(parse_udp_with(&frame, Checksums::Offloaded), Some(udp));
            let (from, to) = (udp.source_mac, udp.destination_mac);
            let built = udp_frame(from, to, udp.source, udp.destination, udp.payload);
            assert_eq!(parse_udp(&built), Some(udp));
        }
        if let Some(arp) = parse_arp(&frame) {
            assert_eq!(parse_arp(&arp_frame(&arp)), Some(arp));
        }
    }
    let counters = switch.counters();
    let came = counters.received + counters.copied + counters.duplicated;
    let went = counters.delivered + counters.dropped() + counters.filtered;
    assert_eq!(came, went, "{counters:?}");
});
