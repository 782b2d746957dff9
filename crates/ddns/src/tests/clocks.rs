//! Wall clocks of the registrar and of the DNS server that do not agree.

use std::time::Duration;

use quorate_dns::RecordType;

use super::world::{World, key, member, raw_config};
use crate::Event;

/// RFC 8945 §5.2.3: beyond the fudge of 300 s a signature is refused with BADTIME.
#[test]
fn a_server_whose_clock_is_wrong_is_asked_until_it_is_right() {
    let mut world = World::new(1, raw_config(), &[], Some(key()));
    world.server_ahead_secs = 400;
    world.bind(member(1));
    world.pass(Duration::from_secs(120));
    assert!(world.lookup("n1.lab.test.", RecordType::A).is_empty());
    assert!(!world.events.contains(&published()));
    world.server_ahead_secs = 0;
    world.pass(Duration::from_secs(60));
    assert_eq!(world.lookup("n1.lab.test.", RecordType::A), ["10.77.0.1"]);
    assert!(world.events.contains(&published()));
}

fn published() -> Event {
    Event::NamePublished {
        hostname: "n1".to_owned(),
        addr: member(1).addr,
    }
}
