use super::*;

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
    assert_eq!(story.etcd.members, 3);
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
    the cluster shall have 4 members, but 0 machines have class "etcd" @ 4
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
    insta::assert_snapshot!(problems(&text).join("\n"), @"unknown field `colour`, expected one of `name`, `count`, `class`, `power_on`, `every`, `spread` @ colour");
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
