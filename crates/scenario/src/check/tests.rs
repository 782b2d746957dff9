mod faults;

use super::*;
use faults::with_fault;

const MINIMAL: &str = r#"
title = "Three"
[etcd]
[[machines]]
name = "n"
count = 3
class = "etcd"
every = "2s"
"#;

fn problems(text: &str) -> Vec<String> {
    let error = Story::parse("story.toml", text).unwrap_err();
    error
        .problems
        .iter()
        .map(|problem| {
            let at = problem
                .span
                .map_or("", |span| &text[span.offset()..span.offset() + span.len()]);
            format!("{} @ {at}", problem.message)
        })
        .collect()
}

#[test]
fn a_minimal_story_has_every_default() {
    let story = Story::parse("story.toml", MINIMAL).unwrap();
    assert_eq!(story.network.server(), Ipv4Addr::new(10, 77, 0, 2));
    assert_eq!(story.network.pool().1, Ipv4Addr::new(10, 77, 0, 254));
    assert_eq!(story.cluster_sizes(), (3, 3));
    assert!(story.etcd.gate);
    assert_eq!(story.lease_secs, 3600);
    let names: Vec<_> = story
        .machines
        .iter()
        .map(|m| (m.name.as_str(), m.mac.to_string()))
        .collect();
    assert_eq!(names[0], ("n1", "02:71:00:00:00:01".to_owned()));
    assert_eq!(names[2], ("n3", "02:71:00:00:00:03".to_owned()));
    let seed = quorate_core::Seed::new(1);
    assert_eq!(story.machines[2].power_on(seed), Duration::from_secs(4));
}

#[test]
fn the_spread_is_drawn_per_machine_and_stays_within_bounds() {
    let text = MINIMAL.replace("every = \"2s\"", "spread = \"5s\"");
    let story = Story::parse("story.toml", &text).unwrap();
    let draw = |number| story.machines[0].power_on(quorate_core::Seed::new(number));
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert!((0..100).all(|number| draw(number) < Duration::from_secs(5)));
    let seed = quorate_core::Seed::new(1);
    assert_ne!(
        story.machines[0].power_on(seed),
        story.machines[1].power_on(seed)
    );
}

#[test]
fn each_problem_points_at_its_value() {
    let text = r#"
title = "Wrong"
[network]
subnet = "10.77.0.1/24"
domain = "lab_test"
[dhcp]
lease = "5s"
[etcd]
members = 4
version = "newest"
heartbeat = "1s"
election = "2s"
[[machines]]
name = "N"
class = "etcd"
power_on = "soon"
[[steps]]
do = "power-off"
machine = "n9"
at = "1s"
[[steps]]
do = "power-off"
machine = "n9"
"#;
    insta::assert_snapshot!(problems(text).join("\n"), @r#"
    10.77.0.1 is not the first address of a /24; 10.77.0.0 is @ "10.77.0.1/24"
    "lab_test" is not a domain name @ "lab_test"
    "soon" is not a duration @ "soon"
    "N" cannot be the name of a machine @ "N"
    the cluster shall have 4 members, but 1 machines have class "etcd" @ 4
    "newest" is not an etcd version @ "newest"
    the election timeout is too short @ "2s"
    no machine is called "n9" @ "n9"
    when does this step happen? @ [[steps]]
    the lease is too short @ "5s"
    "#);
}

#[test]
fn an_unknown_key_is_refused_with_its_span() {
    let text = format!("{MINIMAL}\ncolour = \"blue\"\n");
    insta::assert_snapshot!(problems(&text).join("\n"), @"unknown field `colour`, expected one of `name`, `count`, `class`, `hollow`, `world`, `boot`, `install`, `memory`, `clock`, `power_on`, `every`, `spread` @ colour");
}

#[test]
fn hardware_that_cannot_be_is_shown_with_its_place() {
    let keys = "class = \"etcd\"\nmemory = \"64MiB\"\nclock = \"yesterday\"";
    let text = MINIMAL.replace("class = \"etcd\"", keys);
    insta::assert_snapshot!(problems(&text).join("\n"), @r#"
    a machine with "64MiB" of memory cannot boot @ "64MiB"
    "yesterday" is no time of a clock @ "yesterday"
    "#);
}

#[test]
fn a_machine_that_never_boots_by_itself_cannot_be_installed() {
    let keys = "class = \"etcd\"\nboot = \"direct\"\ninstall = true";
    let text = MINIMAL.replace("class = \"etcd\"", keys);
    insta::assert_snapshot!(problems(&text).join("\n"), @"a machine that is started with its kernel in memory cannot be installed @ true");
    let story = Story::parse("story.toml", &text.replace("install = true", "")).unwrap();
    assert_eq!(story.to_install().count(), 0);
    let mut story = Story::parse("story.toml", &text.replace("direct", "uefi")).unwrap();
    assert_eq!(story.to_install().count(), 0);
    story.virtualize(crate::hardware::Virtual::All);
    assert_eq!(story.to_install().count(), 3);
}

#[test]
fn only_virtual_machines_make_a_story_slow() {
    use crate::hardware::Virtual;
    use crate::story::{Boot, VM_PATIENCE};
    let plain = Story::parse("story.toml", MINIMAL).unwrap();
    let mut host = plain.clone();
    host.virtualize(Virtual::Wanted);
    let limits = |story: &Story| (story.formed_within, story.etcd.heartbeat, story.has_vms());
    assert_eq!(limits(&host), limits(&plain));
    assert_eq!(plain.without_vms(), None);
    let mut all = plain.clone();
    all.virtualize(Virtual::All);
    assert_eq!(all.formed_within, plain.formed_within * VM_PATIENCE);
    assert_eq!(all.etcd.heartbeat, Some(Duration::from_millis(500)));
    assert!(all.machines.iter().all(|machine| machine.hardware.is_vm));
    let keys = "class = \"etcd\"\nworld = \"vm\"\nboot = \"uefi\"\nclock = \"1970-01-01T00:00:00\"";
    let text = MINIMAL.replace("class = \"etcd\"", keys)
        + "\n[[machines]]\nname = \"h\"\nclass = \"plain\"\nhollow = true\n";
    let mut mixed = Story::parse("story.toml", &text).unwrap();
    let left_out = mixed.without_vms().unwrap();
    assert_eq!(left_out, "n1, n2, n3: no virtual machines here");
    mixed.virtualize(Virtual::Wanted);
    let hardware = &mixed.machines[0].hardware;
    assert_eq!(hardware.boot, Boot::Uefi);
    assert_eq!(hardware.clock.as_deref(), Some("1970-01-01T00:00:00"));
    assert!(hardware.is_vm && !mixed.machines[3].hardware.is_vm);
}

#[test]
fn members_may_not_have_numeric_names() {
    let text = MINIMAL.replace("name = \"n\"\ncount = 3", "name = \"7\"");
    assert_eq!(
        problems(&text),
        ["\"7\" cannot be the name of a machine @ \"7\""]
    );
}

#[test]
fn two_groups_may_not_share_a_name() {
    let text = format!("{MINIMAL}\n[[machines]]\nname = \"n2\"\nclass = \"plain\"\n");
    assert_eq!(problems(&text), ["two machines are called \"n2\" @ \"n2\""]);
}

#[test]
fn the_error_shows_file_line_and_help() {
    let text = MINIMAL.replace("\"2s\"", "\"2 moons\"");
    let error = Story::parse("story.toml", &text).unwrap_err();
    let mut shown = String::new();
    miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor())
        .render_report(&mut shown, &error)
        .unwrap();
    insta::assert_snapshot!(shown, @r#"
      × story.toml: this is not a scenario that can run

    Error: 
      × "2 moons" is not a duration
       ╭─[story.toml:8:9]
     7 │ class = "etcd"
     8 │ every = "2 moons"
       ·         ────┬────
       ·             ╰── here
       ╰────
      help: write a number and a unit: "500ms", "5s", "2m", "1h"
    "#);
}

#[test]
fn a_subnet_too_small_for_its_machines_is_refused() {
    let text = MINIMAL.replace("count = 3", "count = 300");
    assert!(
        problems(&text)[0].starts_with("246 machines do not find")
            || problems(&text)[0].starts_with("300 machines")
    );
}

const CLUSTERS: &str = r#"
title = "Two clusters"
[etcd]
clusters = 2
[[machines]]
name = "a"
count = 3
class = "etcd"
[[machines]]
name = "p"
class = "plain"
hollow = true
[[machines]]
name = "b"
count = 3
class = "etcd"
"#;

#[test]
fn clusters_are_filled_in_file_order_and_each_has_its_own_srv_name() {
    let story = Story::parse("story.toml", CLUSTERS).unwrap();
    let clusters: Vec<_> = story
        .clusters
        .iter()
        .map(|cluster| {
            let names = story.members_of(cluster).map(|m| m.name.as_str());
            let names = names.collect::<Vec<_>>().join(" ");
            let owner = story.srv_owner(cluster, crate::story::Scheme::Http);
            format!("{} {owner}: {names}", cluster.name)
        })
        .collect();
    assert_eq!(
        clusters,
        [
            "c1 _etcd-server-c1._tcp.lab.test: a1 a2 a3",
            "c2 _etcd-server-c2._tcp.lab.test: b1 b2 b3",
        ]
    );
    assert_eq!(story.cluster_sizes(), (3, 3));
    let of: Vec<_> = story.machines.iter().map(|m| m.cluster).collect();
    assert_eq!(
        of,
        [Some(0), Some(0), Some(0), None, Some(1), Some(1), Some(1)]
    );
    assert!(story.machines[3].hollow && !story.machines[0].hollow);
}

#[test]
fn an_srv_name_is_the_stem_of_several() {
    let srv_names = |text: &str| {
        let story = Story::parse("story.toml", text).unwrap();
        let names = story.clusters.into_iter().map(|cluster| cluster.srv_name);
        names.collect::<Vec<_>>()
    };
    let named = CLUSTERS.replace("clusters = 2", "clusters = 2\nsrv_name = \"rack\"");
    assert_eq!(
        srv_names(&named),
        [Some("rack-c1".to_owned()), Some("rack-c2".to_owned())]
    );
    assert_eq!(
        srv_names(&named.replace("clusters = 2", "clusters = 1")),
        [Some("rack".to_owned())]
    );
    assert_eq!(srv_names(MINIMAL), [None]);
}

#[test]
fn machines_that_do_not_fill_the_clusters_are_refused() {
    let with = |etcd: &str| problems(&CLUSTERS.replace("clusters = 2", etcd));
    assert_eq!(
        with("clusters = 4"),
        ["6 machines of class \"etcd\" cannot be divided among 4 clusters @ 4"]
    );
    assert_eq!(
        with("clusters = 2\nmembers = 5"),
        ["2 clusters shall have 5 members each, but 6 machines have class \"etcd\" @ 5"]
    );
    assert_eq!(with("clusters = 0"), ["no cluster is no story @ 0"]);
    let long = format!("clusters = 2\nsrv_name = \"{}\"", "x".repeat(44));
    assert!(with(&long)[0].contains("cannot be part of an SRV owner name"));
}

#[test]
fn a_hollow_machine_runs_no_etcd() {
    let text = MINIMAL.replace("class = \"etcd\"", "class = \"etcd\"\nhollow = true");
    assert_eq!(problems(&text), ["a hollow machine cannot run etcd @ true"]);
}

#[test]
fn too_many_voters_are_a_warning() {
    let warnings = |count: &str| {
        let text = MINIMAL.replace("count = 3", count);
        Story::parse("story.toml", &text).unwrap().warnings
    };
    assert_eq!(warnings("count = 9"), []);
    let found = warnings("count = 100");
    assert_eq!(
        found[0].message,
        "a cluster of 100 voters: every write waits for 51 of them"
    );
    assert!(found[0].help.contains("clusters = 20, members = 3"));
}

#[test]
fn racks_that_cannot_be_built_are_refused() {
    let with = |racks: &str, subnet: &str| {
        let network = format!("[network]\nsubnet = \"{subnet}\"\n[racks]\nmachines = {racks}\n");
        problems(&MINIMAL.replace("[etcd]", &format!("{network}[etcd]")))
    };
    assert_eq!(
        with("0", "10.0.0.0/8"),
        ["a rack cannot hold 0 machines @ 0"]
    );
    assert!(with("2", "10.77.0.0/28")[0].starts_with("racks for 3 machines do not fit"));
    assert_eq!(
        with("2", "8.0.0.0/7"),
        ["a /7 is too large @ \"8.0.0.0/7\""]
    );
    // Without racks a segment of that size is refused.
    let flat = MINIMAL.replace("[etcd]", "[network]\nsubnet = \"10.0.0.0/8\"\n[etcd]");
    assert_eq!(problems(&flat), ["a /8 is too large @ \"10.0.0.0/8\""]);
}

#[test]
fn racks_are_filled_in_file_order() {
    let racks = "[network]\nsubnet = \"10.0.0.0/8\"\n[racks]\nmachines = 2\n[etcd]";
    let story = Story::parse("story.toml", &MINIMAL.replace("[etcd]", racks)).unwrap();
    let of: Vec<_> = story.machines.iter().map(|m| m.rack).collect();
    assert_eq!(of, [Some(0), Some(0), Some(1)]);
    assert_eq!(story.network.servers_prefix_len(), 28);
    let racks: Vec<_> = story
        .network
        .racks
        .iter()
        .map(|rack| {
            let (gateway, (first, last)) = (rack.gateway(), rack.pool());
            format!(
                "{}/{} {gateway} {first}-{last} {}",
                rack.prefix, rack.prefix_len, rack.uplink
            )
        })
        .collect();
    assert_eq!(
        racks,
        [
            "10.0.0.16/29 10.0.0.17 10.0.0.18-10.0.0.22 10.0.0.10",
            "10.0.0.24/29 10.0.0.25 10.0.0.26-10.0.0.30 10.0.0.11",
        ]
    );
}

#[test]
fn a_draft_writes_a_story_that_reads_as_the_same() {
    let text = with_fault(
        "what = \"loss\"\nwhom = [\"n1\"]\nfrom = \"1s\"\nlasts = \"2s\"\namount = \"25%\"\n\
         [[faults]]\nlose = \"DHCP OFFER\"\nmachine = \"n3\"\n\
         [[faults]]\ndelay = \"DHCP ACK\"\nby = \"2s 5ns\"\ntwice = true\nbit = 7\nmachine = \"n3\"\n\
         [[faults]]\nchoose = \"leader\"\nchosen = \"n1\"\nmachine = \"clusters\"\nnth = 3\n\
         [[faults]]\nlie = \"truth of a sync\"\nmachine = \"servers\"\n\
         [[machines]]\nname = \"p\"\nclass = \"plain\"\nspread = \"3s\"\n\
         [[steps]]\nat = \"9s\"\ndo = \"link-down\"\nmachine = \"p\"\n\
         [[steps]]\nafter_formed = \"1s\"\ndo = \"power-off\"\nmachine = \"n2\"\n\
         [[steps]]\nafter_formed = \"2s\"\ndo = \"freeze\"\nmachine = \"n1\"\n\
         [[steps]]\nafter_formed = \"3s\"\ndo = \"thaw\"\nmachine = \"n1\"\n\
         [[steps]]\nafter_formed = \"1s\"\nformation = 2\ndo = \"disk-slow\"\nleader_of = \"c1\"\niops = 7\n\
         [[steps]]\nafter_formed = \"2s\"\nformation = 2\ndo = \"reset\"\nmachine = \"n1\"",
    );
    let story = Story::parse("story.toml", &text).unwrap();
    let written = crate::draft::Draft::of(&story, 4).to_string();
    let again = Story::parse("again.toml", &written).unwrap();
    let (seed, other) = (quorate_core::Seed::new(4), quorate_core::Seed::new(5));
    for (one, two) in story.machines.iter().zip(&again.machines) {
        assert_eq!(
            (&one.name, one.class, one.cluster),
            (&two.name, two.class, two.cluster)
        );
        assert_eq!(
            one.power_on(seed),
            two.power_on(other),
            "no seed moves it any more"
        );
    }
    let rest = |story: &Story| {
        let Story {
            title,
            network,
            lease_secs,
            etcd,
            clusters,
            steps,
            faults,
            decisions,
            formed_within,
            ..
        } = story.clone();
        format!(
            "{title:?} {network:?} {lease_secs} {etcd:?} {clusters:?} {steps:?} {faults:?} {decisions:?} {formed_within:?}"
        )
    };
    assert_eq!(rest(&story), rest(&again));
}

#[test]
fn steps_that_cannot_be_are_shown_with_their_places() {
    let step = |lines: &str| format!("[[steps]]\nafter_formed = \"1s\"\n{lines}\n");
    let steps = [
        "do = \"disk-slow\"\nmachine = \"n1\"\niops = 0",
        "do = \"freeze\"\nleader_of = \"c7\"",
        "do = \"rolling-restart\"\nleader_of = \"c1\"",
        "do = \"reset\"\nleader_of = \"c1\"\nmachine = \"n1\"",
        "do = \"reset\"\nmachine = \"n1\"\nformation = 3",
    ];
    let steps = steps.map(step).concat();
    let text = format!(
        "{MINIMAL}\n{steps}[[steps]]\nat = \"1s\"\nformation = 1\ndo = \"reset\"\nmachine = \"n1\""
    );
    insta::assert_snapshot!(problems(&text).join("\n"), @r#"
    there is no formation 3 @ 3
    this step does not wait for a formation @ 1
    a disk that does nothing is not slow, but gone @ 0
    no cluster is called "c7" @ "c7"
    when it is back, another machine may lead @ "c1"
    whom does this step concern? @ [[steps]]
    "#);
}

/// Each problem with what to write instead.
fn helps(text: &str) -> Vec<String> {
    let error = Story::parse("story.toml", text).unwrap_err();
    let problems = error.problems.into_iter();
    let shown =
        |problem: Problem| format!("{}: {}", problem.message, problem.help.unwrap_or_default());
    problems.map(shown).collect()
}

#[test]
fn every_error_of_a_file_is_shown() {
    let text = r#"
title = "x"
colour = "red"
[dhcp]
lease = 3600
[etcd]
members = 3
gate = "no"
[[machines]]
name = "n"
count = -3
class = "etcd"
power_on = "soon"
[[machines]]
name = "p"
class = "router"
[[steps]]
at = "1s"
do = "explode"
machine = "n1"
[[steps]]
at = "1s"
"#;
    insta::assert_snapshot!(helps(text).join("\n"), @r#"
    unknown field `colour`, expected one of `title`, `network`, `dhcp`, `racks`, `etcd`, `swarm`, `machines`, `steps`, `faults`, `expect`: `quorate schema` prints every key with its meaning
    `lease = 3600` has no unit: write lease = "3600s"
    invalid type: string "no", expected a boolean: `quorate schema` prints every key with its meaning
    `count` cannot be -3: write 1 to 100000
    unknown variant `router`, expected `etcd` or `plain`: `quorate schema` prints every key with its meaning
    missing field `do`: `quorate schema` prints every key with its meaning
    "soon" is not a duration: write a number and a unit: "500ms", "5s", "2m", "1h"
    "explode" is no action: write one of power-off, power-on, link-down, link-up, freeze, thaw, reset, disk-slow, disk-fast, servers-stop, servers-start, rolling-restart
    "#);
}

#[test]
fn a_number_that_cannot_be_says_what_can() {
    let minimal = MINIMAL.replace("count = 3\n", "");
    for (key, help) in [
        ("count = -3", "`count` cannot be -3: write 1 to 100000"),
        (
            "count = 0",
            "0 machines cannot be switched on: write 1 to 100000",
        ),
    ] {
        let text = minimal.replace("class = \"etcd\"", &format!("class = \"etcd\"\n{key}"));
        assert_eq!(helps(&text), [help]);
    }
}

#[test]
fn the_old_spelling_of_amounts_is_refused_with_the_new_one() {
    let fault = |what: &str, whom: &str, amount: &str| {
        format!(
            "{MINIMAL}\n[[faults]]\nwhat = \"{what}\"\nwhom = \"{whom}\"\nlasts = \"1s\"\namount = {amount}\n"
        )
    };
    for (what, whom, amount, new) in [
        ("loss", "servers", "250000", "25%"),
        ("corrupt", "servers", "1", "1ppm"),
        ("delay", "servers", "20000", "20ms"),
        ("clock-skew", "all-machines", "-400", "-6m 40s"),
    ] {
        let text = fault(what, whom, amount);
        let want = format!("`amount = {amount}` has no unit: write amount = \"{new}\"");
        assert_eq!(helps(&text), [want]);
        Story::parse("story.toml", &fault(what, whom, &format!("{new:?}"))).unwrap();
    }
    let memory = MINIMAL.replace("class = \"etcd\"", "class = \"etcd\"\nmemory_mib = 192");
    assert_eq!(
        helps(&memory),
        ["`memory_mib` is called `memory`, and has its unit with it: write memory = \"192MiB\""]
    );
}
