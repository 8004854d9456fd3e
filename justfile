# The commands of everyday work. `just` alone lists them.

_:
    @just --list --unsorted

# Formats everything.
fmt:
    cargo fmt --all
    cd bench && cargo fmt

# What has to pass before a commit besides the tests.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --all-features -- -D warnings
    cd bench && cargo fmt --check && cargo clippy --all-targets -- -D warnings

# All tests of the product; `just test -p seaworthy-core` those of one crate.
test *args="--workspace --all-features":
    cargo test {{ args }}

# Measures components beside their peers: all, or those named (`just bench tasks`, `just bench tasks/queue`).
bench *names:
    cd bench && cargo run --release -- {{ names }}

# The documentation, with private items left out and every link checked.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# The guided tour; `just tour 2 --dir ~/music` hashes a folder of yours.
tour *args:
    cargo run --release -- tour {{ args }}

# The whole gate, as CI runs it.
ci:
    .ci/run
