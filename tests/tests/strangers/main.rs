//! What strangers on the LAN may take of `quorate serve`: their share, and no more.
//!
//! Each case is a flood, a hoarder or a reader that does not read; and a client beside it that is
//! served as if they were not there.

mod arp;
mod client;
mod http;
mod load;
mod output;
mod privileges;
mod second;
mod tftp;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use quorate_needs::Need;
use quorate_tests::network::{Daemon, Lab, SERVER};
use quorate_tests::sandboxed::{self, Case};
use serde_json::{Value, json};

const CASES: &[Case] = &[
    Case {
        name: "a_hangup_ends_nothing",
        needs: &[],
        run: output::hangup,
    },
    Case {
        name: "an_output_that_nobody_reads_blocks_nothing",
        needs: &[],
        run: output::unread,
    },
    Case {
        name: "a_flood_that_is_refused_is_a_line_a_second",
        needs: &[],
        run: output::refused_flood,
    },
    Case {
        name: "transfers_that_nobody_acknowledges_take_no_memory",
        needs: &[],
        run: tftp::flood,
    },
    Case {
        name: "connections_that_ask_for_nothing_give_way",
        needs: &[],
        run: http::idle,
    },
    Case {
        name: "a_head_that_never_ends_is_cut_after_ten_seconds",
        needs: &[],
        run: http::slow_head,
    },
    Case {
        name: "nothing_outside_of_the_boot_files_is_served",
        needs: &[],
        run: http::elsewhere,
    },
    Case {
        name: "replies_that_wait_for_arp_stop_no_others",
        needs: &[],
        run: arp::blocked,
    },
    Case {
        name: "a_second_server_is_refused",
        needs: &[],
        run: second::server,
    },
    Case {
        name: "a_copy_of_a_mac_address_takes_no_seed",
        needs: &[],
        run: second::client,
    },
    Case {
        name: "an_open_state_directory_is_closed",
        needs: &[],
        run: second::state,
    },
    Case {
        name: "root_and_capabilities_are_given_up",
        needs: &[],
        run: privileges::given_up,
    },
    Case {
        name: "the_unit_gives_all_that_is_needed",
        needs: &[Need::Program("setpriv")],
        run: privileges::as_in_the_unit,
    },
    Case {
        name: "beside_each_flood_machines_are_served",
        needs: &[],
        run: load::short,
    },
    Case {
        name: "beside_each_flood_for_long",
        needs: &[Need::Switch("QUORATE_SLOW")],
        run: load::long,
    },
];

fn main() -> ExitCode {
    sandboxed::main(CASES)
}

/// All services on one subnet.
fn config(lab: &Lab) -> Value {
    json!({
        "state_dir": lab.state_dir(),
        "dhcp": {
            "interface": "eth0",
            "server_id": SERVER,
            "subnets": [{
                "net": "10.77.0.0/24",
                "pools": ["10.77.0.50-10.77.0.249"],
                "dns": [SERVER],
                "domain": "lab.test",
            }],
            "classes": [{ "name": "any", "hostname": "m-{mac}" }],
        },
        "dns": {
            "listen": [format!("{SERVER}:53")],
            "zones": [{ "name": "lab.test", "bootstrap": true, "primary_ns": "ns" }],
        },
        "seed": { "listen": format!("{SERVER}:80") },
        "boot": {
            "files": [boot_dir(lab.dir())],
            "tftp": format!("{SERVER}:69"),
            "script": { "kernel": "vmlinuz" },
        },
    })
}

/// What the daemon has of the machine's memory.
fn memory_mib(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid()));
    let status = status.expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = resident.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kib.expect("the kernel says how much") / 1_024
}

/// What so many of a hundred did not exceed.
fn percentile(took: &mut [Duration], percent: usize) -> Duration {
    took.sort_unstable();
    let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
    took.get(at).copied().unwrap_or_default()
}

/// Where a case puts its boot files.
fn boot_dir(dir: &Path) -> std::path::PathBuf {
    let boot = dir.join("boot");
    std::fs::create_dir_all(&boot).expect("the test's directory is writable");
    boot
}
