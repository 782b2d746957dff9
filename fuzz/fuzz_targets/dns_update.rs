//! UPDATEs that are well formed and mean anything: serials only grow, and a restart forgets
//! nothing that was acknowledged.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_core::{Output, laws};
use quorate_dns::{Authority, Event, Serial};
use quorate_fuzz::zone::{self, Update};
use quorate_fuzz::{Step, inputs};

fuzz_target!(|steps: Vec<Step<Update>>| {
    let config = zone::config();
    let make = || Authority::new(config.clone());
    let (source, server) = ("127.0.0.1:1053", "127.0.0.1:53");
    let (source, server) = (source.parse(), server.parse());
    let (source, server) = (source.expect("an address"), server.expect("an address"));
    let transcript = laws::obey(make, &inputs(steps, source, server, Update::encode));
    let mut last = Serial(1);
    for (_, output) in &transcript.outputs {
        if let Output::Event(Event::UpdateApplied { serial, .. }) = output {
            assert!(serial.is_newer_than(last), "{serial} after {last}");
            last = *serial;
        }
    }
    // Every write was synced in the end.
    let restored = Authority::restore(config.clone(), transcript.writes().cloned());
    let zone = restored.zones().next().expect("it is configured");
    assert_eq!(zone.serial(), last);
});
