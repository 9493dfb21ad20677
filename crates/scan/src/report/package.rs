//! Packages, from the names that scanners give them.

use waxseal_core::scan::Package;

/// A component id of Xray: `alpine://3.18:libssl3:3.1.1-r1`, `deb://debian:stretch:x:2:1.0`, `gav://g:a:v`,
/// `npm://a:1`, `generic://sha256:HEX/NAME`, or no scheme at all.
pub(super) fn of_component_id(id: &str) -> Package {
    let Some((scheme, rest)) = id.split_once("://") else { return Package::new("", id, "") };
    let kind = kind(scheme);
    // The version of a Debian or Alpine package may hold a colon of its own: count from the front.
    let (name, version) = match kind {
        "deb" => after(rest, 3),
        "alpine" => after(rest, 2),
        "generic" => (rest, ""),
        _ => rest.rsplit_once(':').unwrap_or((rest, "")),
    };
    named(kind, name, version)
}

/// A package whose kind, name and version stand apart; distribution packages without their distribution.
pub(super) fn named(kind_word: &str, name: &str, version: &str) -> Package {
    let kind = kind(kind_word);
    let name = match kind {
        "deb" | "alpine" | "rpm" => name.rsplit(':').next().unwrap_or(name),
        _ => name,
    };
    Package::new(kind, name, version)
}

/// The kind in a package URL.
pub(super) fn kind_of_purl(purl: &str) -> Option<&str> {
    purl.strip_prefix("pkg:")?.split('/').next().filter(|kind| !kind.is_empty())
}

/// The digest of a layer in a path of Xray: `sha256__HEX.tar`.
pub(super) fn layer_of_path(path: &str) -> Option<String> {
    let hex = path.split('/').find_map(|part| part.strip_prefix("sha256__"))?;
    let hex = hex.strip_suffix(".tar").unwrap_or(hex);
    (hex.len() == 64).then(|| format!("sha256:{hex}"))
}

fn kind(word: &str) -> &str {
    if word.eq_ignore_ascii_case("gav") { "maven" } else { word }
}

/// Splits behind so many parts: the parts before are the name, the rest is the version.
fn after(text: &str, parts: usize) -> (&str, &str) {
    let at = text.match_indices(':').nth(parts.saturating_sub(1)).map(|(at, _)| at);
    at.and_then(|at| text.split_at_checked(at))
        .map_or((text, ""), |(name, rest)| (name, rest.get(1..).unwrap_or("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_component_ids() {
        for (id, kind, name, version) in [
            ("alpine://3.18:libssl3:3.1.1-r1", "alpine", "libssl3", "3.1.1-r1"),
            ("deb://debian:stretch:libx11:2:1.6.4-3", "deb", "libx11", "2:1.6.4-3"),
            ("deb://debian:stretch:libx11", "deb", "libx11", ""),
            ("gav://org.hsqldb:hsqldb:1.8", "maven", "org.hsqldb:hsqldb", "1.8"),
            ("gav://test", "maven", "test", ""),
            ("npm://a:1", "npm", "a", "1"),
            ("docker://alpine:latest", "docker", "alpine", "latest"),
            ("generic://sha256:00/x.jar", "generic", "sha256:00/x.jar", ""),
            ("test_item", "", "test_item", ""),
            ("pypi://", "pypi", "", ""),
            ("", "", "", ""),
        ] {
            assert_eq!(of_component_id(id), Package::new(kind, name, version), "{id}");
        }
        assert_eq!(named("deb", "debian:bookworm:libssl3", "3"), Package::new("deb", "libssl3", "3"));
    }

    #[test]
    fn reads_layers() {
        let hex = "ab".repeat(32);
        assert_eq!(layer_of_path(&format!("sha256__{hex}.tar")), Some(format!("sha256:{hex}")));
        assert_eq!(layer_of_path(&format!("a/sha256__{hex}/usr/bin/x")), Some(format!("sha256:{hex}")));
        assert_eq!(layer_of_path("sha256__ab.tar"), None);
        assert_eq!(layer_of_path("usr/bin"), None);
    }
}
