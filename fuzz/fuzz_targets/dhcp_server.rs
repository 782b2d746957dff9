//! Clients, relays and strangers talk to the DHCP server: its laws hold, and no two clients
//! get the same address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quorate_core::{Output, Seed, laws};
use quorate_dhcp::server::{
    LeaseState, RawServerConfig, RawSubnet, Server, ServerConfig, ServerRecord,
};
use quorate_fuzz::dhcp::{SERVER, Sent};
use quorate_fuzz::{Step, inputs};

fuzz_target!(|steps: Vec<Step<Sent>>| {
    // Three addresses, so that they run out.
    let mut subnet = RawSubnet::new(
        "10.77.0.0/24".parse().expect("a subnet"),
        "10.77.0.10-10.77.0.12".parse().expect("a range"),
    );
    subnet.lease_secs = 600;
    let config = ServerConfig::validate(RawServerConfig::new(SERVER, subnet));
    let config = config.expect("a valid configuration");
    let make = || Server::new(config.clone(), Seed::new(1));
    let source = ([10, 77, 0, 10], 68).into();
    let transcript = laws::obey(
        make,
        &inputs(steps, source, (SERVER, 67).into(), Sent::encode),
    );
    let mut holders = std::collections::BTreeMap::new();
    for (_, output) in transcript.outputs {
        if let Output::Write {
            write: ServerRecord::Lease(write),
            ..
        } = output
        {
            let (addr, client) = (write.lease.addr, write.lease.client);
            let is_bound = write.state == LeaseState::Bound;
            let before = if is_bound {
                holders.insert(addr, client.clone())
            } else {
                holders.remove(&addr)
            };
            assert!(
                before.is_none_or(|before| before == client),
                "{addr} has two"
            );
        }
    }
});
