//! The systemd unit that runs etcd with `--discovery-srv`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::{Facts, QuoteError, quote};

/// What the etcd unit of a machine says. The defaults run a plain-http member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EtcdUnit {
    /// The absolute path of the etcd program.
    pub binary: String,
    /// The domain under which the SRV records of the peers stand. One of this,
    /// `initial_cluster` and `discovery_url` is given.
    pub discovery_srv: String,
    /// Looks up `_etcd-server-NAME._tcp` instead of `_etcd-server._tcp`.
    pub discovery_srv_name: Option<String>,
    /// Every member as `name=peer URL`: the set is known before anything has power.
    pub initial_cluster: Vec<String>,
    /// The cluster's directory at etcd's discovery service, `http://…/v2/keys/discovery/TOKEN`.
    /// The URL replaces the token.
    pub discovery_url: Option<String>,
    /// Goes into the cluster ID: two clusters of one domain need two tokens.
    pub token: String,
    pub peer_scheme: PeerScheme,
    pub client_port: u16,
    pub peer_port: u16,
    pub data_dir: String,
    /// etcd's own default (100) when absent.
    pub heartbeat_ms: Option<u32>,
    /// etcd's own default (1000) when absent.
    pub election_ms: Option<u32>,
    /// Words appended to the command line.
    pub extra_args: Vec<String>,
    /// The pause before etcd is started again. etcd looks its peers up once and exits when that
    /// fails, so this is the period at which a machine asks whether the records are there.
    pub restart_ms: u64,
    /// The absolute path of a quorate program on the machine. When given, etcd is started only
    /// after `quorate await-peers`: when the whole set is there, every peer resolves, and it is
    /// this machine's turn. A machine without that program starts etcd all the same.
    #[serde(rename = "await")]
    pub await_peers: Option<String>,
}

impl Default for EtcdUnit {
    fn default() -> Self {
        Self {
            binary: "/usr/bin/etcd".into(),
            discovery_srv: String::new(),
            discovery_srv_name: None,
            initial_cluster: Vec::new(),
            discovery_url: None,
            token: "etcd-cluster".into(),
            peer_scheme: PeerScheme::Http,
            client_port: 2379,
            peer_port: 2380,
            data_dir: "/var/lib/etcd".into(),
            heartbeat_ms: None,
            election_ms: None,
            extra_args: Vec::new(),
            restart_ms: 100,
            await_peers: None,
        }
    }
}

/// How members talk to each other, which also decides under which SRV name they are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PeerScheme {
    #[default]
    Http,
    /// With certificates that each member makes for itself (`--peer-auto-tls`). etcd 3.4 finds
    /// its peers by no other method: it ignores `_etcd-server._tcp` (etcd issue 11321).
    Https,
}

impl PeerScheme {
    /// The scheme of a peer URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// No unit can be written from these settings and facts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// etcd calls the peers that it discovers "0", "1", …, so such a name collides at random.
    #[error(
        "etcd cannot be named {name:?}: names that are only digits collide with the names etcd \
         gives to the peers it discovers; write a name with a letter, as in \"n{name}\""
    )]
    NumericName { name: String },
    #[error("the machine has no hostname to name its etcd member by")]
    NoName,
    #[error(
        "etcd cannot find its peers: write the domain that holds the SRV records \
         (discovery_srv), or initial_cluster, or discovery_url"
    )]
    NoPeers,
    /// etcd itself refuses more than one.
    #[error("discovery_srv, initial_cluster and discovery_url exclude each other: write one")]
    SeveralMethods,
    /// systemd accepts neither quotes nor variables in the path of the program.
    #[error(
        "etcd's program {binary:?} must be an absolute path of letters, digits and any of -_./:=,@+"
    )]
    Binary { binary: String },
    #[error("{word:?}: {source}")]
    Word {
        word: String,
        #[source]
        source: QuoteError,
    },
}

/// Where the unit is installed on the machine.
pub const UNIT_PATH: &str = "/etc/systemd/system/etcd.service";

/// The verb of `quorate` that waits for a member's peers.
pub const AWAIT_VERB: &str = "await-peers";

/// Where that verb leaves what etcd's environment is to have for this start.
const ENVIRONMENT_PATH: &str = "/run/etcd.env";
/// etcd ends when a variable and a flag say the same thing.
const ADVANCE_FLAG: &str = "--initial-election-tick-advance";

/// etcd holds one descriptor for each client connection and WAL segment; Debian's unit asks for
/// this many.
const OPEN_FILES_MAX: u32 = 65_536;

impl EtcdUnit {
    /// The program and its arguments on the machine that `facts` describe.
    pub fn argv(&self, facts: &Facts) -> Result<Vec<String>, UnitError> {
        let name = facts.hostname.as_str();
        if name.is_empty() {
            return Err(UnitError::NoName);
        }
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(UnitError::NumericName { name: name.into() });
        }
        let discovery = self.discovery_flags()?;
        let (host, scheme) = (facts.fqdn(), self.peer_scheme.as_str());
        let (client_port, peer_port) = (self.client_port, self.peer_port);

        let mut argv = vec![self.binary.clone()];
        let mut flag = |flag: &str, value: String| argv.extend([flag.to_owned(), value]);
        flag("--name", name.into());
        for (name, value) in discovery {
            flag(name, value);
        }
        flag(
            "--initial-advertise-peer-urls",
            format!("{scheme}://{host}:{peer_port}"),
        );
        flag("--initial-cluster-token", self.token.clone());
        flag("--initial-cluster-state", "new".into());
        flag(
            "--advertise-client-urls",
            format!("http://{host}:{client_port}"),
        );
        flag(
            "--listen-client-urls",
            format!("http://0.0.0.0:{client_port}"),
        );
        flag(
            "--listen-peer-urls",
            format!("{scheme}://0.0.0.0:{peer_port}"),
        );
        flag("--data-dir", self.data_dir.clone());
        if let Some(ms) = self.heartbeat_ms {
            flag("--heartbeat-interval", ms.to_string());
        }
        if let Some(ms) = self.election_ms {
            flag("--election-timeout", ms.to_string());
        }
        if self.peer_scheme == PeerScheme::Https {
            argv.push("--peer-auto-tls".into());
        }
        argv.extend(self.extra_args.iter().cloned());
        Ok(argv)
    }

    /// What runs before etcd: the wait for its peers, with the flags of etcd itself.
    fn await_argv(&self, facts: &Facts) -> Option<Vec<String>> {
        // A member that gets its peers otherwise has nothing to look up.
        let by_srv = !self.discovery_srv.is_empty();
        let program = self.await_peers.clone().filter(|_| by_srv)?;
        let scheme = self.peer_scheme.as_str();
        let own = format!("{scheme}://{}:{}", facts.fqdn(), self.peer_port);
        let mut argv = vec![program, AWAIT_VERB.into()];
        let mut flag = |flag: &str, value: String| argv.extend([flag.to_owned(), value]);
        flag("--discovery-srv", self.discovery_srv.clone());
        if let Some(name) = &self.discovery_srv_name {
            flag("--discovery-srv-name", name.clone());
        }
        flag("--initial-advertise-peer-urls", own);
        flag("--data-dir", self.data_dir.clone());
        if self.has_environment_file() {
            flag("--environment-file", ENVIRONMENT_PATH.into());
        }
        Some(argv)
    }

    fn has_environment_file(&self) -> bool {
        let says = |word: &String| word.starts_with(ADVANCE_FLAG);
        !self.extra_args.iter().any(says)
    }

    /// The flags of the discovery method.
    fn discovery_flags(&self) -> Result<Vec<(&'static str, String)>, UnitError> {
        let domain = Some(&self.discovery_srv).filter(|domain| !domain.is_empty());
        let set = Some(&self.initial_cluster).filter(|set| !set.is_empty());
        match (domain, set, &self.discovery_url) {
            (Some(domain), None, None) => {
                let mut flags = vec![("--discovery-srv", domain.clone())];
                let name = self.discovery_srv_name.iter().cloned();
                flags.extend(name.map(|name| ("--discovery-srv-name", name)));
                Ok(flags)
            }
            (None, Some(set), None) => Ok(vec![("--initial-cluster", set.join(","))]),
            (None, None, Some(url)) => Ok(vec![
                ("--discovery", url.clone()),
                // By default a machine too many becomes a proxy, which answers a health check
                // like a member.
                ("--discovery-fallback", "exit".into()),
            ]),
            (None, None, None) => Err(UnitError::NoPeers),
            (_, _, _) => Err(UnitError::SeveralMethods),
        }
    }

    /// The text of `etcd.service` on the machine that `facts` describe.
    ///
    /// `Type=exec`, although etcd can notify: it reports readiness only once it belongs to a
    /// quorum, and under `Type=notify` systemd kills a member that waits for its peers longer
    /// than the start timeout, which is what the first machines of a rack must do.
    pub fn render(&self, facts: &Facts) -> Result<String, UnitError> {
        let argv = self.argv(facts)?;
        let (main, restart_ms) = (exec_start(&argv)?, self.restart_ms);
        let before = match self.await_argv(facts) {
            Some(argv) => {
                let pre = exec_start(&argv)?;
                // The dash: what happens to this step is never worse than not having it. It
                // ends by itself, and may have to wait for the slowest machine of the rack.
                let file = match self.has_environment_file() {
                    true => format!("EnvironmentFile=-{ENVIRONMENT_PATH}\n"),
                    false => String::new(),
                };
                format!("{file}ExecStartPre=-{pre}\nTimeoutStartSec=infinity\n")
            }
            None => String::new(),
        };
        Ok(format!(
            "[Unit]\n\
             Description=etcd key-value store\n\
             Documentation=https://etcd.io/docs/\n\
             After=network-online.target\n\
             Wants=network-online.target\n\
             StartLimitIntervalSec=0\n\
             \n\
             [Service]\n\
             Type=exec\n\
             {before}\
             ExecStart={main}\n\
             Restart=always\n\
             RestartSec={restart_ms}ms\n\
             LimitNOFILE={OPEN_FILES_MAX}\n\
             \n\
             [Install]\n\
             WantedBy=multi-user.target\n"
        ))
    }
}

/// The value of `ExecStart=`: the program, then each word that begins with a dash on a line of
/// its own.
///
/// Every line after the first begins with a dash: a continuation line that began with `#` or `;`
/// would be taken for a comment.
pub fn exec_start(argv: &[String]) -> Result<String, UnitError> {
    let (binary, args) = argv.split_first().ok_or_else(|| UnitError::Binary {
        binary: String::new(),
    })?;
    let mut line = program(binary)?.to_owned();
    for word in args {
        let quoted = quote(word).map_err(|source| UnitError::Word {
            word: word.clone(),
            source,
        })?;
        let gap = if quoted.starts_with('-') {
            " \\\n  "
        } else {
            " "
        };
        write!(line, "{gap}{quoted}").expect("text grows without fail");
    }
    Ok(line)
}

/// The first word is the path of a program: systemd strips prefixes such as `-` and `@` from it
/// and expands no `$$` in it, so only paths that need no quoting are written.
fn program(binary: &str) -> Result<&str, UnitError> {
    let plain = quote(binary).is_ok_and(|quoted| quoted == binary);
    if plain && binary.starts_with('/') && !binary.ends_with('/') {
        Ok(binary)
    } else {
        Err(UnitError::Binary {
            binary: binary.into(),
        })
    }
}

#[cfg(test)]
mod tests;
