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

sim := "SEAWORTHY_SIM_COMMAND=just cargo run --quiet --profile sim -p seaworthy-sim --"

# Runs scenarios under faults over many seeds: all of them for a minute, or `just sim pool --seeds 5000`.
sim *args:
    {{ sim }} run --report report.html {{ args }}

# The identical run of a seed, with its trace: `just replay pool 0x1f3a`; with `--shrink` its least faults.
replay scenario seed *args:
    {{ sim }} replay {{ scenario }} {{ seed }} {{ args }}

# As many seeds as fit: `just soak 30m`.
soak time *args:
    {{ sim }} soak {{ time }} --report report.html {{ args }}

# Checks that the simulation finds each of the planted bugs, and how soon.
canaries *args:
    {{ planted }} canaries {{ args }}

# Runs the simulation with one planted bug: `just canary NAME replay pool 0x1f3a`.
canary name *args:
    SEAWORTHY_CANARY={{ name }} SEAWORTHY_SIM_COMMAND="just canary {{ name }}" {{ planted }} {{ args }}

# A build of its own, in a folder of its own: the flag is no feature, so that no product can have it by accident.
planted := "RUSTFLAGS='--cfg seaworthy_canary' CARGO_TARGET_DIR=target/canary cargo run --quiet --profile sim -p seaworthy-sim --"

# Measures components beside their peers: all, or those named (`just bench tasks`, `just bench tasks/queue`).
bench *names:
    cd bench && cargo run --release -- {{ names }}

# Measures what a scenario costs beside turmoil alone.
bench-sim:
    cargo bench --profile sim -p seaworthy-sim --bench turmoil

# The documentation, with private items left out and every link checked.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

# The guided tour; `just tour 2 --dir ~/music` hashes a folder of yours.
tour *args:
    cargo run --release -- tour {{ args }}

# The whole gate, as CI runs it.
ci:
    .ci/run
