use std::net::TcpListener;

use quorate_etcd::Scheme;

use super::*;

#[test]
fn name_servers_are_read_as_the_resolver_reads_them() {
    let text = "# made by hand\nsearch lab\nnameserver 10.0.0.2\nnameserver ::1\nnameserver\n\
                nameserver 10.0.0.3 # the other\noptions timeout:1\n";
    let servers: Vec<String> = name_servers(text).iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["10.0.0.2:53", "10.0.0.3:53"]);
}

#[test]
fn a_log_in_the_data_directory_is_a_bootstrap() {
    let dir = tempfile::tempdir().unwrap();
    assert!(!has_bootstrapped(dir.path()));
    let wal = dir.path().join("member").join("wal");
    fs::create_dir_all(&wal).unwrap();
    // etcd prepares the next file under another name.
    fs::write(wal.join("0.tmp"), []).unwrap();
    assert!(!has_bootstrapped(dir.path()));
    fs::write(wal.join("0000000000000000-0000000000000000.wal"), []).unwrap();
    assert!(has_bootstrapped(dir.path()));
}

#[test]
fn a_member_that_rejoins_does_not_wait_and_loses_its_pins() {
    let dir = tempfile::tempdir().unwrap();
    let wal = dir.path().join("data").join("member").join("wal");
    fs::create_dir_all(&wal).unwrap();
    fs::write(wal.join("0-0.wal"), []).unwrap();
    let pins = BTreeMap::from([("n1.lab".to_owned(), Ipv4Addr::LOCALHOST)]);
    let hosts_file = dir.path().join("hosts");
    fs::write(&hosts_file, hosts::pinned("127.0.0.1 localhost\n", &pins)).unwrap();
    let member = AwaitPeers {
        config: Config {
            own: "http://n1.lab:2380".parse().unwrap(),
            domain: "lab".into(),
            srv_name: None,
            servers: Vec::new(),
        },
        data_dir: dir.path().join("data"),
        etc_dir: dir.path().to_owned(),
        environment_file: Some(dir.path().join("etcd.env")),
    };
    fs::write(dir.path().join("etcd.env"), "A=b\n").unwrap();
    let awaited = await_peers(member, |reason| panic!("waits {reason}")).unwrap();
    assert_eq!(awaited, Awaited::Rejoins);
    let after = fs::read_to_string(hosts_file).unwrap();
    assert_eq!(after, "127.0.0.1 localhost\n");
    assert!(!dir.path().join("etcd.env").exists());
}

#[test]
fn only_who_goes_first_of_several_is_told_to_keep_its_pace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd.env");
    let set = |place, members| {
        let ready = Ready {
            addresses: BTreeMap::new(),
            members,
            place,
        };
        set(&path, variables(&ready)).unwrap();
        fs::read_to_string(&path).unwrap_or_default()
    };
    assert_eq!(set(0, 3), "ETCD_INITIAL_ELECTION_TICK_ADVANCE=false\n");
    assert_eq!(set(1, 3), "");
    assert_eq!(set(0, 1), "");
}

/// On loopback: a port that is closed, one that takes a connection and says nothing, one that
/// answers HTTP.
#[test]
fn a_peer_serves_when_it_answers() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let peer = listener.local_addr().unwrap();
    assert_eq!(look(peer, Scheme::Https), Probe::Open);
    drop(listener.accept().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 512];
        let length = stream.read(&mut request).unwrap();
        assert!(request[..length].starts_with(b"GET /members HTTP/1.1\r\n"));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")
            .unwrap();
        let (stream, _) = listener.accept().unwrap();
        drop(stream);
    });
    assert_eq!(look(peer, Scheme::Http), Probe::Serves);
    assert_eq!(look(peer, Scheme::Http), Probe::Closed);
    server.join().unwrap();
    assert_eq!(look(peer, Scheme::Http), Probe::Closed);
}
