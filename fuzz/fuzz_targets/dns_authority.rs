//! Anything at all arrives at the authority, by UDP and by TCP.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_core::{Output, laws};
use quorate_dns::{Authority, Event};
use quorate_fuzz::zone;
use quorate_fuzz::{Step, inputs};

fuzz_target!(|steps: Vec<Step<Vec<u8>>>| {
    let config = zone::config();
    let make = || Authority::new(config.clone());
    let (source, server) = ("127.0.0.1:1053", "127.0.0.1:53");
    let (source, server) = (source.parse(), server.parse());
    let (source, server) = (source.expect("an address"), server.expect("an address"));
    let messages = steps.iter();
    let messages = messages.filter(|step| matches!(step, Step::Message { .. }));
    let messages = messages.count();
    let transcript = laws::obey(make, &inputs(steps, source, server, |bytes| bytes));
    // A forged source must not make us send more messages than it did.
    let replies = transcript.transmits().count();
    let dropped = transcript.outputs.iter();
    let dropped = dropped
        .filter(|(_, output)| matches!(output, Output::Event(Event::Dropped { .. })))
        .count();
    assert_eq!(replies + dropped, messages, "one reply or one drop each");
});
