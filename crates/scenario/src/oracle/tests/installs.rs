//! Machines with empty disks, and what was written before their power was cut.

use super::*;
use crate::hardware::Virtual;

/// A world in which three machines were installed, formed a cluster, lost power and came back.
fn installed() -> Whole {
    let mut whole = Whole::new();
    for machine in &mut whole.story.machines {
        machine.hardware.install = true;
    }
    whole.story.virtualize(Virtual::All);
    whole.story.expect.data_kept = true;
    for name in ["n1", "n2", "n3"] {
        let place = whole.place(name, &What::Did(Action::PowerOn));
        let links = [
            Link::Firmware,
            Link::Script,
            Link::Kernel,
            Link::Initrd,
            Link::Installer,
            Link::Installed,
            Link::Userspace,
        ];
        for link in links.into_iter().rev() {
            whole.see(place + 1, name, What::Booting { link });
        }
        for read in ["n1", "n2", "n3"] {
            whole.evidence.kept.push(Write {
                through: name.to_owned(),
                read: read.to_owned(),
                failed: None,
                is_lost: false,
            });
        }
    }
    for (number, name) in (1..).zip(["n1", "n2", "n3"]) {
        whole.see(whole.observations.len(), name, What::Did(Action::PowerOff));
        whole.boot(name, number);
        let link = Link::Userspace;
        whole.see(whole.observations.len(), name, What::Booting { link });
    }
    whole
}

impl Whole {
    /// Where the machine did this the first time.
    pub(super) fn place(&self, name: &str, what: &What) -> usize {
        let is_it =
            |seen: &Observation| seen.machine.as_deref() == Some(name) && seen.what == *what;
        self.observations.iter().position(is_it).unwrap()
    }

    pub(super) fn see(&mut self, place: usize, name: &str, what: What) {
        let observation = Observation {
            at: Instant::from_nanos(place as u64),
            machine: Some(name.to_owned()),
            what,
        };
        self.observations.insert(place, observation);
    }
}

#[test]
fn installed_machines_that_keep_what_they_have() {
    assert_eq!(installed().judge(), []);
}

#[test]
fn a_machine_that_was_not_installed_stands_where_it_stopped() {
    for (link, words) in [
        (Link::Script, "did not boot from the network"),
        (Link::Initrd, "did not load"),
        (Link::Installer, "which does not run"),
        (Link::Installed, "does not come to its end"),
        (Link::Userspace, "does not boot from its disk"),
    ] {
        let mut whole = installed();
        whole.rewrite("n2", |what| match what {
            What::Booting { link: reached } if *reached >= link => None,
            other => Some(other.clone()),
        });
        whole.finds(link, Some("n2"), words);
    }
}

#[test]
fn only_machines_with_empty_disks_must_be_installed() {
    let mut whole = installed();
    for machine in &mut whole.story.machines {
        machine.hardware.install = false;
    }
    whole.rewrite("n2", |what| match what {
        What::Booting { .. } => None,
        other => Some(other.clone()),
    });
    assert_eq!(whole.judge(), []);
}

#[test]
fn a_machine_that_asks_the_boot_server_again() {
    for link in [Link::Script, Link::Installer] {
        let mut whole = installed();
        whole.see(whole.observations.len(), "n3", What::Booting { link });
        whole.proves(link, Some("n3"), "booted from the network again");
    }
}

#[test]
fn a_machine_whose_installation_was_cut_short_is_installed_later() {
    let mut whole = installed();
    let place = whole.place(
        "n2",
        &What::Booting {
            link: Link::Installed,
        },
    );
    let links = [Link::Installer, Link::Initrd, Link::Kernel, Link::Script];
    for link in links {
        whole.see(place, "n2", What::Booting { link });
    }
    whole.see(place, "n2", What::Did(Action::PowerOn));
    whole.see(place, "n2", What::Did(Action::PowerOff));
    assert_eq!(whole.judge(), []);
}

#[test]
fn a_value_that_is_gone_or_was_never_looked_for() {
    let mut whole = installed();
    whole.evidence.kept[3].failed = Some("timeout".to_owned());
    let words = "written through n2 before is not there";
    whole.finds(Link::Writes, Some("n1"), words);
    whole.evidence.kept[4] = Write::looked_for(("n2", "n2"), ("key", "value"), Ok(()), || Ok(None));
    whole.proves(Link::Writes, Some("n2"), words);
    whole.story.expect.data_kept = false;
    assert_eq!(whole.judge(), []);
    let mut whole = installed();
    whole.evidence.kept.retain(|write| write.read != "n3");
    whole.finds(Link::Writes, Some("n3"), "nobody looked there");
    whole.evidence.kept.clear();
    whole.finds(Link::Writes, Some("n1"), "nobody looked there");
}
