# Shorthands. Nothing here is needed: the README's two commands and .ci/run do everything.

_default:
    @just --list

# What CI checks, in its order
check: fmt lint test doc arch

fmt:
    cargo fmt --all --check

lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings

test:
    cargo test --workspace

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# The rules of the house: arrows, banned crates, licences
arch:
    cargo test -p waxseal-testkit --test house

# The core without anything native
pure:
    cargo test -p waxseal-core --no-default-features --features pure-rust --lib --tests

demo:
    cargo run --release -p waxseal-cli -- demo

# Format, and accept what clippy can mend
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

# A registry on loopback to try things against (ends with standard input)
registry *args:
    cargo run -p waxseal-testkit --example registry -- {{args}}

# The binary that is shipped
dist:
    cargo build --profile dist -p waxseal-cli --locked
