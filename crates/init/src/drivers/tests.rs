use super::*;

fn module(name: &str, needs: &[&str], aliases: &[&str]) -> Module {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Module {
        path: format!("/lib/modules/{name}.ko"),
        needs: words(needs),
        aliases: words(aliases),
        always: false,
    }
}

/// Buses with these devices.
fn buses(devices: &[(&str, &str)]) -> tempfile::TempDir {
    let buses = tempfile::tempdir().unwrap();
    for (number, (bus, modalias)) in devices.iter().enumerate() {
        let device = buses.path().join(bus).join(format!("devices/{number}"));
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("modalias"), format!("{modalias}\n")).unwrap();
    }
    buses
}

fn drivers(waiting: Vec<Module>, buses: &Path) -> Drivers {
    let buses = buses.to_owned();
    Drivers { waiting, buses }
}

/// What is loaded, in order; loading `virtio_pci` makes a network card appear.
fn loaded(drivers: &mut Drivers) -> Vec<String> {
    let mut loaded = Vec::new();
    let buses = drivers.buses.clone();
    drivers.load_with(|path| {
        let name = name_of(Path::new(path));
        if name == "virtio_pci" {
            let device = buses.join("virtio/devices/virtio0");
            fs::create_dir_all(&device).unwrap();
            fs::write(device.join("modalias"), "virtio:d00000001v00001AF4\n").unwrap();
        }
        loaded.push(name);
    });
    loaded
}

#[test]
fn what_there_is_a_device_for_is_loaded_after_what_it_needs() {
    let buses = buses(&[
        (
            "pci",
            "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00",
        ),
        ("acpi", "acpi:PNP0A03:"),
    ]);
    let modules = vec![
        module("virtio", &[], &[]),
        module(
            "virtio_net",
            &["net_failover", "virtio"],
            &["virtio:d00000001v*"],
        ),
        module("net_failover", &["failover"], &[]),
        module("failover", &[], &[]),
        module(
            "virtio_pci",
            &["virtio"],
            &["pci:v00001AF4d*sv*sd*bc*sc*i*"],
        ),
        module("e1000e", &[], &["pci:v00008086d000010D3sv*sd*bc*sc*i*"]),
        module("sd-mod", &[], &["scsi:t-0x00*"]),
    ];
    let mut drivers = drivers(modules, buses.path());
    let order = [
        "virtio",
        "virtio_pci",
        "failover",
        "net_failover",
        "virtio_net",
    ];
    assert_eq!(loaded(&mut drivers), order);
    assert_eq!(loaded(&mut drivers), [""; 0], "nothing is loaded twice");
    // A disk that was found meanwhile.
    let disk = buses.path().join("scsi/devices/0:0:0:0");
    fs::create_dir_all(&disk).unwrap();
    fs::write(disk.join("modalias"), "scsi:t-0x00\n").unwrap();
    assert_eq!(loaded(&mut drivers), ["sd_mod"]);
}

#[test]
fn what_is_always_wanted_needs_no_device() {
    let ext4 = Module {
        always: true,
        ..module("ext4", &["jbd2"], &[])
    };
    let mut drivers = drivers(vec![ext4, module("jbd2", &[], &[])], Path::new("/nowhere"));
    assert_eq!(loaded(&mut drivers), ["jbd2", "ext4"]);
}

#[test]
fn modules_that_need_each_other_do_not_hang() {
    let a = Module {
        always: true,
        ..module("a", &["b"], &[])
    };
    let mut drivers = drivers(vec![a, module("b", &["a"], &[])], Path::new("/nowhere"));
    assert_eq!(loaded(&mut drivers), ["b", "a"]);
}

#[test]
fn lines_are_read_as_they_are_written() {
    let both = module("virtio-net", &["a", "b"], &["virtio:d1v*", "virtio:d2v*"]);
    for module in [both, module("bare", &[], &[])] {
        assert_eq!(Module::parse(&module.line()), Some(module));
    }
    for broken in ["", "/lib/modules/a.ko", "/a\talways", "\talways\t\t"] {
        assert_eq!(Module::parse(broken), None, "{broken:?}");
    }
}

#[test]
fn patterns_match_as_modprobe_matches_them() {
    let card = "pci:v00008086d000010D3sv00008086sd0000A01Fbc02sc00i00";
    for (pattern, expected) in [
        ("pci:v00008086d000010D3sv*sd*bc*sc*i*", true),
        ("pci:v00008086d000010D4sv*sd*bc*sc*i*", false),
        ("pci:v*d*sv*sd*bc02sc00i*", true),
        ("pci:v*d*sv*sd*bc01sc06i01*", false),
        ("*", true),
        ("pci:v????8086*", true),
        ("pci:v0000808", false),
        ("", false),
    ] {
        assert_eq!(matches(pattern, card), expected, "{pattern}");
    }
    assert!(matches("scsi:t-0x00*", "scsi:t-0x00"));
    assert!(matches("a*b*c", "a-b-b-c-c"));
    assert!(!matches("a*b*c", "a-b-b-c-d"));
}
