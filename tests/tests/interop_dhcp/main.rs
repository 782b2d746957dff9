//! Foreign DHCP clients against `quorate serve`: `udhcpc` of BusyBox and ISC's `dhclient`, each
//! on a machine of its own, from DISCOVER to a name in the DNS, and back.

mod bench;
mod dhclient;
mod udhcpc;

use std::path::Path;
use std::process::ExitCode;

use quorate_needs::Need;
use quorate_tests::sandboxed::{self, Case};

const UDHCPC: &[Need] = &[Need::Program("udhcpc"), BUSYBOX, DIG];
const DHCLIENT: &[Need] = &[Need::Program("dhclient"), BUSYBOX, DIG];
/// For the scripts of both: it is one program for all systems.
const BUSYBOX: Need = Need::Program("busybox");
const DIG: Need = Need::Program("dig");

const CASES: [Case; 6] = [
    case("udhcpc_obtains_renews_and_releases", UDHCPC, udhcpc::life),
    case("udhcpc_names_itself_by_option_81", UDHCPC, udhcpc::fqdn),
    case(
        "a_name_stays_with_whom_had_it_first",
        UDHCPC,
        udhcpc::conflict,
    ),
    case(
        "dhclient_obtains_renews_and_releases",
        DHCLIENT,
        dhclient::life,
    ),
    case(
        "dhclient_comes_back_to_its_lease",
        DHCLIENT,
        dhclient::reboot,
    ),
    case(
        "dhclient_from_elsewhere_is_sent_back",
        DHCLIENT,
        dhclient::moved,
    ),
];

const fn case(name: &'static str, needs: &'static [Need], run: fn(&Path)) -> Case {
    Case { name, needs, run }
}

fn main() -> ExitCode {
    sandboxed::main(&CASES)
}
