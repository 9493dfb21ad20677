//! S9: the signed name binds only where asked. S10: what was not checked is said.

use waxseal_core::limits::{LOG_ENTRIES, TIMESTAMPS};
use waxseal_core::media_type::IN_TOTO;
use waxseal_core::policy::SignedFor;
use waxseal_core::reference::PinnedRef;
use waxseal_core::{Format, Policy, Reason, Repository, Subject};

use crate::make::{
    BOTH, Case, REPOSITORY, admitted, bundle, bundle_bytes, by, by_release, changed, image, key, over, pair,
    refused, signed_as, statement, text,
};

fn wanting(name: SignedFor) -> Policy {
    Policy::requiring(by(&["release"]).signed_for(name))
}

fn globs(all: &[&str]) -> SignedFor {
    SignedFor::Globs(all.iter().map(|glob| glob.parse().unwrap()).collect())
}

fn named(format: Format, name: &str) -> waxseal_core::Candidate {
    signed_as(format, &key("release"), image(), name, &[])
}

#[test]
pub(crate) fn s9_the_same_name() {
    let policy = wanting(SignedFor::Same);
    for format in BOTH {
        for good in [REPOSITORY, "registry.example.com/prod/app:1.0", "Registry.Example.com/prod/app"] {
            for bad in [
                "registry.example.com/stage/app",
                "registry.example.com/prod/app2",
                "registry.example.com/prod",
                "registry.example.com:443/prod/app",
                "registry.example.com.evil/prod/app",
                "prod/app",
                "https://registry.example.com/prod/app",
                "registry.example.com/prod/APP",
                " registry.example.com/prod/app",
            ] {
                let case = |name| Case::new(&policy, [named(format, name)]);
                pair(bad, &case(good), &case(bad), Reason::SignedForMismatch);
            }
        }
    }
}

#[test]
fn s9_patterns() {
    let policy = wanting(globs(&["registry.example.com/prod/*", "mirror.example.com/**"]));
    for format in BOTH {
        let case = |name| Case::new(&policy, [named(format, name)]);
        for bad in [
            "registry.example.com/prod/team/app",
            "registry.example.com/prod",
            "mirror.example.com.evil/app",
            "example.com/registry.example.com/prod/app",
        ] {
            pair(bad, &case("mirror.example.com/a/b/c"), &case(bad), Reason::SignedForMismatch);
        }
    }
    let none = Case::new(&wanting(globs(&[])), [named(Format::Bundle, REPOSITORY)]);
    refused("no pattern at all", &none.verdict(), Reason::SignedForMismatch);
}

/// A signature without a name matches only where any name does.
#[test]
fn s9_no_name() {
    for format in BOTH {
        let unnamed = match format {
            Format::Legacy => changed(&text(format), &format!("\"{REPOSITORY}\""), "\"\""),
            _ => changed(&text(format), &format!("\"name\":\"{REPOSITORY}\","), ""),
        };
        let unnamed = || [over(format, &key("release"), &unnamed)];
        let good = Case::new(&wanting(SignedFor::Any), unnamed());
        for wanted in [SignedFor::Same, globs(&["registry.example.com/**"])] {
            pair("no name", &good, &Case::new(&wanting(wanted), unnamed()), Reason::SignedForMismatch);
        }
        assert_eq!(good.verdict().signatures()[0].name, None);
        admitted("any name", &Case::new(&by_release(), [named(format, "evil.example.com/x")]).verdict());
    }
}

/// An image in a layout has no name unless somebody gives it one.
#[test]
fn s9_an_image_without_a_name_is_the_same_as_none() {
    let local = |identity: Option<&str>| {
        Subject::new(PinnedRef::local("oci:dir", identity.map(|name| name.parse().unwrap()), image()))
    };
    let case = |identity| {
        Case::new(&wanting(SignedFor::Same), [named(Format::Bundle, REPOSITORY)]).about(local(identity))
    };
    pair("no identity", &case(Some(REPOSITORY)), &case(None), Reason::SignedForMismatch);
    let unnamed = changed(&statement(&[]), &format!("\"name\":\"{REPOSITORY}\","), "");
    let unnamed = over(Format::Bundle, &key("release"), &unnamed);
    let neither = Case::new(&wanting(SignedFor::Same), [unnamed]).about(local(None));
    refused("neither has a name", &neither.verdict(), Reason::SignedForMismatch);
    refused("another identity", &case(Some("example.com/app")).verdict(), Reason::SignedForMismatch);
}

/// cosign signs Docker's images under `index.docker.io`, people write `docker.io` or nothing at all.
#[test]
fn s9_every_name_of_dockers_registry_is_one() {
    for signed in ["index.docker.io/library/busybox", "busybox", "docker.io/library/busybox:1.36"] {
        let candidate = named(Format::Legacy, signed);
        for glob in ["docker.io/library/*", "index.docker.io/library/*", "registry-1.docker.io/**"] {
            let good = Case::new(&wanting(globs(&[glob])), [candidate.clone()]);
            let other = glob.replace("docker.io/", "docker.io.example/");
            let bad = Case::new(&wanting(globs(&[&other])), [candidate.clone()]);
            pair(glob, &good, &bad, Reason::SignedForMismatch);
        }
        let about = |name: &str| Subject::new(name.parse::<Repository>().unwrap().pin(image()));
        let good = Case::new(&wanting(SignedFor::Same), [candidate.clone()]).about(about("busybox"));
        let bad = good.clone().about(about("docker.io/library/alpine"));
        pair("same", &good, &bad, Reason::SignedForMismatch);
    }
}

#[test]
fn s9_s10_what_was_not_checked_is_said() {
    let unchecked = |policy: &Policy| {
        let case = Case::new(policy, [named(Format::Bundle, REPOSITORY)]);
        case.verdict().report().unchecked.clone()
    };
    assert_eq!(unchecked(&by_release()), ["transparency-log", "signed-name"]);
    assert_eq!(unchecked(&wanting(SignedFor::Same)), ["transparency-log"]);
    assert_eq!(
        unchecked(&wanting(SignedFor::Same).and(by(&["release"]))),
        ["transparency-log", "signed-name"]
    );
}

/// T-33: log entries and timestamps are counted and not read.
#[test]
fn s10_log_entries_are_bounded_and_do_not_matter() {
    let honest =
        String::from_utf8(bundle_bytes(&[&key("release")], IN_TOTO, statement(&[]).as_bytes())).unwrap();
    let with = |member: &str, count: usize| {
        let items = vec!["{\"logIndex\":\"junk\"}"; count].join(",");
        let member = format!("{},\"publicKey\"", member.replace("ITEMS", &items));
        Case::new(&by_release(), [bundle(changed(&honest, "\"publicKey\"", &member).as_bytes())])
    };
    for (member, limit) in [
        ("\"tlogEntries\":[ITEMS]", LOG_ENTRIES),
        ("\"timestampVerificationData\":{\"rfc3161Timestamps\":[ITEMS]}", TIMESTAMPS),
    ] {
        pair(member, &with(member, limit), &with(member, limit + 1), Reason::LimitExceeded);
        refused(member, &with(member, 10_000).verdict(), Reason::LimitExceeded);
    }
}
