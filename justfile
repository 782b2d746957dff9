# Tiers of tests, with their times on two cores when everything is built. `just` comes from Debian
# (trixie and later), `cargo install just`, or `pip install rust-just`; each recipe is a command that
# can be typed without it.

# What the crates are that need no kernel, no socket and no foreign program: ARCHITECTURE.md.
pure := `.ci/pure-crates`

# The list of recipes.
default:
    @just --list --unsorted

# Pure crates and tidy: half a minute.
quick:
    cargo test --quiet --lib {{ pure }}
    cargo test --quiet -p quorate-tests --test tidy

# Every test of every crate but those of whole worlds: some minutes.
test:
    cargo test --workspace --exclude quorate-tests
    cargo test -p quorate-tests --lib --test tidy --test readme --test scenario_files --test pair --test nix --test packaging

# Foreign clients, and scenarios in the worlds `host`, `container` and `vm`: a quarter of an hour and more.
worlds:
    cargo test -p quorate-tests

# All that a merge needs; a test that does not run for want of something fails: the sum, and a release build.
everything:
    .ci/run

# The foreign programs that tests use, from Debian's packages.
install-clients:
    .ci/install-clients

# What tests need and whether it is here; tests that are off, and how to run each.
switches:
    @cargo run --quiet -p quorate-needs

# Formats and lints as a merge needs it.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
