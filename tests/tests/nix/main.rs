//! The flake, as far as it can be checked without a binary cache: files that parse, are formatted
//! and have nothing unused; names of the outputs; the lock; data that must agree with what the
//! program and the packages do. With a nixpkgs tree in `$NIXPKGS`, everything but builds.

mod agreement;
mod files;
mod flake;
mod nixpkgs;

use std::process::{Command, ExitCode};

use quorate_needs::Need;
use quorate_tests::checks::{self, Check, foreign, succeed};
use quorate_tests::root;
use serde_json::Value;

const NONE: &[Need] = &[];
const NIX: &[Need] = &[Need::Program("nix-instantiate")];
const NIXPKGS: &[Need] = &[
    Need::Switch("NIXPKGS"),
    // What nixpkgs asks for.
    Need::Since("nix", [2, 18]),
];

const CHECKS: [Check; 15] = [
    check("files_are_formatted", NONE, files::formatted),
    check("nothing_is_unused", NONE, files::no_dead_code),
    check("no_with", NONE, files::no_with),
    check("files_parse", NIX, files::parse),
    check("test_scripts_are_python", PYTHON, files::scripts_compile),
    check("test_scripts_are_clean", RUFF, files::scripts_are_clean),
    check("names_need_no_nixpkgs", NIX, flake::shape),
    check("the_lock_is_of_this_flake", NIX, flake::lock),
    check("every_scenario_is_a_nixos_test", NIX, flake::scenarios),
    check("the_units_agree", NIX, agreement::units),
    check("the_node_runs_etcd_as_seeds_do", NIX, agreement::etcd),
    check("the_flake_is_whole", NIXPKGS, nixpkgs::flake_check),
    check("the_modules_do_as_they_say", NIXPKGS, nixpkgs::modules),
    check("systemd_takes_their_units", UNITS, nixpkgs::units),
    check("scenarios_are_nixos_tests", NIXPKGS, nixpkgs::scenarios),
];

const PYTHON: &[Need] = &[Need::Program("python3")];
const RUFF: &[Need] = &[Need::Switch("ruff")];
const UNITS: &[Need] = &[
    Need::Switch("NIXPKGS"),
    Need::Since("nix", [2, 18]),
    Need::Program("systemd-analyze"),
];

fn main() -> ExitCode {
    quorate_needs::main(checks::tests(&CHECKS))
}

/// Evaluates an expression that needs no store; the answer is as JSON has it.
fn evaluate(arguments: &[&str]) -> Value {
    let mut nix = instantiate();
    let fixed = ["--store", "dummy://", "--eval", "--strict", "--json"];
    let output = succeed(nix.args(fixed).args(arguments));
    serde_json::from_slice(&output.stdout).expect("nix writes JSON")
}

/// nix-instantiate in the repository, with nobody's settings.
fn instantiate() -> Command {
    let mut nix = foreign("nix-instantiate");
    nix.current_dir(root()).env("NIX_CONF_DIR", "/nonexistent");
    nix
}

const fn check(name: &'static str, needs: &'static [Need], run: fn()) -> Check {
    Check { name, needs, run }
}
