//! The Debian package: its list of files, against the files; and with a package that
//! `packaging/deb` made in `$QUORATE_DEB`, what it does on a clean Debian.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use quorate_needs::Need;
use quorate_tests::checks::{foreign, succeed};
use quorate_tests::stories::cli;
use quorate_tests::{debian, read, root};

pub(crate) const PACKAGE: Need = Need::Switch("QUORATE_DEB");
pub(crate) const MMDEBSTRAP: Need = Need::Program("mmdebstrap");

/// Where the package puts it.
pub(crate) const UNIT: &str = "/usr/lib/systemd/system/quorate.service";

/// Makes a Debian root where the package is installed, if there is a package. Outside of the
/// sandbox, where the case that needs it finds it.
#[expect(clippy::print_stderr, reason = "it takes long enough to ask why")]
pub(crate) fn install() {
    if [PACKAGE, MMDEBSTRAP]
        .iter()
        .any(|need| need.missing().is_some())
    {
        return;
    }
    let package = std::env::var("QUORATE_DEB").expect("the need is met");
    let package = root().join(package);
    eprintln!("installing {} on a clean Debian", package.display());
    let copy = format!("copy-in {} /tmp", package.display());
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    let apt = "apt-get install --yes --quiet --no-install-recommends";
    let install = format!("chroot \"$1\" {apt} /tmp/{name}");
    let hook = |text: String| format!("--customize-hook={text}");
    // systemd, since the package has a unit; it does not run there.
    let fixed = ["--include=systemd", "--format=tar"];
    let mut command = debian::mmdebstrap(&fixed);
    command.arg(hook(copy)).arg(hook(install)).arg(installed());
    succeed(&mut command);
}

fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaging-installed.tar")
}

/// Lays the root out in `dir`, which is not there yet, for a sandbox: everything is its user's.
pub(crate) fn unpack(dir: &Path) {
    std::fs::create_dir(dir).expect("the test's directory is writable");
    let mut tar = foreign("tar");
    tar.args(["--no-same-owner", "--exclude=./dev/*", "-xf"]);
    succeed(tar.arg(installed()).arg("-C").arg(dir));
    for kernels in ["proc", "dev"] {
        let mut mount = foreign("mount");
        mount.arg("--rbind").arg(Path::new("/").join(kernels));
        succeed(mount.arg(dir.join(kernels)));
    }
}

/// The root's own systemd finds no fault in the unit, and nobody switched it on.
pub(crate) fn check_units(root: &Path) {
    let run = |words: &[&str]| {
        let output = succeed(foreign("chroot").arg(root).args(words));
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    assert_eq!(run(&["systemd-analyze", "verify", "--man=no", UNIT]), "");
    let security = ["security", "--no-pager", "--offline=true", "--threshold=20"];
    run(&[&["systemd-analyze"], &security[..], &[UNIT]].concat());
    let wanted = root.join("etc/systemd/system/multi-user.target.wants/quorate.service");
    assert!(!wanted.is_symlink(), "it starts nothing by itself");
    run(&["dpkg", "--verify", "quorate"]);
}

/// What the package's list says is in the repository, is there; and what it says `packaging/files`
/// makes, are the manual pages and completions of this program.
pub(crate) fn assets_exist() {
    let manifest: toml::Table = read("crates/cli/Cargo.toml").parse().expect("it is TOML");
    let deb = &manifest["package"]["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("assets are a list");
    let sources: BTreeSet<&str> = assets
        .iter()
        .filter_map(|asset| asset[0].as_str())
        .collect();
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let script = root().join("packaging/files");
    let mut make = std::process::Command::new(script);
    make.arg(dir.path())
        .env("QUORATE", std::env::current_exe().expect("it is running"));
    make.envs(
        cli()
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    succeed(&mut make);

    for source in sources {
        let path = match source.strip_prefix(MADE) {
            Some(made) => dir.path().join(made),
            None if source == BINARY => continue,
            None => root().join("crates/cli").join(source),
        };
        let (parent, name) = (path.parent(), path.file_name().unwrap_or_default());
        let pattern = name.to_string_lossy();
        let exists = match pattern.split_once('*') {
            None => path.is_file(),
            Some((start, end)) => parent
                .and_then(|parent| std::fs::read_dir(parent).ok())
                .into_iter()
                .flatten()
                .filter_map(Result::ok)
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .any(|name| name.starts_with(start) && name.ends_with(end)),
        };
        assert!(exists, "{source} is not there");
    }
    let page = std::fs::read_to_string(dir.path().join("man/quorate-serve.1"));
    let page = page.expect("the page that the unit names");
    assert!(page.contains("\\-\\-check"), "{page}");
}

/// What is made of the program.
const MADE: &str = "../../target/package/";
/// cargo-deb finds it where cargo put it.
const BINARY: &str = "target/release/quorate";
