//! The container image that `packaging/image` built, named by `$QUORATE_IMAGE`: run as its page of
//! the documentation says, on a network of the engine's, where its clients are containers too.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quorate_elf::Program;
use quorate_needs::{Need, probe::program};
use quorate_tests::checks::{foreign, succeed};
use quorate_tests::network::eventually;
use quorate_tests::read;
use quorate_tests::stories::text;
use tempfile::TempDir;

use crate::unit::EXAMPLE;

pub(crate) const NEEDS: &[Need] = &[
    Need::Switch("QUORATE_IMAGE"),
    Need::Program("docker"),
    Need::Program("busybox"),
    Need::Program("dig"),
    Need::Program("nsupdate"),
];

pub(crate) fn says_its_version() {
    let said = docker(&["run", "--rm", &image(), "--version"]);
    let expected = concat!("quorate ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(text(&said.stdout), expected);
}

/// A lease, its name, an UPDATE; a stop, which is clean; and all of it is there afterwards.
pub(crate) fn serves() {
    let deployment = Deployment::new();
    let server = deployment.serve();
    assert_eq!(capabilities(&server), "0000000000002400");

    let leased = deployment.client(&["--cap-add=NET_ADMIN"], DHCP);
    let addr = leased.trim();
    assert!(addr.starts_with("10.20.0.1"), "{leased:?}");
    eventually("the name of the new machine", || {
        (deployment.address_of("dora") == addr).then_some(())
    });
    let script = "server 10.20.0.2\nupdate add lamp.closet.example 60 A 10.20.0.9\nsend\n";
    deployment.write("update", script);
    deployment.client(
        &[],
        &[
            "nsupdate",
            "-t",
            "5",
            "-k",
            "/etc/quorate/nsupdate.key",
            "/etc/quorate/update",
        ],
    );
    assert_eq!(deployment.address_of("lamp"), "10.20.0.9");

    docker(&["stop", "--time=30", &server]);
    let status = docker(&["inspect", "--format={{.State.ExitCode}}", &server]);
    assert_eq!(text(&status.stdout), "0\n", "{}", log(&server));
    docker(&["rm", &server]);
    deployment.serve();
    assert_eq!(deployment.address_of("dora"), addr);
    assert_eq!(deployment.address_of("lamp"), "10.20.0.9");
}

/// A network, the server's files, and an image of clients. Nothing stays of them.
struct Deployment {
    name: String,
    dir: TempDir,
}

impl Deployment {
    fn new() -> Self {
        let deployment = Self {
            name: format!("quorate-packaging-{}", std::process::id()),
            dir: tempfile::tempdir().expect("a directory for temporary files"),
        };
        // The server is root without the power to read everybody's files.
        fs::set_permissions(deployment.dir.path(), fs::Permissions::from_mode(0o755))
            .expect("the directory is ours");
        let example = read(EXAMPLE);
        assert!(example.contains(DNS), "{example}");
        deployment.write(
            "quorate.toml",
            &example.replace(DNS, &[DNS, SIGNED].concat()),
        );
        deployment.write("nsupdate.key", KEY);
        deployment.build_clients();
        // An internal one drops what has no address of its subnet, as every DISCOVER.
        let subnet = ["--subnet=10.20.0.0/24", "--gateway=10.20.0.1"];
        let elsewhere = "--ip-range=10.20.0.32/28";
        docker(
            &[
                &["network", "create", elsewhere],
                &subnet[..],
                &[&deployment.name],
            ]
            .concat(),
        );
        docker(&["volume", "create", &deployment.name]);
        deployment
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).expect("the directory is ours");
    }

    /// What clients need of this host, and nothing else.
    fn build_clients(&self) {
        let context = self.dir.path().join("clients");
        let root = context.join("root");
        let path = |name| program(name).expect("the need was declared");
        for name in ["busybox", "dig", "nsupdate"] {
            let program = Program::read(&path(name)).expect("it is a program");
            copy(&program.path, &root.join("bin").join(name));
            for companion in program.companions() {
                let inside = companion
                    .strip_prefix("/")
                    .expect("companions have whole paths");
                copy(&companion, &root.join(inside));
            }
        }
        symlink("busybox", root.join("bin/sh")).expect("the directory is ours");
        let on_event = root.join("on-event");
        fs::write(
            &on_event,
            "#!/bin/sh\ntest \"$1\" != bound || echo \"$ip\"\n",
        )
        .and_then(|()| fs::set_permissions(&on_event, fs::Permissions::from_mode(0o755)))
        .expect("the directory is ours");
        fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY root /\n")
            .expect("the directory is ours");
        docker(&["build", "--tag", &self.name, &context.display().to_string()]);
    }

    /// Starts the server; the answer is its container, when all of its services answer.
    fn serve(&self) -> String {
        let network = format!("--network={}", self.name);
        let config = format!("--volume={}:/etc/quorate:ro", self.dir.path().display());
        let state = format!("--volume={}:/var/lib/quorate", self.name);
        let image = image();
        let mut words = vec!["run", "--detach", &network, "--ip=10.20.0.2"];
        words.extend([
            "--read-only",
            "--cap-drop=all",
            "--cap-add=NET_BIND_SERVICE",
        ]);
        words.extend(["--cap-add=NET_RAW", &config, &state, &image]);
        let id = text(&docker(&words).stdout).trim().to_owned();
        eventually("the server", || {
            let running = docker(&["inspect", "--format={{.State.Running}}", &id]);
            assert_eq!(text(&running.stdout), "true\n", "{}", log(&id));
            log(&id).starts_with("ready, ").then_some(())
        });
        id
    }

    /// Runs a client to its end; the answer is what it printed.
    fn client(&self, options: &[&str], words: &[&str]) -> String {
        let network = format!("--network={}", self.name);
        let files = format!("--volume={}:/etc/quorate:ro", self.dir.path().display());
        let fixed = ["run", "--rm", &network, &files, "--env=PATH=/bin"];
        text(&docker(&[&fixed[..], options, &[&self.name], words].concat()).stdout)
    }

    fn address_of(&self, host: &str) -> String {
        let name = format!("{host}.closet.example");
        let said = self.client(&[], &["dig", "@10.20.0.2", "+short", &name, "A"]);
        said.trim().to_owned()
    }
}

impl Drop for Deployment {
    #[expect(clippy::print_stderr, reason = "the harness shows it with the panic")]
    fn drop(&mut self) {
        let network = format!("--filter=network={}", self.name);
        let left = foreign("docker")
            .args(["ps", "--all", "--quiet", &network])
            .output();
        let left = left.map(|output| text(&output.stdout)).unwrap_or_default();
        for id in left.lines() {
            if std::thread::panicking() {
                eprintln!("{id} said: {}", log(id));
            }
            remove(&["rm", "--force", "--volumes", id]);
        }
        for kind in ["network", "volume", "image"] {
            remove(&[kind, "rm", &self.name]);
        }
    }
}

/// The image that was built.
fn image() -> String {
    std::env::var("QUORATE_IMAGE").expect("the need is met")
}

fn docker(words: &[&str]) -> Output {
    succeed(foreign("docker").args(words))
}

/// What may never have been made.
fn remove(words: &[&str]) {
    let mut command: Command = foreign("docker");
    let _ = command.args(words).output();
}

/// What a container has said on both streams.
fn log(id: &str) -> String {
    let said = docker(&["logs", id]);
    text(&[said.stdout, said.stderr].concat())
}

/// What the first process of a container may do, as the kernel shows it.
fn capabilities(id: &str) -> String {
    let pid = text(&docker(&["inspect", "--format={{.State.Pid}}", id]).stdout);
    let status = fs::read_to_string(Path::new("/proc").join(pid.trim()).join("status"));
    let status = status.expect("it runs, on this host");
    let set = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:\t"));
    set.expect("every process has them").to_owned()
}

fn copy(from: &PathBuf, to: &Path) {
    let parent = to.parent().expect("it lies in the root");
    let copied = fs::create_dir_all(parent).and_then(|()| fs::copy(from, to));
    copied.unwrap_or_else(|error| panic!("{}: {error}", from.display()));
}

/// A client that takes a lease and says which.
const DHCP: &[&str] = &[
    "busybox",
    "udhcpc",
    "-f",
    "-q",
    "-n",
    "-i",
    "eth0",
    "-x",
    "hostname:dora",
    "-s",
    "/on-event",
];
const DNS: &str = "listen = [\"10.20.0.2:53\"]\n";
/// Who may change the zone besides the server itself.
const SIGNED: &str = r#"key_files = ["/etc/quorate/nsupdate.key"]
update = [{ key = "nsupdate", names = { subdomain = "closet.example" }, types = ["A"] }]
"#;
const KEY: &str = "key \"nsupdate\" {\n\talgorithm hmac-sha256;\n\
    \tsecret \"bm90IGEgc2VjcmV0LCBqdXN0IDMyIG9jdGV0cyAuLi4=\";\n};\n";
