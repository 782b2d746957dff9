//! Replies to a registrar's UPDATEs from an eavesdropper without the key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_core::{Channel, Datagram, Engine as _, Instant, Now, Output, Seed, laws};
use quorate_ddns::{Command, Config, Event, Registrar};
use quorate_fuzz::zone;

fuzz_target!(|input: (bool, Vec<Vec<u8>>)| {
    let (is_signed, replies) = input;
    let config = Config::new(&zone::registrar(), is_signed.then(zone::key));
    let mut registrar = Registrar::new(config.expect("valid"), Seed::new(1));
    let mut now = Now::new(Instant::ZERO, laws::WALL_EPOCH);
    registrar.command(Command::Bound(zone::binding()), now);
    let mut id = [0; 2];
    // The last, empty one is there to see the outputs of those before it.
    for mut payload in replies.into_iter().chain([Vec::new()]) {
        while let Some(output) = registrar.poll() {
            match output {
                Output::Write { ticket, .. } => registrar.handle_written(ticket, now),
                Output::Transmit(update) => id.copy_from_slice(&update.payload[..2]),
                Output::Event(Event::Dropped { .. } | Event::Retrying { .. }) => {}
                Output::Event(event) => assert!(!is_signed, "believed a stranger: {event:?}"),
            }
        }
        // The ID is the one thing that a stranger must get right.
        let known = payload.len().min(2);
        payload[..known].copy_from_slice(&id[..known]);
        let datagram = Datagram {
            source: zone::registrar().server,
            destination: ([127, 0, 0, 1], 1053).into(),
            channel: Channel::Udp,
            payload: &payload,
        };
        registrar.handle_datagram(datagram, now);
        if let Some(deadline) = registrar.poll_timeout() {
            now.instant = now.instant.max(deadline.at);
            registrar.handle_timeout(now);
        }
    }
});
