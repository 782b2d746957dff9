//! One test a row of the failure catalogue that discovery decides.

use super::*;
use crate::id::expected_cluster_id;

/// Three hosts n1…n3 with one address each, and no SRV records.
fn hosts() -> View {
    let addresses = (1..=3).map(|n| {
        let addr: IpAddr = format!("10.9.0.{n}").parse().unwrap();
        (format!("n{n}.lab"), Ok(vec![addr]))
    });
    let absent = |service: &str| {
        Err(LookupError(format!(
            "lookup {service}._tcp.lab on 10.9.0.53:53: no such host"
        )))
    };
    View {
        ssl: absent("_etcd-server-ssl"),
        plain: absent("_etcd-server"),
        addresses: addresses.collect(),
    }
}

fn records(targets: &[&str]) -> Result<Vec<SrvRecord>, LookupError> {
    let record = |target: &&str| SrvRecord {
        target: format!("{target}.lab."),
        port: 2380,
    };
    Ok(targets.iter().map(record).collect())
}

fn plain(targets: &[&str]) -> View {
    View {
        plain: records(targets),
        ..hosts()
    }
}

fn ssl(targets: &[&str]) -> View {
    View {
        ssl: records(targets),
        ..hosts()
    }
}

fn node(release: Release, scheme: Scheme, name: &str) -> Discovery {
    Discovery {
        release,
        name: name.to_owned(),
        advertised: vec![PeerUrl::new(scheme, format!("{name}.lab"), 2380)],
        srv_name: None,
        token: "tok".to_owned(),
    }
}

fn urls(scheme: Scheme, hosts: &[&str]) -> Vec<String> {
    let url = |host: &&str| PeerUrl::new(scheme, format!("{host}.lab"), 2380).to_string();
    hosts.iter().map(url).collect()
}

fn error_of(result: Result<Bootstrap, DiscoveryError>) -> String {
    result.unwrap_err().to_string()
}

const ALL: [&str; 3] = ["n1", "n2", "n3"];

#[test]
fn all_members_that_see_all_records_get_one_id_in_any_order() {
    let id = expected_cluster_id(&urls(Scheme::Http, &ALL), "tok");
    for (name, order) in [("n1", ["n1", "n2", "n3"]), ("n3", ["n2", "n3", "n1"])] {
        let bootstrap = node(Release::V3_5, Scheme::Http, name)
            .run(&plain(&order))
            .unwrap();
        assert_eq!(bootstrap.cluster_id, id);
        assert!(bootstrap.members.contains_key(name));
        assert_eq!(bootstrap.members.len(), 3);
        assert_eq!(bootstrap.skipped, []);
    }
}

/// The names and order are those that a real 3.5.16 logged.
#[test]
fn others_get_temporary_names_in_the_order_of_the_answer() {
    let bootstrap = node(Release::V3_5, Scheme::Http, "n2")
        .run(&plain(&ALL))
        .unwrap();
    let pairs: Vec<String> = bootstrap
        .members
        .iter()
        .map(|(name, urls)| format!("{name}={}", urls[0]))
        .collect();
    assert_eq!(
        pairs,
        [
            "0=http://n1.lab:2380",
            "1=http://n3.lab:2380",
            "n2=http://n2.lab:2380"
        ]
    );
    assert_eq!(bootstrap.member_id.to_string(), "7c7255ad51becf91");
    assert_eq!(bootstrap.cluster_id.to_string(), "77755581e0b5e285");
}

/// Row 1.
#[test]
fn only_3_5_forms_from_the_plain_set() {
    let old = node(Release::V3_4, Scheme::Http, "n1").run(&plain(&ALL));
    assert_eq!(
        error_of(old),
        "error setting up initial cluster: error querying DNS SRV records for \
         _etcd-server-ssl lookup _etcd-server-ssl._tcp.lab on 10.9.0.53:53: no such host"
    );
    assert!(
        node(Release::V3_5, Scheme::Http, "n1")
            .run(&plain(&ALL))
            .is_ok()
    );
    assert!(
        node(Release::V3_4, Scheme::Https, "n1")
            .run(&ssl(&ALL))
            .is_ok()
    );
}

/// Row 2.
#[test]
fn without_its_own_record_a_member_exits() {
    for release in [Release::V3_4, Release::V3_5] {
        let result = node(release, Scheme::Https, "n1").run(&ssl(&["n2", "n3"]));
        assert_eq!(
            error_of(result),
            "error setting up initial cluster: cannot find local etcd member \"n1\" in SRV records"
        );
    }
}

/// Row 3.
#[test]
fn a_peer_without_an_address_is_left_out_silently() {
    let mut view = plain(&ALL);
    view.addresses.remove("n3.lab");
    let bootstrap = node(Release::V3_5, Scheme::Http, "n1").run(&view).unwrap();
    let two = expected_cluster_id(&urls(Scheme::Http, &["n1", "n2"]), "tok");
    assert_eq!(bootstrap.cluster_id, two);
    assert_eq!(bootstrap.skipped.len(), 1);
    assert_eq!(
        bootstrap.skipped[0].why,
        Skip::Unresolved("lookup n3.lab: no such host".to_owned())
    );
}

/// Row 4; the text is that of real processes of both releases.
#[test]
fn a_member_whose_own_name_does_not_resolve_exits() {
    let mut view = ssl(&ALL);
    let text = "lookup n1.lab on 10.9.0.53:53: no such host";
    view.addresses
        .insert("n1.lab".to_owned(), Err(LookupError(text.to_owned())));
    assert_eq!(
        error_of(node(Release::V3_4, Scheme::Https, "n1").run(&view)),
        format!("error setting up initial cluster: {text}")
    );
    assert_eq!(
        error_of(node(Release::V3_5, Scheme::Https, "n1").run(&view)),
        format!("error setting up initial cluster: {text}; {text}")
    );
}

/// Row 5.
#[test]
fn records_that_grow_between_starts_split_the_cluster() {
    let mut ids: Vec<ClusterId> = (1..=3)
        .map(|seen| {
            let me = ALL[seen - 1];
            let view = plain(&ALL[..seen]);
            node(Release::V3_5, Scheme::Http, me)
                .run(&view)
                .unwrap()
                .cluster_id
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// Row 7: the error names the missing member, not the scheme.
#[test]
fn an_http_member_in_the_ssl_set_does_not_find_itself() {
    for release in [Release::V3_4, Release::V3_5] {
        let result = node(release, Scheme::Http, "n1").run(&ssl(&ALL));
        assert!(
            matches!(result, Err(DiscoveryError::SelfMissing { .. })),
            "{result:?}"
        );
    }
}

/// Alone in the wrong set there is no survivor to hide the error.
#[test]
fn a_scheme_mismatch_is_only_reported_when_nothing_else_was_found() {
    let result = node(Release::V3_4, Scheme::Http, "n1").run(&ssl(&["n1"]));
    assert_eq!(
        error_of(result),
        "error setting up initial cluster: error querying DNS SRV records for _etcd-server-ssl \
         bootstrap at https://n1.lab:2380 from DNS for etcd-server-ssl has scheme mismatch with \
         expected peer http://n1.lab:2380"
    );
}

/// Row 8: temporary names start at 0 again in the second set. The groups are those that three
/// real 3.5.16 members logged.
#[test]
fn both_sets_merge_hosts_under_one_name_from_3_5_on() {
    let both = View {
        ssl: records(&ALL),
        plain: records(&ALL),
        ..hosts()
    };
    let mut ids = Vec::new();
    for name in ALL {
        let bootstrap = node(Release::V3_5, Scheme::Http, name).run(&both).unwrap();
        assert_eq!(bootstrap.members["0"].len(), 2, "two URLs under one name");
        ids.push(bootstrap.cluster_id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);

    let old = node(Release::V3_4, Scheme::Https, "n1").run(&both).unwrap();
    assert_eq!(
        old.cluster_id,
        expected_cluster_id(&urls(Scheme::Https, &ALL), "tok")
    );
    let ignored = old
        .skipped
        .iter()
        .filter(|s| s.why == Skip::PlainSetIgnored);
    assert_eq!(ignored.count(), 3);
}

/// The cluster ID is that of a real member n2 that saw both sets in this order.
#[test]
fn the_merged_id_is_the_one_a_real_member_got() {
    let both = View {
        ssl: records(&ALL),
        plain: records(&ALL),
        ..hosts()
    };
    let bootstrap = node(Release::V3_5, Scheme::Http, "n2").run(&both).unwrap();
    assert_eq!(bootstrap.cluster_id.to_string(), "d93efdb44de4068a");
}

/// Rows 9 and 10; the error text is that of real processes.
#[test]
fn an_alias_stops_the_aliased_member_and_is_a_phantom_to_the_others() {
    let mut view = ssl(&["n1", "n2", "n3", "alias"]);
    let n1 = view.addresses["n1.lab"].clone();
    view.addresses.insert("alias.lab".to_owned(), n1);
    let aliased = node(Release::V3_4, Scheme::Https, "n1").run(&view);
    assert_eq!(
        error_of(aliased),
        "--initial-cluster has n1=https://alias.lab:2380 but missing from \
         --initial-advertise-peer-urls=https://n1.lab:2380 (len([\"https://n1.lab:2380\"]) != \
         len([\"https://alias.lab:2380\" \"https://n1.lab:2380\"]))"
    );
    let other = node(Release::V3_4, Scheme::Https, "n2").run(&view).unwrap();
    assert_eq!(other.members.len(), 4);
}

/// Row 11.
#[test]
fn a_numeric_name_collides_with_a_temporary_one() {
    let mut rack = node(Release::V3_5, Scheme::Http, "n1");
    rack.name = "0".to_owned();
    let result = rack.run(&plain(&ALL));
    assert!(
        matches!(result, Err(DiscoveryError::NotAdvertised { .. })),
        "{result:?}"
    );
}

/// Row 12.
#[test]
fn equal_names_are_harmless() {
    let mut ids: Vec<ClusterId> = ALL
        .iter()
        .map(|name| {
            let mut discovery = node(Release::V3_5, Scheme::Http, name);
            discovery.name = "etcd".to_owned();
            discovery.run(&plain(&ALL)).unwrap().cluster_id
        })
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

/// Row 13.
#[test]
fn only_the_first_address_of_a_target_counts() {
    let mut view = plain(&ALL);
    let one: IpAddr = "192.0.2.1".parse().unwrap();
    let mine: IpAddr = "10.9.0.1".parse().unwrap();
    let mut discovery = node(Release::V3_5, Scheme::Http, "n1");
    discovery.advertised = vec![PeerUrl::new(Scheme::Http, "10.9.0.1", 2380)];
    view.addresses
        .insert("n1.lab".to_owned(), Ok(vec![one, mine]));
    assert!(matches!(
        discovery.run(&view),
        Err(DiscoveryError::SelfMissing { .. })
    ));
    view.addresses
        .insert("n1.lab".to_owned(), Ok(vec![mine, one]));
    assert!(discovery.run(&view).is_ok());
}

/// Row 14.
#[test]
fn an_advertised_address_matches_a_record_with_a_name() {
    let mut discovery = node(Release::V3_5, Scheme::Http, "n1");
    discovery.advertised = vec![PeerUrl::new(Scheme::Http, "10.9.0.1", 2380)];
    let bootstrap = discovery.run(&plain(&ALL)).unwrap();
    assert_eq!(
        bootstrap.cluster_id,
        expected_cluster_id(&urls(Scheme::Http, &ALL), "tok")
    );
}

/// Row 19.
#[test]
fn another_token_is_another_cluster() {
    let mut discovery = node(Release::V3_5, Scheme::Http, "n1");
    let one = discovery.run(&plain(&ALL)).unwrap().cluster_id;
    discovery.token = "other".to_owned();
    assert_ne!(discovery.run(&plain(&ALL)).unwrap().cluster_id, one);
}

/// Row 20; the text is that of a real 3.5.16.
#[test]
fn with_no_records_at_all_both_errors_are_reported() {
    let result = node(Release::V3_5, Scheme::Https, "n1").run(&hosts());
    assert_eq!(
        error_of(result),
        "error setting up initial cluster: error querying DNS SRV records for \
         _etcd-server-ssl lookup _etcd-server-ssl._tcp.lab on 10.9.0.53:53: no such host; error \
         querying DNS SRV records for _etcd-server lookup _etcd-server._tcp.lab on \
         10.9.0.53:53: no such host"
    );
}

/// Row 26.
#[test]
fn the_root_target_is_left_out_and_port_zero_is_not() {
    let mut view = plain(&ALL);
    let mut set = records(&ALL).unwrap();
    set[1].port = 0;
    set.push(SrvRecord {
        target: ".".to_owned(),
        port: 2380,
    });
    view.plain = Ok(set);
    let bootstrap = node(Release::V3_5, Scheme::Http, "n1").run(&view).unwrap();
    assert_eq!(bootstrap.skipped.len(), 1);
    let all: Vec<String> = bootstrap
        .members
        .values()
        .flatten()
        .map(ToString::to_string)
        .collect();
    assert!(all.contains(&"http://n2.lab:0".to_owned()), "{all:?}");
}

#[test]
fn two_records_for_one_peer_are_a_duplicate_url() {
    let view = plain(&["n1", "n2", "n3", "n3"]);
    let result = node(Release::V3_5, Scheme::Http, "n1").run(&view);
    assert!(
        matches!(result, Err(DiscoveryError::DuplicateUrl(_))),
        "{result:?}"
    );
}

#[test]
fn the_services_are_named_as_etcd_asks_for_them() {
    assert_eq!(
        service_name(Scheme::Https, None, "lab.example"),
        "_etcd-server-ssl._tcp.lab.example"
    );
    assert_eq!(
        service_name(Scheme::Http, Some("blue"), "lab"),
        "_etcd-server-blue._tcp.lab"
    );
}
