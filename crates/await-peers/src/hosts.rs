//! The lines of `/etc/hosts` that show etcd where its peers are while it bootstraps.
//!
//! They stand between two marks, so that they can be taken out again: a member that has
//! bootstrapped must see in the DNS when a peer moves.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// `text` with these addresses and no earlier ones; with none it is as it was before any.
pub fn pinned(text: &str, addresses: &BTreeMap<String, Ipv4Addr>) -> String {
    let mut inside = false;
    let mut pinned = String::new();
    for line in text.lines() {
        match line {
            BEGIN => inside = true,
            END => inside = false,
            _ if inside => {}
            _ => {
                pinned.push_str(line);
                pinned.push('\n');
            }
        }
    }
    if !addresses.is_empty() {
        pinned.push_str(BEGIN);
        pinned.push('\n');
        for (name, addr) in addresses {
            pinned.push_str(&format!("{addr} {name}\n"));
        }
        pinned.push_str(END);
        pinned.push('\n');
    }
    pinned
}

const BEGIN: &str = "# quorate: etcd's peers, until it has bootstrapped";
const END: &str = "# quorate: end of etcd's peers";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_come_and_go_and_leave_the_rest_alone() {
        let before = "127.0.0.1 localhost\n10.0.0.9 printer\n";
        let one = BTreeMap::from([("n1.lab".to_owned(), Ipv4Addr::new(10, 0, 0, 1))]);
        let two = BTreeMap::from([("n2.lab".to_owned(), Ipv4Addr::new(10, 0, 0, 2))]);
        let first = pinned(before, &one);
        assert!(first.starts_with(before) && first.contains("\n10.0.0.1 n1.lab\n"));
        let second = pinned(&first, &two);
        assert!(!second.contains("n1.lab") && second.contains("\n10.0.0.2 n2.lab\n"));
        assert_eq!(pinned(&second, &BTreeMap::new()), before);
    }
}
