//! With a whole nixpkgs: everything is evaluated, nothing is built. No network: what would be
//! fetched is a failure.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use quorate_tests::checks::{foreign, succeed};
use quorate_tests::root;
use serde_json::Value;

/// All outputs, as `nix flake check` sees them: NixOS configurations, tests, images.
pub(crate) fn flake_check() {
    let nix = Nix::new();
    succeed(&mut nix.on_flake(&["flake", "check", "--no-build", "--show-trace"]));
}

/// The facts of `nix/checks/modules.nix`; it throws the names of those that do not hold.
pub(crate) fn modules() {
    let nix = Nix::new();
    let drv = nix.value("checks.x86_64-linux.modules.drvPath");
    assert!(drv.ends_with("-quorate-modules.drv"), "{drv}");
}

/// The units of both machines, as NixOS writes them, say nothing that systemd does not know.
pub(crate) fn units() {
    let nix = Nix::new();
    for (machine, unit) in [("appliance", "quorate"), ("node", "etcd")] {
        let units = format!("nixosConfigurations.{machine}-x86_64-linux.config.systemd.units");
        let text = nix.value(&format!("{units}.\"{unit}.service\".text"));
        // Nothing is built, so there are no programs to start.
        let lines = text.lines().map(|line| match line.split_once('=') {
            Some((key @ ("ExecStart" | "ExecStartPre"), _)) => format!("{key}=/bin/true"),
            _ => line.to_owned(),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let dir = tempfile::tempdir().expect("a directory for temporary files");
        let path = dir.path().join(format!("{unit}.service"));
        fs::write(&path, text).expect("the directory is writable");
        let mut verify = foreign("systemd-analyze");
        let output = succeed(verify.args(["verify", "--man=no"]).arg(&path));
        let said = [output.stdout, output.stderr].concat();
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        let security = ["security", "--offline=true", "--threshold=20"];
        succeed(foreign("systemd-analyze").args(security).arg(&path));
    }
}

/// One of them stands for all, which differ in the file alone.
pub(crate) fn scenarios() {
    let nix = Nix::new();
    let drv = nix.value("legacyPackages.x86_64-linux.scenarios.three-members.drvPath");
    assert!(drv.contains("quorate-scenario-three-members"), "{drv}");
}

/// Nix with a store and a home of its own, which stay with the build: filling them with nixpkgs
/// takes the longest.
struct Nix {
    dir: PathBuf,
    nixpkgs: String,
}

impl Nix {
    /// The one that all checks share.
    fn new() -> &'static Self {
        static NIX: OnceLock<Nix> = OnceLock::new();
        NIX.get_or_init(|| {
            let tree = std::env::var("NIXPKGS").expect("the need was declared");
            let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nix");
            fs::create_dir_all(&dir).expect("cargo made the directory above");
            let mut nix = Self {
                dir,
                nixpkgs: format!("path:{tree}"),
            };
            let fetch = ["flake", "prefetch", "--json", &nix.nixpkgs];
            let output = succeed(&mut nix.command(&fetch));
            let answer: Value = serde_json::from_slice(&output.stdout).expect("nix writes JSON");
            let hash = answer["hash"].as_str().expect("a tree has a hash");
            // With its hash it is taken from the store; without, it is copied each time.
            nix.nixpkgs = format!("path:{tree}?narHash={hash}&lastModified=0");
            nix
        })
    }

    /// The string that an output is.
    fn value(&self, output: &str) -> String {
        let installable = format!(".#{output}");
        let output = succeed(&mut self.on_flake(&["eval", "--raw", &installable]));
        String::from_utf8(output.stdout).expect("nix writes UTF-8")
    }

    /// A command about this flake, with that nixpkgs.
    fn on_flake(&self, arguments: &[&str]) -> Command {
        let mut nix = self.command(arguments);
        nix.arg("--no-write-lock-file");
        nix.args(["--override-input", "nixpkgs", &self.nixpkgs]);
        nix
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut nix = foreign("nix");
        nix.current_dir(root())
            .env("HOME", &self.dir)
            .env("NIX_CONF_DIR", &self.dir)
            .args(["--extra-experimental-features", "nix-command flakes"])
            .args(["--option", "flake-registry", ""])
            // Root builds as these; here nothing is built.
            .args(["--option", "build-users-group", ""])
            .args(["--option", "fsync-metadata", "false"])
            .arg("--offline")
            .arg("--store")
            .arg(self.dir.join("store"))
            .args(arguments);
        nix
    }
}
