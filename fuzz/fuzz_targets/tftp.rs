//! A request of any octets starts a transfer or none; what follows keeps the laws.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use quorate_boot::tftp::{Request, Transfer};
use quorate_core::laws::{self, WALL_EPOCH};
use quorate_core::{Instant, Now};
use quorate_fuzz::{Step, inputs};

fuzz_target!(|input: (Vec<u8>, u16, Vec<Step<Vec<u8>>>)| {
    let (packet, octets, steps) = input;
    let client = ([10, 77, 0, 10], 2070).into();
    let server = ([10, 77, 0, 2], 69).into();
    let Ok(request) = Request::parse(&packet) else {
        return;
    };
    let content = vec![b'\n'; octets.into()];
    let now = Now::new(Instant::ZERO, WALL_EPOCH);
    let make = || Transfer::new(client, &request, Arc::new(content.clone()), now);
    laws::obey(make, &inputs(steps, client, server, |packet| packet));
});
