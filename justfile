# Shorthands. What must pass is .ci/run; most of these are steps of it.

_default:
    @just --list

# The steps of .ci/run that need nothing but Rust, in its order
check:
    .ci/run format lint test doc pure

fmt:
    .ci/run format

lint:
    .ci/run lint

test:
    .ci/run test

doc:
    .ci/run doc

# The core without anything native
pure:
    .ci/run pure

demo:
    .ci/run demo

# The rules of the house alone: arrows, banned crates, licences
arch:
    cargo test -p waxseal-testkit --test house

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
