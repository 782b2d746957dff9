use super::*;

const DEB822: &str = "\
Types: deb deb-src
# a comment inside
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
";

#[test]
fn the_mirror_is_taken_from_deb822_sources() {
    let sources = parse_deb822(DEB822);
    assert_eq!(sources.len(), 2, "a disabled stanza does not count");
    let mirror = find_mirror(&sources, "bookworm").unwrap();
    assert_eq!(
        mirror.for_suite("trixie"),
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\nComponents: main\n\
         Targets: Packages\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
}

#[test]
fn a_key_inside_a_stanza_is_kept_whole() {
    let text = "Types: deb\nURIs: http://m/debian\nSuites: trixie\nComponents: main\n\
                Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n -----END PGP PUBLIC KEY BLOCK-----\n";
    let sources = parse_deb822(text);
    let stanza = sources[0].for_suite("bookworm");
    assert!(stanza.contains("Signed-By: \n -----BEGIN"), "{stanza}");
    assert!(stanza.contains("\n .\n mQINBF\n"), "{stanza}");
}

#[test]
fn the_mirror_is_taken_from_one_line_sources() {
    let text = "\
# deb http://commented.example/debian bookworm main
deb-src http://source.example/debian bookworm main
deb cdrom:[Debian]/ bookworm main
deb [arch=amd64 signed-by=/k/one.gpg,/k/two.gpg] http://mirror.example/debian bookworm main # trailing
deb http://vendor.example/apt stable vendor
";
    let sources = parse_one_line(text);
    let mirror = find_mirror(&sources, "bookworm").unwrap();
    assert_eq!(mirror.uris, ["http://mirror.example/debian"]);
    assert_eq!(mirror.signed_by.as_deref(), Some("/k/one.gpg /k/two.gpg"));
}

#[test]
fn a_third_partys_source_is_no_mirror() {
    let sources = parse_one_line("deb http://vendor.example/apt nodistro main\n");
    assert_eq!(find_mirror(&sources, "bookworm"), None);
}

#[test]
fn only_transport_settings_are_taken_over() {
    for (line, taken) in [
        (r#"Acquire::http::Proxy "http://proxy.example:3128";"#, true),
        (r#"Acquire::Check-Valid-Until "false";"#, true),
        (r#"Acquire::http "";"#, false),
        (r#"Acquire::IndexTargets::deb::DEP-11::MetaKey "x";"#, false),
        (
            r#"APT::Update::Post-Invoke:: "rm -f /var/cache/apt/*.bin";"#,
            false,
        ),
        (r#"Dir::State "var/lib/apt";"#, false),
    ] {
        assert_eq!(is_transport_setting(line), taken, "{line}");
    }
}
