//! `quorate await-peers`

use std::path::PathBuf;
use std::process::ExitCode;

use quorate_agent::{AwaitPeers, Awaited};
use quorate_await_peers::{Config, Verdict};
use quorate_etcd::PeerUrl;

use crate::cli::AwaitPeersArgs;
use crate::exit;

pub(crate) fn run(args: &AwaitPeersArgs) -> ExitCode {
    let own: PeerUrl = match args.initial_advertise_peer_urls.parse() {
        Ok(own) => own,
        Err(error) => {
            eprintln!("--initial-advertise-peer-urls: {error}");
            return exit::bad_input();
        }
    };
    let member = AwaitPeers {
        config: Config {
            own,
            domain: args.discovery_srv.clone(),
            srv_name: args.discovery_srv_name.clone(),
            servers: Vec::new(),
        },
        data_dir: args.data_dir.clone(),
        etc_dir: PathBuf::from("/etc"),
        environment_file: args.environment_file.clone(),
    };
    let waited = quorate_agent::await_peers(member, |reason| {
        eprintln!("await-peers: waiting {reason}");
    });
    match waited {
        Ok(Awaited::Rejoins) => {
            eprintln!("await-peers: etcd has its data and rejoins");
            ExitCode::SUCCESS
        }
        Ok(Awaited::Ended {
            verdict: Verdict::Ready(ready),
            not_pinned,
            not_set,
        }) => {
            if let Some(why) = not_pinned {
                eprintln!("await-peers: the peers' addresses are not in /etc/hosts: {why}");
            }
            if let Some(why) = not_set {
                eprintln!("await-peers: etcd's environment is as it was: {why}");
            }
            let (place, members) = (ready.place + 1, ready.members);
            eprintln!("await-peers: etcd may start as member {place} of {members}");
            ExitCode::SUCCESS
        }
        Ok(Awaited::Ended {
            verdict: Verdict::NotListed { owner, own },
            ..
        }) => {
            eprintln!("await-peers: {own} is not among the SRV records of {owner}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("await-peers: {error}");
            exit::cannot_run()
        }
    }
}
