//! A member's wait for its peers, as its unit starts it: `quorate await-peers`.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;

use quorate_agent::{AwaitPeers, Awaited};
use quorate_await_peers::{Config, Verdict};
use quorate_boot::etcd_unit::AWAIT_VERB;

use crate::exit::{BAD_INPUT, CANNOT_RUN};

/// Waits for the peers that the arguments of the unit name.
pub(super) fn main<T: From<u8>>(arguments: impl Iterator<Item = OsString>) -> T {
    match member(arguments) {
        Ok(member) => T::from(await_peers(member)),
        Err(why) => {
            log(&why);
            T::from(BAD_INPUT)
        }
    }
}

/// The member that these flags describe, each with its value.
fn member(mut arguments: impl Iterator<Item = OsString>) -> Result<AwaitPeers, String> {
    let (mut domain, mut srv_name, mut own, mut data_dir, mut environment_file) =
        (None, None, None, None, None);
    while let Some(flag) = arguments.next() {
        let flag = flag.to_string_lossy().into_owned();
        let value = arguments
            .next()
            .ok_or_else(|| format!("{flag} has no value"))?;
        let slot = match flag.as_str() {
            "--discovery-srv" => &mut domain,
            "--discovery-srv-name" => &mut srv_name,
            "--initial-advertise-peer-urls" => &mut own,
            "--data-dir" => &mut data_dir,
            "--environment-file" => &mut environment_file,
            _ => return Err(format!("a unit does not write {flag}")),
        };
        *slot = Some(value);
    }
    let text = |value: OsString| value.to_string_lossy().into_owned();
    let missing = |flag: &str| format!("{flag} is missing");
    let own = own.ok_or_else(|| missing("--initial-advertise-peer-urls"))?;
    let own = text(own).parse();
    Ok(AwaitPeers {
        config: Config {
            own: own.map_err(|error| format!("--initial-advertise-peer-urls: {error}"))?,
            domain: text(domain.ok_or_else(|| missing("--discovery-srv"))?),
            srv_name: srv_name.map(text),
            servers: Vec::new(),
        },
        data_dir: data_dir.ok_or_else(|| missing("--data-dir"))?.into(),
        etc_dir: PathBuf::from(ETC),
        environment_file: environment_file.map(PathBuf::from),
    })
}

/// Waits until the member may start, and logs on standard error what it waits for. Answers the exit
/// code: 0 start etcd, 1 the set is whole and does not list this member, 3 there is no socket.
pub fn await_peers(member: AwaitPeers) -> u8 {
    let awaited = quorate_agent::await_peers(member, |reason| log(&format!("waiting {reason}")));
    match awaited {
        Ok(Awaited::Rejoins) => {
            log("etcd has its data and rejoins");
            0
        }
        Ok(Awaited::Ended {
            verdict: Verdict::Ready(ready),
            not_pinned,
            not_set,
        }) => {
            if let Some(why) = not_pinned {
                log(&format!(
                    "the peers' addresses are not in /etc/hosts: {why}"
                ));
            }
            if let Some(why) = not_set {
                log(&format!("etcd's environment is as it was: {why}"));
            }
            let (place, members) = (ready.place + 1, ready.members);
            log(&format!("etcd may start as member {place} of {members}"));
            0
        }
        Ok(Awaited::Ended {
            verdict: Verdict::NotListed { owner, own },
            ..
        }) => {
            log(&format!("{own} is not among the SRV records of {owner}"));
            1
        }
        Err(error) => {
            log(&error.to_string());
            CANNOT_RUN
        }
    }
}

fn log(text: &str) {
    // The unit's log may be gone; the member waits on.
    let _ = writeln!(io::stderr(), "{AWAIT_VERB}: {text}");
}

const ETC: &str = "/etc";

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str]) -> impl Iterator<Item = OsString> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        words.into_iter()
    }

    #[test]
    fn a_units_flags_describe_the_member() {
        let member = member(flags(&[
            "--discovery-srv",
            "lab.test",
            "--initial-advertise-peer-urls",
            "http://n1.lab.test:2380",
            "--data-dir",
            "/var/lib/etcd",
            "--environment-file",
            "/run/etcd.env",
        ]))
        .expect("the flags are those of a unit");
        assert_eq!(member.config.domain, "lab.test");
        assert_eq!(member.config.srv_name, None);
        assert_eq!(member.data_dir, PathBuf::from("/var/lib/etcd"));
        assert_eq!(member.environment_file, Some("/run/etcd.env".into()));
    }

    #[test]
    fn a_flag_that_no_unit_writes_is_refused() {
        let why = |words: &[&str]| member(flags(words)).expect_err("it is refused");
        assert_eq!(why(&["--help"]), "--help has no value");
        assert_eq!(why(&["--all", "yes"]), "a unit does not write --all");
        assert!(why(&["--discovery-srv", "lab.test"]).contains("is missing"));
    }
}
