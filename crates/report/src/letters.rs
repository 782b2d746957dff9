//! The letter and the colour of each link on a terminal.

use quorate_scenario::Link;

pub(crate) const fn letter(link: Link) -> char {
    match link {
        Link::Power => 'p',
        Link::Firmware => 'f',
        Link::Script => 'x',
        Link::Kernel => 'k',
        Link::Initrd => 'i',
        Link::Installer => 'l',
        Link::Installed => 'o',
        Link::Userspace => 'u',
        Link::Discover => 'd',
        Link::Ack => 'a',
        Link::Name => 'n',
        Link::Seed => 's',
        Link::Srv => 'r',
        Link::Etcd => 'e',
        Link::ClusterId => 'c',
        Link::Voter => 'v',
        Link::Quorum => 'q',
        Link::Writes => 'w',
    }
}

/// The SGR code of a link's colour; neighbours differ.
pub(crate) const fn colour(link: Link) -> &'static str {
    match link {
        Link::Power | Link::Quorum | Link::Writes => DIM,
        Link::Firmware => "37",
        Link::Script => "96",
        Link::Kernel => "31",
        Link::Initrd => "91",
        Link::Installer => "34",
        Link::Installed => "33",
        Link::Userspace => "92",
        Link::Discover => "35",
        Link::Ack => "34",
        Link::Name => "36",
        Link::Seed => "33",
        Link::Srv => "94",
        Link::Etcd => "95",
        Link::ClusterId => "93",
        Link::Voter => "32",
    }
}

pub(crate) const DIM: &str = "2";
pub(crate) const RED: &str = "31";
