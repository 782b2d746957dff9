//! A Debian to boot: a root file system with systemd and cloud-init, and the kernel and initial RAM
//! file system that its own packages made. Nothing in it knows of quorate but one unit, which
//! reports.
//!
//! It takes minutes, so it is kept in cargo's target directory until its recipe changes.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use quorate_needs::Need;
use quorate_tests::checks::foreign;
use quorate_tests::debian::mmdebstrap;

/// What it takes to make one.
pub(crate) const NEEDS: [Need; 1] = [Need::Program("mmdebstrap")];

/// Which programs configure the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Root {
    pub(crate) name: &'static str,
    pub(crate) packages: &'static str,
    /// Shell commands that finish it; `$1` is where it is.
    pub(crate) finish: &'static str,
    /// How the machine names itself in full.
    pub(crate) fqdn: &'static str,
    /// Of warnings that this cloud-init gives there, whatever the seed says.
    pub(crate) harmless: &'static [&'static str],
}

/// A root that is made.
#[derive(Debug)]
pub(crate) struct Made {
    /// Where kernel and initrd are.
    pub(crate) dir: PathBuf,
    /// Its disk.
    pub(crate) disk: PathBuf,
}

pub(crate) const KERNEL: &str = "vmlinuz";
pub(crate) const INITRD: &str = "initrd.img";

/// Where the machine has what is not Debian's: a disk of its own with this label.
pub(crate) const TOOLS_LABEL: &str = "tools";
pub(crate) const TOOLS_DIR: &str = "/opt";
/// Runs when cloud-init is done.
pub(crate) const REPORT: &str = "report";

impl Root {
    /// The root, if it has been made.
    pub(crate) fn find(&self) -> Option<Made> {
        let dir = self.place();
        let disk = dir.join(DISK);
        disk.is_file().then_some(Made { dir, disk })
    }

    /// Makes it, unless it has been made. Outside of a sandbox: its files belong to several users.
    #[expect(clippy::print_stderr, reason = "it takes long enough to ask why")]
    pub(crate) fn make(&self) -> Result<(), String> {
        if self.find().is_some() {
            return Ok(());
        }
        let place = self.place();
        eprintln!(
            "making a Debian with {} in {}; this takes minutes",
            self.name,
            place.display()
        );
        let all = all();
        fs::create_dir_all(&all).map_err(|error| format!("{}: {error}", all.display()))?;
        self.forget_others(&all);
        let staging = tempfile::tempdir_in(&all).map_err(|error| error.to_string())?;
        self.install(staging.path())?;
        image(staging.path())?;
        fs::rename(staging.keep(), &place).map_err(|error| error.to_string())
    }

    fn install(&self, dir: &Path) -> Result<(), String> {
        let mut command = mmdebstrap(&["--quiet", "--format=tar"]);
        command.arg(format!("--include={PACKAGES},{}", self.packages));
        for hook in [FINISH, self.finish] {
            command.arg(format!("--customize-hook={}", hook.trim()));
        }
        let kernel = format!("copy-out /boot {}", dir.display());
        command.arg(format!("--customize-hook={kernel}"));
        run(command.arg(dir.join(TAR)))?;
        let boot = dir.join("boot");
        for (name, to) in [("vmlinuz-", KERNEL), ("initrd.img-", INITRD)] {
            let files = fs::read_dir(&boot).map_err(|error| error.to_string())?;
            let mut files = files.filter_map(Result::ok).map(|entry| entry.path());
            let has_name = |file: &OsStr| file.to_string_lossy().starts_with(name);
            let file = files.find(|path| path.file_name().is_some_and(has_name));
            let file = file.ok_or_else(|| format!("there is no {name} in /boot"))?;
            fs::rename(file, dir.join(to)).map_err(|error| error.to_string())?;
        }
        fs::remove_dir_all(boot).map_err(|error| error.to_string())
    }

    /// Another one whenever the recipe is another one.
    fn place(&self) -> PathBuf {
        let mut recipe = DefaultHasher::new();
        (PACKAGES, FINISH, MAKE_IMAGE, self.packages, self.finish).hash(&mut recipe);
        all().join(format!("{}-{:016x}", self.name, recipe.finish()))
    }

    fn forget_others(&self, all: &Path) {
        let own = format!("{}-", self.name);
        let entries = fs::read_dir(all).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)) {
            // One that stays takes room, and nothing else.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Where roots are kept.
pub(crate) fn all() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian")
}

/// Makes a disk of the tar, as a user who may give files to others.
fn image(dir: &Path) -> Result<(), String> {
    let file = |file: std::io::Result<File>| file.map_err(|error| error.to_string());
    let tar = dir.join(TAR);
    let mut command = foreign("mmdebstrap");
    command.args(["--unshare-helper", "sh", "-ec", MAKE_IMAGE]);
    command.stdin(file(File::open(&tar))?);
    command.stdout(file(File::create(dir.join(DISK)))?);
    run(&mut command)?;
    fs::remove_file(tar).map_err(|error| error.to_string())
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().display().to_string();
    let output = command.output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let mut errors = said.lines().filter(|line| line.starts_with("E: "));
    let why = errors.next().or(said.lines().last()).unwrap_or_default();
    Err(format!("{program}: {}: {why}", output.status))
}

/// What each has; a machine without an SSH server is not what cloud-init expects.
const PACKAGES: &str = "systemd-sysv,udev,dbus,cloud-init,iproute2,openssh-server,\
    linux-image-cloud-amd64,initramfs-tools";
/// As Debian's images for clouds have it, except for the report.
const FINISH: &str = r#"
cat > "$1/etc/fstab" <<end
LABEL=root / ext4 errors=remount-ro 0 1
LABEL=tools /opt ext4 ro 0 0
end
echo localhost > "$1/etc/hostname"
rm -f "$1"/etc/ssh/ssh_host_*
cat > "$1/etc/cloud/cloud.cfg.d/01_debian_cloud.cfg" <<end
locale: C.UTF-8
manage_etc_hosts: true
end
cat > "$1/etc/systemd/system/report.service" <<end
[Unit]
Description=Reports what cloud-init has done
After=cloud-final.service
[Service]
Type=oneshot
ExecStart=/opt/report
StandardOutput=tty
TTYPath=/dev/ttyS1
end
mkdir -p "$1/etc/systemd/system/cloud-init.target.wants"
ln -s ../report.service "$1/etc/systemd/system/cloud-init.target.wants/"
"#;
/// From a tar to an ext4 with room for what etcd writes.
const MAKE_IMAGE: &str = r#"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/root"
tar --exclude='./dev/*' -xf - -C "$dir/root"
PATH=$PATH:/usr/sbin:/sbin
mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 -d "$dir/root" "$dir/img" 1400M >&2
dd if="$dir/img" bs=1M conv=sparse status=none
"#;
const TAR: &str = "root.tar";
const DISK: &str = "root.img";
