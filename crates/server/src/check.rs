//! What a configuration would not do, although each of its sections makes sense alone.
//!
//! A value that two sections share is compared, and both places are named. What can never work is
//! an error; what works, but hardly as it was meant, is a warning. Nothing here opens a file:
//! [`Place`]s name keys, and who has read the file knows where they are.

mod addresses;
mod boot;
mod classes;
mod etcd;
mod finding;
mod links;
mod listeners;
mod locate;
mod members;
mod names;
mod sections;
mod seeds;
mod summary;
mod unit;
mod view;
mod zones;

pub use boot::{boot_files, loaders};
pub use finding::{Finding, Place, Severity};
pub use summary::{Served, summary};

use crate::config::Config;
use view::View;

/// Everything that is wrong with `config`, or unwise; errors first.
pub fn check(config: &Config) -> Vec<Finding> {
    let view = View::new(config);
    let mut findings = Vec::new();
    sections::check(&view, &mut findings);
    classes::check(&view, &mut findings);
    members::check(&view, &mut findings);
    etcd::check(&view, &mut findings);
    unit::check(&view, &mut findings);
    names::check(&view, &mut findings);
    zones::check(&view, &mut findings);
    addresses::check(&view, &mut findings);
    listeners::check(&view, &mut findings);
    links::check(&view, &mut findings);
    seeds::check(&view, &mut findings);
    boot::check(&view, &mut findings);
    findings.sort_by_key(|finding| finding.severity);
    findings
}

/// True when `[ddns]` sends its UPDATEs to the `[dns]` of the same file.
pub fn updates_come_here(config: &Config) -> bool {
    View::new(config).updates_come_here()
}

#[cfg(test)]
mod tests;
