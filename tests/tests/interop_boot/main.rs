//! Network boot as firmware sees it: foreign TFTP and HTTP clients, and what a DHCP client that
//! says it is a ROM, a boot loader or a system is sent to.

mod cloud_init;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use quorate_daemon::Event;
use quorate_needs::Need;
use quorate_tests::network::{Daemon, Endpoint, Lab, SERVER, eventually};
use quorate_tests::sandboxed::{self, Case};
use serde_json::json;

const BUSYBOX: Need = Need::Program("busybox");
const CURL: Need = Need::Program("curl");
const CLOUD_INIT: Need = Need::Program("cloud-init");
const CASES: [Case; 6] = [
    Case {
        name: "busybox_fetches_a_boot_loader_by_tftp",
        needs: &[BUSYBOX],
        run: busybox,
    },
    Case {
        name: "curl_fetches_by_tftp_and_http",
        needs: &[CURL],
        run: curl,
    },
    Case {
        name: "tftp_hpa_reads_text_and_octets",
        needs: &[Need::Program("tftp")],
        run: tftp_hpa,
    },
    Case {
        name: "rom_loader_and_system_are_sent_different_ways",
        needs: &[BUSYBOX, CURL, Need::Program("udhcpc")],
        run: ways,
    },
    Case {
        name: "seeds_are_valid_to_cloud_init",
        needs: &[CLOUD_INIT],
        run: cloud_init::valid,
    },
    Case {
        name: "cloud_init_reads_names_as_they_are",
        needs: &[CLOUD_INIT, Need::Program("which")],
        run: cloud_init::read,
    },
];

fn main() -> ExitCode {
    sandboxed::main(&CASES)
}

struct Bench {
    daemon: Daemon,
    lab: Lab,
}

impl Bench {
    fn new(dir: &Path) -> Self {
        let lab = Lab::new(dir);
        let files = dir.join("boot");
        fs::create_dir_all(files.join("deep")).expect("the test's directory is writable");
        let write = |name: &str, content: &[u8]| {
            fs::write(files.join(name), content).expect("the test's directory is writable");
        };
        write("undionly.kpxe", &loader());
        write("deep/empty", b"");
        write("motd", b"two\nlines\n");
        fs::write(dir.join("secret"), "not for everybody").expect("likewise");
        let daemon = lab.serve(&json!({
            "state_dir": lab.state_dir(),
            "dhcp": {
                "interface": "eth0",
                "server_id": SERVER,
                "subnets": [{
                    "net": "10.77.0.0/24",
                    "pools": ["10.77.0.100-10.77.0.109"],
                    "domain": "lab.test",
                }],
                "classes": [{
                    "name": "any",
                    "client_hostname": true,
                    "boot_file": format!("http://{SERVER}/seed/{{mac}}/"),
                }],
            },
            "seed": { "listen": format!("{SERVER}:80") },
            "boot": {
                "files": [files, "/nonexistent"],
                "tftp": format!("{SERVER}:69"),
                "script": { "kernel": "vmlinuz", "cmdline": "ds=nocloud-net;s={seed}" },
            },
        }));
        Self { daemon, lab }
    }

    /// Waits until the daemon reports that this file went out.
    fn served(&mut self, file: &str) {
        self.daemon.wait_for(
            file,
            |event| matches!(event, Event::BootServed { file: is, .. } if is == file),
        );
    }

    fn fetched(&self, name: &str) -> Vec<u8> {
        fs::read(self.lab.dir().join(name)).unwrap_or_default()
    }
}

/// No multiple of any block size in use.
fn loader() -> Vec<u8> {
    (0..70_001).map(|index| (index % 251) as u8).collect()
}

fn busybox(dir: &Path) {
    let mut bench = Bench::new(dir);
    let endpoint = bench.lab.addressed(20);
    let to = dir.join("got");
    let get = |file: &str, block: &str| {
        let local = to.to_str().expect("the path is text");
        let server = SERVER.to_string();
        endpoint.run(
            "busybox",
            ["tftp", "-g", "-b", block, "-l", local, "-r", file, &server],
        )
    };
    for block in ["512", "1468", "8192"] {
        let said = get("undionly.kpxe", block);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(bench.fetched("got"), loader(), "block size {block}");
        bench.served("undionly.kpxe");
    }
    assert_eq!(get("/deep/empty", "512").code, Some(0));
    assert_eq!(bench.fetched("got"), b"");
    for file in ["../secret", "deep/../../secret", "missing", "deep"] {
        let said = get(file, "512");
        assert_ne!(said.code, Some(0), "{file}: {said:?}");
        assert!(
            said.stderr.contains("server error: (1)"),
            "{file}: {said:?}"
        );
    }
    let put = [
        "tftp",
        "-p",
        "-l",
        "/etc/hostname",
        "-r",
        "mine",
        "10.77.0.1",
    ];
    let said = endpoint.run("busybox", put);
    assert!(said.stderr.contains("server error: (2)"), "{said:?}");
}

fn curl(dir: &Path) {
    let mut bench = Bench::new(dir);
    let endpoint = bench.lab.addressed(20);
    let to = dir.join("got");
    for url in [
        "tftp://10.77.0.1/undionly.kpxe",
        "http://10.77.0.1/boot/undionly.kpxe",
    ] {
        let said = fetch(&endpoint, &to, url);
        assert_eq!(said, "0 curl", "{url}");
        assert_eq!(bench.fetched("got"), loader(), "{url}");
        bench.served("undionly.kpxe");
    }
    // A boot loader asks how long the kernel is first, and may fetch it in parts.
    let said = endpoint.run("curl", ["-sI", "http://10.77.0.1/boot/undionly.kpxe"]);
    assert!(said.stdout.contains("content-length: 70001"), "{said:?}");
    let part = ["-s", "-r", "10-13", "http://10.77.0.1/boot/undionly.kpxe"];
    assert_eq!(
        endpoint.run("curl", part).stdout.as_bytes(),
        [10, 11, 12, 13]
    );
    for path in [
        "/boot/../secret",
        "/boot/%2e%2e/secret",
        "/boot/missing",
        "/boot/deep",
    ] {
        let url = format!("http://10.77.0.1{path}");
        let arguments = [
            "-s",
            "--path-as-is",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &url,
        ];
        let status = endpoint.run("curl", arguments).stdout;
        assert!(
            ["404", "307"].contains(&status.as_str()),
            "{path}: {status}"
        );
    }
}

/// Exit code, and the program's name so that an empty text is not mistaken for success.
fn fetch(endpoint: &Endpoint, to: &Path, url: &str) -> String {
    let to = to.to_str().expect("the path is text");
    let said = endpoint.run("curl", ["-sS", "--max-time", "10", "-o", to, url]);
    assert_eq!(said.stderr, "", "{url}");
    format!("{} curl", said.code.unwrap_or(-1))
}

fn tftp_hpa(dir: &Path) {
    let mut bench = Bench::new(dir);
    let endpoint = bench.lab.addressed(20);
    let commands = format!(
        "ascii\nget motd {0}/text\nbinary\nget undionly.kpxe {0}/octets\nquit\n",
        dir.display()
    );
    let said = endpoint.run_with_input("tftp", ["10.77.0.1"], &commands);
    assert_eq!(said.code, Some(0), "{said:?}");
    bench.served("undionly.kpxe");
    assert_eq!(bench.fetched("text"), b"two\nlines\n");
    assert_eq!(bench.fetched("octets"), loader());
}

fn ways(dir: &Path) {
    let mut bench = Bench::new(dir);
    let endpoint = bench.lab.endpoint(20);
    let script = dir.join("script");
    let boot_file = dir.join("boot-file");
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\necho \"$boot_file $siaddr $ip\" > {}\n",
        boot_file.display()
    );
    fs::write(&script, text).expect("the test's directory is writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&script, mode).expect("likewise");
    let ask = |options: &[&str]| {
        let script = script.to_str().expect("the path is text");
        let fixed = [
            "-f", "-q", "-n", "-T", "1", "-i", "eth0", "-O", "bootfile", "-s", script,
        ];
        let said = endpoint.run("udhcpc", fixed.iter().chain(options));
        assert_eq!(said.code, Some(0), "{said:?}");
        fs::read_to_string(&boot_file).expect("the script wrote it")
    };
    let mac = "020000770014";
    let bios = ask(&["-x", "0x5d:0000"]);
    assert!(bios.starts_with("undionly.kpxe 10.77.0.1 "), "{bios}");
    let ipxe = ask(&["-x", "0x5d:0000", "-x", "0x4d:69505845"]);
    assert!(
        ipxe.starts_with(&format!("http://10.77.0.1/ipxe/{mac} ")),
        "{ipxe}"
    );
    let system = ask(&[]);
    assert!(
        system.starts_with(&format!("http://10.77.0.1/seed/{mac}/ ")),
        "{system}"
    );
    let addr = system.split_whitespace().last().expect("an address");
    let addr = addr.parse().expect("an address");

    // Only the holder of the lease reads the script.
    endpoint.set_address(addr);
    let url = format!("http://10.77.0.1/ipxe/{mac}");
    let said = endpoint.run("curl", ["-sS", url.as_str()]);
    let seed = "http://10.77.0.1/seed/02:00:00:77:00:14/";
    let kernel = format!("kernel http://10.77.0.1/boot/vmlinuz ds=nocloud-net;s={seed}");
    assert_eq!(said.stdout, format!("#!ipxe\n{kernel}\nboot\n"), "{said:?}");
    bench.served("script");
    let other = bench.lab.addressed(21);
    let status = ["-s", "-o", "/dev/null", "-w", "%{http_code}", url.as_str()];
    eventually("the other endpoint's link", || {
        let code = other.run("curl", status).stdout;
        (code != "000")
            .then_some(())
            .inspect(|()| assert_eq!(code, "403"))
    });
}
