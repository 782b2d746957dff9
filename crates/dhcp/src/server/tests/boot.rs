//! One machine whose ROM, boot loader and system ask one after the other.

use super::*;

fn raw_with_boot() -> RawServerConfig {
    let mut raw = raw();
    raw.classes = vec![RawClass {
        name: "etcd".to_owned(),
        boot_file: Some("http://10.0.0.1/seed/{mac}/".to_owned()),
        options: vec![RawOption {
            code: 43,
            text: Some("class".to_owned()),
            always: true,
            ..RawOption::default()
        }],
        ..RawClass::default()
    }];
    raw.boot = vec![
        RawBoot {
            user_class: Some("iPXE".to_owned()),
            boot_file: "http://10.0.0.1/ipxe/{mac}".to_owned(),
            // No ProxyDHCP: iPXE need not wait for one.
            options: vec![RawOption {
                code: 175,
                hex: Some("b00101".to_owned()),
                always: true,
                ..RawOption::default()
            }],
            ..RawBoot::default()
        },
        RawBoot {
            architectures: vec![16],
            vendor_class: Some("HTTPClient".to_owned()),
            boot_file: "http://10.0.0.1/boot/ipxe.efi".to_owned(),
            options: vec![RawOption {
                code: 60,
                text: Some("HTTPClient".to_owned()),
                always: true,
                ..RawOption::default()
            }],
            ..RawBoot::default()
        },
        RawBoot {
            architectures: vec![7, 9],
            boot_file: "snponly.efi".to_owned(),
            next_server: Some(SERVER),
            ..RawBoot::default()
        },
        RawBoot {
            architectures: vec![0],
            boot_file: "undionly.kpxe".to_owned(),
            next_server: Some(SERVER),
            options: vec![RawOption {
                code: 43,
                text: Some("boot".to_owned()),
                always: true,
                ..RawOption::default()
            }],
            ..RawBoot::default()
        },
    ];
    raw
}

/// What a client with these options gets: boot file, next server, options 43, 60, 175.
fn boot_options(options: &[(u8, &[u8])]) -> String {
    let mut bench = Bench::new(raw_with_boot());
    let mut message = with_option(discover(1), code::PARAMETERS, &[67]);
    for (code, value) in options {
        message = with_option(message, *code, value);
    }
    let outputs = bench.send(&message);
    let reply = outputs.reply();
    let text = |code| reply.options.text(code).unwrap_or_default().to_owned();
    assert_eq!(reply.options.text(67).unwrap().as_bytes(), &*reply.file);
    let (file, server) = (text(67), reply.siaddr);
    format!(
        "{file} from {server} 43={} 60={} 175={:02x?}",
        text(43),
        text(60),
        reply.options.bytes(175).unwrap_or_default()
    )
}

#[test]
fn each_kind_of_firmware_gets_its_file() {
    let bios: &[(u8, &[u8])] = &[(93, &[0, 0]), (60, b"PXEClient:Arch:00000")];
    assert_eq!(
        boot_options(bios),
        "undionly.kpxe from 10.77.0.1 43=boot 60= 175=[]"
    );
    let uefi: &[(u8, &[u8])] = &[(93, &[0, 7])];
    assert_eq!(
        boot_options(uefi),
        "snponly.efi from 10.77.0.1 43=class 60= 175=[]"
    );
    let both: &[(u8, &[u8])] = &[(93, &[0, 6, 0, 9])];
    assert_eq!(boot_options(both), boot_options(uefi));
    let http: &[(u8, &[u8])] = &[(93, &[0, 16]), (60, b"HTTPClient:Arch:00016")];
    let file = "http://10.0.0.1/boot/ipxe.efi from 0.0.0.0 43=class 60=HTTPClient 175=[]";
    assert_eq!(boot_options(http), file);
}

#[test]
fn a_boot_loader_is_told_apart_from_the_rom_that_it_replaces() {
    let ipxe: &[(u8, &[u8])] = &[(93, &[0, 0]), (60, b"PXEClient"), (77, b"iPXE")];
    let script = "http://10.0.0.1/ipxe/020000000001 from 0.0.0.0 43=class 60= 175=[b0, 01, 01]";
    assert_eq!(boot_options(ipxe), script);
}

#[test]
fn a_system_gets_the_file_of_its_class() {
    let seed = "http://10.0.0.1/seed/020000000001/ from 0.0.0.0 43=class 60= 175=[]";
    assert_eq!(boot_options(&[]), seed);
    // Half a number, and an architecture without a boot file.
    assert_eq!(boot_options(&[(93, &[0])]), seed);
    assert_eq!(boot_options(&[(93, &[0, 99])]), seed);
    // It boots by HTTP and does not announce it as RFC and UEFI require.
    assert_eq!(boot_options(&[(93, &[0, 16])]), seed);
}

#[test]
fn a_boot_file_that_does_not_fit_is_refused() {
    let mut raw = raw();
    let text = "x".repeat(128);
    raw.boot = vec![RawBoot {
        boot_file: text.clone(),
        ..RawBoot::default()
    }];
    let error = ServerConfig::validate(raw).unwrap_err();
    assert_eq!(error, ConfigError::BootFile(text));
}

/// A machine that is reserved by its hardware address boots: UEFI presents an identifier of its
/// own, iPXE another one, and the system none. The answers: address, name, A and PTR wanted.
#[test]
fn firmware_loader_and_system_are_one_machine() {
    let mut raw = raw_with_boot();
    raw.hosts = vec![RawHost {
        mac: Some(mac(1)),
        hostname: Some("ash".to_owned()),
        ..RawHost::default()
    }];
    let mut bench = Bench::new(raw);
    let uuid = [&[0][..], &[0xab; 16]].concat();
    let id = [&[1][..], &mac(1).0].concat();
    let uefi = with_option(
        with_option(discover(1), code::ARCHITECTURE, &[0, 7]),
        61,
        &uuid,
    );
    let ipxe = with_option(with_option(discover(1), code::USER_CLASS, b"iPXE"), 61, &id);
    let mut lease = |message| {
        let lease = bench.lease(&message);
        let updates = (lease.updates.forward, lease.updates.reverse);
        (lease.addr, lease.hostname, lease.client, updates)
    };
    let expected = |updates| (addr(10), "ash".to_owned(), key(1), updates);
    assert_eq!(lease(uefi.clone()), expected((false, false)));
    assert_eq!(lease(ipxe.clone()), expected((false, false)));
    assert_eq!(lease(discover(1)), expected((true, true)));
    // A power cycle removes no name.
    assert_eq!(lease(uefi), expected((true, true)));
    assert_eq!(lease(ipxe), expected((true, true)));
    assert_eq!(bench.server.leases().count(), 1);
}
