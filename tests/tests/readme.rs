//! What the README asks people to write is what quorate reads.

use quorate_daemon::{Config, ServeError};
use quorate_scenario::Story;
use quorate_tests::read;

#[test]
fn its_scenario_is_a_story() {
    if let Err(error) = Story::parse("README.md", &example("title = ")) {
        panic!("{:?}", miette::Report::new(error));
    }
}

/// All but its sockets: the addresses in it are not this machine's, and that is the first thing
/// that may be wrong with it.
#[test]
fn its_servers_would_run_on_their_machine() {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let state = dir.path().join("state").display().to_string();
    let text = example("state_dir = ") + &example("[boot]");
    let text = text.replace("/var/lib/quorate", &state);
    let text = text.replace("\"eth0\"", "\"no-such-card\"");
    let path = dir.path().join("quorate.toml");
    std::fs::write(&path, text).expect("the directory is writable");
    let config = match Config::load(&path) {
        Ok(config) => config,
        Err(error) => panic!("{:?}", miette::Report::new(error)),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let ended = runtime.block_on(quorate_daemon::run(config, std::future::pending(), |_| {}));
    assert!(matches!(ended, Err(ServeError::Socket { .. })), "{ended:?}");
}

/// With `ds=nocloud` cloud-init 22.4.2 fetches a seed from a URL, finds that its mode is another one,
/// and leaves the machine as it was; `tests/debian` has the real thing.
#[test]
fn its_kernel_argument_is_one_that_all_of_cloud_init_obey() {
    let texts = ["README.md", "docs/metal.md", "packaging/quorate.toml"].map(read);
    let arguments: Vec<_> = texts
        .iter()
        .flat_map(|text| text.split("ds=nocloud").skip(1))
        .filter_map(|rest| rest.split_once(";s=").map(|(mode, _)| mode))
        .filter(|mode| mode.len() < "-net ".len())
        .collect();
    assert!(arguments.len() >= 3, "{arguments:?}");
    assert!(
        arguments.iter().all(|mode| *mode == "-net"),
        "{arguments:?}"
    );
}

/// The TOML block that begins so.
fn example(beginning: &str) -> String {
    let text = read("README.md");
    let blocks = text.split("```toml\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    blocks
        .find(|block| block.starts_with(beginning))
        .unwrap_or_else(|| panic!("no TOML block of the README begins with {beginning}"))
        .to_owned()
}
