//! A DHCP client and a DHCP server on one switch: every message is a real frame on virtual time.
//!
//! The engines say where a message shall go; this driver makes it Ethernet, IPv4 and UDP and
//! reads it back at the other port, so that a reply framed straight to a machine without an
//! address (RFC 2131 §4.1) is seen to arrive where it should. The transcript is what a
//! capture at the senders would show; `✗` says what happened to a frame that did not arrive.

mod lan;

use std::time::Duration;

use quorate_core::Seed;
use quorate_dhcp::client::Command;
use quorate_fabric::{Chance, Faults};

use lan::{Lan, Side};

#[test]
fn a_lease_lives_renews_rebinds_and_ends() {
    let mut lan = Lan::new(Seed::new(1));
    lan.command(Command::Start { previous: None });
    // T1 at 200 finds the server there; from 300 to 540 it is cut off, so that T1 at 400 passes
    // in vain and T2 at 550 asks everybody.
    lan.run_until(300);
    lan.cut();
    lan.run_until(540);
    lan.switch.clear_rules();
    lan.run_until(700);
    // And now it stays away until the lease is over.
    lan.cut();
    lan.run_until(960);
    lan.switch.clear_rules();
    lan.run_until(1000);
    insta::assert_snapshot!(lan.transcript, @r"
  0.000 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 DISCOVER
  0.001 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      OFFER    yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
  0.002 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 REQUEST  50=10.77.0.10 54=10.77.0.1
  0.008 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
  0.009   uses 10.77.0.10/24
200.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10
200.008 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      ciaddr=10.77.0.10 yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
200.009   keeps 10.77.0.10
400.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10 ✗ cut off
475.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10 ✗ cut off
535.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10 ✗ cut off
550.002 00:01 → ff:ff 10.77.0.10:68 → 255.255.255.255:67 REQUEST  ciaddr=10.77.0.10
550.008 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      ciaddr=10.77.0.10 yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
550.009   keeps 10.77.0.10
750.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10 ✗ cut off
825.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10 ✗ cut off
885.002 00:01 → 00:fe 10.77.0.10:68 → 10.77.0.1:67       REQUEST  ciaddr=10.77.0.10 ✗ cut off
900.002 00:01 → ff:ff 10.77.0.10:68 → 255.255.255.255:67 REQUEST  ciaddr=10.77.0.10 ✗ cut off
950.002   loses its address: lease expired
950.002 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 DISCOVER ✗ cut off
954.908 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 DISCOVER ✗ cut off
963.599 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 DISCOVER
963.600 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      OFFER    yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
963.601 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 REQUEST  50=10.77.0.10 54=10.77.0.1
963.607 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
963.608   uses 10.77.0.10/24
");
}

#[test]
fn a_lossy_link_only_delays_the_lease() {
    let mut lan = Lan::new(Seed::new(LOSSY_SEED));
    lan.set_faults(LOSSY);
    lan.command(Command::Start { previous: None });
    lan.run_until(20);
    insta::assert_snapshot!(lan.transcript, @r"
 0.000 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 DISCOVER ✗ one bit flips
 0.001   Server takes no damaged frame
 4.685 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 DISCOVER
 4.686 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      OFFER    yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
 4.687 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 REQUEST  50=10.77.0.10 54=10.77.0.1
 4.693 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350 ✗ lost
 9.447 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 REQUEST  50=10.77.0.10 54=10.77.0.1 ✗ lost
16.938 00:01 → ff:ff 0.0.0.0:68    → 255.255.255.255:67 REQUEST  50=10.77.0.10 54=10.77.0.1
16.944 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
16.944 00:fe → 00:01 10.77.0.1:67  → 10.77.0.10:68      ACK      yiaddr=10.77.0.10 54=10.77.0.1 51=400 58=200 59=350
16.945   uses 10.77.0.10/24
16.945   ignores a reply: of another transaction
");
}

#[test]
fn whatever_the_link_loses_there_is_one_lease_in_the_end() {
    for seed in 0..200 {
        let mut lan = Lan::new(Seed::new(seed));
        lan.set_faults(LOSSY);
        lan.command(Command::Start { previous: None });
        lan.run_until(100);
        lan.set_faults(Faults::default());
        lan.run_until(190);
        let held: Vec<_> = lan.server.leases().map(|lease| lease.addr).collect();
        let used = lan.addr(Side::Client);
        let wire = &lan.transcript;
        assert_eq!(held, Vec::from_iter(used), "seed {seed}:\n{wire}");
        assert!(used.is_some(), "seed {seed}: no lease:\n{wire}");
    }
}

/// Its story has a damaged DISCOVER, a lost ACK, a lost REQUEST and a doubled ACK.
const LOSSY_SEED: u64 = 156;
const LOSSY: Faults = Faults {
    delay: Duration::ZERO,
    jitter: Duration::ZERO,
    loss: Chance::from_ppm(400_000),
    duplicate: Chance::from_ppm(100_000),
    reorder: Chance::NEVER,
    corrupt: Chance::from_ppm(150_000),
    rate_bits_per_sec: None,
};
