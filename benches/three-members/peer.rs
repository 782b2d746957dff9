//! B: the same etcd three times on loopback, each given the others by `--initial-cluster`.
//!
//! No DHCP, no DNS, no namespaces: what etcd takes when it knows everything from the start.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::BenchError;

const MEMBERS: usize = 3;
/// As often as the harness asks its members.
const ASK_PERIOD: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends with its process.
struct Member {
    addr: String,
    process: Child,
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// From the first start until every member knows a leader and lists all voters.
pub(crate) fn run(etcd: &Path) -> Result<Duration, BenchError> {
    // In memory, as the disks of the harness's machines are.
    let shm = Path::new("/dev/shm");
    let temp = std::env::temp_dir();
    let dir = tempfile::tempdir_in(if shm.is_dir() { shm } else { &temp })?;
    let begun = Instant::now();
    let members: Vec<Member> = (0..MEMBERS)
        .map(|index| start(etcd, dir.path(), index))
        .collect::<Result<_, _>>()?;
    let mut open: Vec<&Member> = members.iter().collect();
    while !open.is_empty() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} static members never got ready", open.len()).into());
        }
        std::thread::sleep(ASK_PERIOD);
        open.retain(|member| !is_ready(&member.addr));
    }
    Ok(begun.elapsed())
}

fn start(etcd: &Path, dir: &Path, index: usize) -> Result<Member, BenchError> {
    let name = |index: usize| format!("n{}", index + 1);
    // Away from 127.0.0.1, where an etcd of the host may listen.
    let addr = |index: usize| format!("127.0.0.{}", 81 + index);
    let cluster: Vec<String> = (0..MEMBERS)
        .map(|index| format!("{}=http://{}:2380", name(index), addr(index)))
        .collect();
    let (name, addr) = (name(index), addr(index));
    let (peer, client) = (format!("http://{addr}:2380"), format!("http://{addr}:2379"));
    let process = Command::new(etcd)
        .args(["--name", &name])
        .args(["--initial-cluster", &cluster.join(",")])
        .args(["--initial-cluster-state", "new"])
        .args(["--initial-advertise-peer-urls", &peer])
        .args(["--listen-peer-urls", &peer])
        .args(["--advertise-client-urls", &client])
        .args(["--listen-client-urls", &client])
        .arg("--data-dir")
        .arg(dir.join(&name))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(Member { addr, process })
}

/// A leader, and a linearizable member list of three.
fn is_ready(addr: &str) -> bool {
    let leads = post(addr, "maintenance/status", &json!({})).is_some_and(|status| {
        status["leader"]
            .as_str()
            .is_some_and(|leader| leader != "0")
    });
    let list = || {
        post(
            addr,
            "cluster/member/list",
            &json!({ "linearizable": true }),
        )
    };
    let named = |list: Value| {
        let members = list["members"].as_array().map_or(&[][..], Vec::as_slice);
        let named = members.iter().filter(|member| member["name"].is_string());
        named.count() == MEMBERS
    };
    leads && list().is_some_and(named)
}

fn post(addr: &str, path: &str, body: &Value) -> Option<Value> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(2)))
        .proxy(None)
        .build();
    let agent: ureq::Agent = config.into();
    let url = format!("http://{addr}:2379/v3/{path}");
    let mut answer = agent.post(&url).send(body.to_string()).ok()?;
    serde_json::from_str(&answer.body_mut().read_to_string().ok()?).ok()
}
