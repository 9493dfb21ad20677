//! cosign's flags and variables, understood: a script with `cosign` in it runs with `waxseal` in its place.
//!
//! What was typed is translated before it is parsed: each flag of cosign is the same here, is said by another
//! flag, is so anyway, or is refused with what to do instead ([`table`]). Booleans take `=true` and `=false`, a single
//! dash before a long name is understood, and `COSIGN_<FLAG>` stands in for a flag that was not typed. Flags that
//! cosign does not have pass through untouched.

mod flag;
#[cfg(test)]
mod page;
mod table;

use std::ffi::{OsStr, OsString};
use std::path::Path;

use self::flag::{Flag, Standing, Takes, Variable, Verb};
use crate::fault::Fault;

/// Whether the program was called by cosign's name, through a link.
pub(crate) fn is_cosign(program: Option<&OsString>) -> bool {
    program.and_then(|path| Path::new(path).file_stem()).is_some_and(|name| name == OsStr::new("cosign"))
}

/// Translates what was typed. `variable` looks a variable of the environment up.
pub(crate) fn translate(
    arguments: Vec<OsString>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<OsString>, Fault> {
    let as_cosign = is_cosign(arguments.first());
    let Some((verb, words)) = verb(&arguments) else {
        return Ok(arguments);
    };
    let mut translation = Translation { verb, as_cosign, seen: Vec::new(), out: Vec::new() };
    let mut rest = arguments.into_iter().enumerate();
    while let Some((at, argument)) = rest.next() {
        let Some(text) = argument.to_str() else {
            translation.out.push(argument);
            continue;
        };
        if text == "--" {
            translation.out.push(argument);
            translation.out.extend(rest.by_ref().map(|(_, argument)| argument));
            break;
        }
        if at == 0 || words.contains(&at) || !text.starts_with('-') || text == "-" {
            translation.out.push(argument);
            continue;
        }
        match translation.flag(text) {
            None => translation.out.push(argument),
            Some((flag, value)) => {
                let value = match (value, flag.takes) {
                    (Some(value), _) => value,
                    (None, Takes::Bool) => "true".to_owned(),
                    (None, Takes::Text) => match rest.next() {
                        Some((_, value)) => match value.into_string() {
                            Ok(value) => value,
                            // A path that is no text: only flags that are the same here can take it.
                            Err(value) => {
                                translation.same_path(flag, value)?;
                                continue;
                            }
                        },
                        None => {
                            return Err(Fault::usage(format!("--{} needs a value", flag.name)));
                        }
                    },
                };
                translation.take(flag, &value, &format!("--{}", flag.name))?;
            }
        }
    }
    translation.take_variables(variable)?;
    Ok(translation.out)
}

/// The command that was typed, and where its words stand.
fn verb(arguments: &[OsString]) -> Option<(&'static Verb, Vec<usize>)> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut skip = false;
    for (at, argument) in arguments.iter().enumerate().skip(1) {
        let text = argument.to_str()?;
        if std::mem::take(&mut skip) {
            continue;
        }
        if let Some(name) = text.strip_prefix('-') {
            let name = name.trim_start_matches('-');
            // A flag of every command may stand before the command, with its value behind it.
            skip = table::ROOT.iter().any(|flag| {
                flag.takes == Takes::Text
                    && (flag.is(name) || flag.short.is_some_and(|short| name == short.to_string()))
            });
            continue;
        }
        words.push((at, text));
        let typed: Vec<_> = words.iter().map(|(_, word)| *word).collect();
        if let Some(verb) = table::VERBS.iter().find(|verb| verb.words == typed.as_slice()) {
            return Some((verb, words.iter().map(|(at, _)| *at).collect()));
        }
        if !table::VERBS.iter().any(|verb| verb.words.starts_with(&typed)) {
            return None;
        }
    }
    None
}

struct Translation {
    verb: &'static Verb,
    as_cosign: bool,
    seen: Vec<&'static str>,
    out: Vec<OsString>,
}

impl Translation {
    /// The flag of cosign that was typed, and its value if it stands behind an equals sign.
    fn flag(&self, text: &str) -> Option<(&'static Flag, Option<String>)> {
        let (typed, value) = match text.split_once('=') {
            Some((typed, value)) => (typed, Some(value.to_owned())),
            None => (text, None),
        };
        let find = |matches: &dyn Fn(&Flag) -> bool| self.flags().find(|flag| matches(flag));
        let found = if let Some(name) = typed.strip_prefix("--") {
            find(&|flag| flag.is(name))
        } else {
            let name = typed.strip_prefix('-').unwrap_or_default();
            let mut letters = name.chars();
            match (letters.next(), letters.next()) {
                (Some(letter), None) => find(&|flag| flag.short == Some(letter)),
                // The old form: one dash before a long name.
                _ => find(&|flag| flag.is(name)),
            }
        };
        found.map(|flag| (flag, value))
    }

    fn flags(&self) -> impl Iterator<Item = &'static Flag> {
        let verifies = matches!(
            self.verb.words,
            ["verify" | "verify-attestation" | "verify-blob" | "verify-blob-attestation"]
                | ["manifest" | "dockerfile", "verify"]
        );
        let offline = (self.as_cosign && verifies).then_some(&table::OFFLINE);
        self.verb.flags().chain(table::ROOT).chain(offline)
    }

    /// Takes a flag with its value; `said` is how it was said.
    fn take(&mut self, flag: &'static Flag, value: &str, said: &str) -> Result<(), Fault> {
        self.seen.push(flag.name);
        let canonical = match flag.takes {
            Takes::Text => value.to_owned(),
            Takes::Bool => boolean(value)
                .ok_or_else(|| Fault::usage(format!("{said}={value}: expected true or false")))?
                .to_string(),
        };
        match flag.standing {
            Standing::Same => match flag.takes {
                Takes::Text if flag.name == "annotations" && self.as_cosign => {
                    // cosign splits a list at commas; waxseal takes each -a as one annotation.
                    for one in canonical.split(',') {
                        self.out.push(format!("--{}={one}", flag.name).into());
                    }
                }
                Takes::Text => self.out.push(format!("--{}={canonical}", flag.name).into()),
                Takes::Bool if flag.default_true => {
                    self.out.push(format!("--{}={canonical}", flag.name).into());
                }
                Takes::Bool if canonical == "true" => self.out.push(format!("--{}", flag.name).into()),
                Takes::Bool => {}
            },
            Standing::Mapped { how, .. } => {
                let said_here = how(&canonical).map_err(|why| Fault::usage(format!("{said}: {why}")))?;
                self.out.extend(said_here.into_iter().map(OsString::from));
            }
            Standing::AlreadySo { values, because } => {
                if !values.is_empty() && !values.contains(&canonical.as_str()) {
                    return Err(Fault::usage(format!("{said}={canonical} cannot be had here")).hint(because));
                }
            }
            Standing::Refused { instead } => {
                return Err(Fault::usage(format!("{said} is cosign's and is not taken here")).hint(instead));
            }
        }
        Ok(())
    }

    /// Takes a flag whose value is a path that is no text.
    fn same_path(&mut self, flag: &'static Flag, value: OsString) -> Result<(), Fault> {
        self.seen.push(flag.name);
        match flag.standing {
            Standing::Same => {
                let mut argument = OsString::from(format!("--{}=", flag.name));
                argument.push(value);
                self.out.push(argument);
                Ok(())
            }
            _ => Err(Fault::usage(format!("--{}: the value is not UTF-8", flag.name))),
        }
    }

    /// Variables stand in for flags that were not typed.
    fn take_variables(&mut self, variable: impl Fn(&str) -> Option<String>) -> Result<(), Fault> {
        let unset: Vec<_> = self.flags().filter(|flag| !self.seen.contains(&flag.name)).collect();
        // Flags have to stand before a `--`.
        let tail = self.out.iter().position(|argument| argument == "--").map(|at| self.out.split_off(at));
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let typed: Vec<String> = self.out.iter().filter_map(|argument| name_of(argument)).collect();
        for flag in unset {
            if let Variable::Where { unless, with } = flag.variable {
                let said = |name: &str| typed.iter().any(|typed| typed == name);
                let missing = with.is_some_and(|with| !said(with) && set(&flag::variable(with)).is_none());
                if missing || unless.iter().any(|other| said(other)) {
                    continue;
                }
            }
            let Some(name) = flag.variable() else { continue };
            if let Some(value) = set(&name) {
                self.take(flag, &value, &name)?;
            }
        }
        self.out.extend(tail.into_iter().flatten());
        if let Some(value) = variable("COSIGN_DOCKER_MEDIA_TYPES")
            && boolean(&value) == Some(true)
        {
            return Err(Fault::usage(
                "COSIGN_DOCKER_MEDIA_TYPES is not taken: signatures are written with OCI media types; unset it",
            ));
        }
        Ok(())
    }
}

/// The name of a flag with two dashes, as it stands translated.
fn name_of(argument: &OsStr) -> Option<String> {
    let flag = argument.to_str()?.strip_prefix("--")?;
    Some(flag.split_once('=').map_or(flag, |(name, _)| name).to_owned())
}

/// The words that cosign's flags take for true and false.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str, variables: &[(&str, &str)]) -> Result<Vec<String>, Fault> {
        let arguments = line.split(' ').map(OsString::from).collect();
        let look = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let translated = translate(arguments, look)?;
        Ok(translated.into_iter().map(|argument| argument.into_string().unwrap()).collect())
    }

    fn line(text: &str) -> String {
        run(text, &[]).unwrap().join(" ")
    }

    #[test]
    fn flags_are_the_same_mapped_or_already_so() {
        assert_eq!(line("waxseal sign -key k -r image"), "waxseal sign --key=k --recursive image");
        assert_eq!(
            line("waxseal sign --key=k -y --tlog-upload=false image"),
            "waxseal sign --key=k --yes image"
        );
        assert_eq!(
            line("waxseal sign --new-bundle-format=false --key k image"),
            "waxseal sign --format legacy --key=k image"
        );
        assert_eq!(line("waxseal verify --insecure-ignore-tlog --key k i"), "waxseal verify --key=k i");
        assert_eq!(line("waxseal -d verify --key k i"), "waxseal --verbose verify --key=k i");
        assert_eq!(line("waxseal -t 1m verify --key k i"), "waxseal --timeout=1m verify --key=k i");
        assert_eq!(line("waxseal verify --threshold 2 --key k i"), "waxseal verify --threshold 2 --key=k i");
        assert_eq!(line("waxseal demo --key k"), "waxseal demo --key k");
        assert_eq!(line("waxseal verify --key k -- --rekor-url"), "waxseal verify --key=k -- --rekor-url");
        assert_eq!(line("waxseal verify --key - i"), "waxseal verify --key=- i");
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        for text in [
            "waxseal sign --tlog-upload image",
            "waxseal sign --tlog-upload=true image",
            "waxseal sign --rekor-url https://rekor.example.com image",
            "waxseal verify --insecure-ignore-tlog=false image",
            "waxseal verify --certificate-identity a image",
            "waxseal verify --cert-identity a image",
            "waxseal verify --check-claims=false image",
            "waxseal sign --recursive=maybe image",
            "waxseal sign --key",
        ] {
            assert_eq!(run(text, &[]).unwrap_err().exit(), crate::exit::Exit::Usage, "{text}");
        }
    }

    #[test]
    fn variables_stand_in_for_flags() {
        let set = [("COSIGN_KEY", "k"), ("COSIGN_YES", "true"), ("COSIGN_TLOG_UPLOAD", "false")];
        assert_eq!(run("waxseal sign image", &set).unwrap().join(" "), "waxseal sign image --key=k --yes");
        assert_eq!(
            run("waxseal sign --key x -- image", &set).unwrap().join(" "),
            "waxseal sign --key=x --yes -- image"
        );
        assert!(run("waxseal sign image", &[("COSIGN_REKOR_URL", "x")]).is_err());
        assert!(run("waxseal sign image", &[("COSIGN_DOCKER_MEDIA_TYPES", "1")]).is_err());
    }

    #[test]
    fn the_password_of_a_key_is_no_password_of_a_registry() {
        let set = [("COSIGN_PASSWORD", "canary"), ("COSIGN_USERNAME", "robot")];
        assert_eq!(
            run("waxseal login registry.example.com", &set).unwrap().join(" "),
            "waxseal login registry.example.com --username=robot"
        );
        // A variable that means something of its own is no flag's, in any command.
        let own = [
            "COSIGN_PASSWORD",
            "COSIGN_REPOSITORY",
            "COSIGN_EXPERIMENTAL",
            "COSIGN_DOCKER_MEDIA_TYPES",
            "COSIGN_MAX_ATTACHMENT_SIZE",
            "COSIGN_PKCS11_PIN",
            "COSIGN_PKCS11_MODULE_PATH",
            "COSIGN_PKCS11_IGNORE_CERTIFICATE",
        ];
        for verb in table::VERBS {
            for flag in verb.flags().chain(table::ROOT).chain([&table::OFFLINE]) {
                let name = flag.variable().unwrap_or_default();
                assert!(!own.contains(&name.as_str()), "{} --{}", verb.words.join(" "), flag.name);
            }
        }
    }

    #[test]
    fn credentials_that_were_typed_win_over_variables() {
        let all = [
            ("COSIGN_REGISTRY_USERNAME", "robot"),
            ("COSIGN_REGISTRY_PASSWORD", "p"),
            ("COSIGN_REGISTRY_TOKEN", "t"),
        ];
        let given = |line: &str, set: &[(&str, &str)]| {
            let out = run(&format!("waxseal tree image{line}"), set).unwrap().join(" ");
            out.strip_prefix("waxseal tree image").unwrap().replace("--registry-", "").trim().to_owned()
        };
        assert_eq!(given("", &all[..2]), "password=p username=robot");
        assert_eq!(given("", &all[2..]), "token=t");
        // Without a user, the password is nobody's.
        assert_eq!(given("", &all[1..2]), "");
        assert_eq!(given(" --registry-username me", &all[1..]), "username=me password=p");
        assert_eq!(given(" --registry-username me --registry-password x", &all), "username=me password=x");
        assert_eq!(given(" --registry-password-stdin", &all), "password-stdin username=robot");
        assert_eq!(given(" --registry-token x", &all), "token=x");
    }

    #[test]
    fn under_its_own_name_cosign_is_taken_at_its_word() {
        assert_eq!(line("/usr/bin/cosign verify --offline --key k i"), "/usr/bin/cosign verify --key=k i");
        assert_eq!(line("waxseal verify --offline --key k i"), "waxseal verify --offline --key=k i");
        assert_eq!(
            line("cosign sign -a a=b,c=d --key k i"),
            "cosign sign --annotations=a=b --annotations=c=d --key=k i"
        );
        assert_eq!(line("waxseal sign -a a=b,c=d --key k i"), "waxseal sign --annotations=a=b,c=d --key=k i");
    }
}
