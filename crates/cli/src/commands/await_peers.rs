//! `quorate await-peers`

use std::path::PathBuf;

use quorate_agent::AwaitPeers;
use quorate_await_peers::Config;

use crate::args::AwaitPeersArgs;
use crate::error::CliError;

pub(crate) fn run(args: &AwaitPeersArgs) -> Result<u8, CliError> {
    let own = args.initial_advertise_peer_urls.parse();
    let member = AwaitPeers {
        config: Config {
            own: own.map_err(|error| CliError::Option {
                option: "--initial-advertise-peer-urls",
                why: format!("{error}"),
            })?,
            domain: args.discovery_srv.clone(),
            srv_name: args.discovery_srv_name.clone(),
            servers: Vec::new(),
        },
        data_dir: args.data_dir.clone(),
        etc_dir: PathBuf::from("/etc"),
        environment_file: args.environment_file.clone(),
    };
    Ok(quorate::runner::await_peers(member))
}
