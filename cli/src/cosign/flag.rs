//! What a flag of cosign is, and how it stands here.

/// What stands behind a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing, or `=true` and `=false`.
    Bool,
    /// A text, behind `=` or as the next argument.
    Text,
}

/// In which versions of cosign a flag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// In 2.6 and 3.1.
    Both,
    /// In 3.1 only.
    Three,
}

/// How a flag of cosign stands here.
#[derive(Clone, Copy)]
pub(crate) enum Standing {
    /// The same flag, with the same meaning.
    Same,
    /// Another flag says it here.
    Mapped {
        /// In words, for the page.
        #[cfg_attr(not(test), expect(dead_code, reason = "the page is written by a test"))]
        to: &'static str,
        /// The arguments that say it.
        how: fn(&str) -> Result<Vec<String>, String>,
    },
    /// What it asks for is so anyway. Other values are refused.
    AlreadySo {
        /// The values that ask for it; none: any.
        values: &'static [&'static str],
        /// Why it is so, and what to do where something else was asked for.
        because: &'static str,
    },
    /// Refused, with what to do instead.
    Refused {
        /// What to do instead.
        instead: &'static str,
    },
}

/// When a variable stands in for a flag that was not typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// Always: `COSIGN_<FLAG>`.
    Own,
    /// Never: the variable of that name means something else.
    Never,
    /// Where none of `unless` was typed, and `with` is given, by a flag or by its own variable.
    Where {
        /// Flags, of ours too, that say the same in another way.
        unless: &'static [&'static str],
        /// The flag that it says nothing without.
        with: Option<&'static str>,
    },
}

/// A flag of cosign.
#[derive(Clone, Copy)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    /// Other names that cosign takes for it.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) short: Option<char>,
    pub(crate) takes: Takes,
    pub(crate) since: Since,
    /// A boolean that is true unless it is said to be false.
    pub(crate) default_true: bool,
    pub(crate) variable: Variable,
    pub(crate) standing: Standing,
}

impl Flag {
    const fn new(name: &'static str, takes: Takes, standing: Standing) -> Self {
        Self {
            name,
            aliases: &[],
            short: None,
            takes,
            since: Since::Both,
            default_true: false,
            variable: Variable::Own,
            standing,
        }
    }

    /// The same flag here.
    pub(crate) const fn same(name: &'static str, takes: Takes) -> Self {
        Self::new(name, takes, Standing::Same)
    }

    /// The same flag here, true unless it is said to be false.
    pub(crate) const fn same_true(name: &'static str) -> Self {
        let mut flag = Self::same(name, Takes::Bool);
        flag.default_true = true;
        flag
    }

    /// Said by another flag here.
    pub(crate) const fn mapped(
        name: &'static str,
        takes: Takes,
        to: &'static str,
        how: fn(&str) -> Result<Vec<String>, String>,
    ) -> Self {
        Self::new(name, takes, Standing::Mapped { to, how })
    }

    /// So anyway.
    pub(crate) const fn already(
        name: &'static str,
        takes: Takes,
        values: &'static [&'static str],
        because: &'static str,
    ) -> Self {
        Self::new(name, takes, Standing::AlreadySo { values, because })
    }

    /// Refused.
    pub(crate) const fn refused(name: &'static str, takes: Takes, instead: &'static str) -> Self {
        Self::new(name, takes, Standing::Refused { instead })
    }

    /// With a letter.
    pub(crate) const fn short(mut self, letter: char) -> Self {
        self.short = Some(letter);
        self
    }

    /// With other names.
    pub(crate) const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// In cosign 3.1 only.
    pub(crate) const fn since_three(mut self) -> Self {
        self.since = Since::Three;
        self
    }

    /// Set by a variable only there.
    pub(crate) const fn set_where(mut self, variable: Variable) -> Self {
        self.variable = variable;
        self
    }

    /// Whether this is the flag that was typed, without its dashes.
    pub(crate) fn is(&self, typed: &str) -> bool {
        self.name == typed || self.aliases.contains(&typed)
    }

    /// The name of the variable that sets it, if one does.
    pub(crate) fn variable(&self) -> Option<String> {
        (self.variable != Variable::Never).then(|| variable(self.name))
    }
}

/// The name of the variable of a flag.
pub(crate) fn variable(flag: &str) -> String {
    format!("COSIGN_{}", flag.to_ascii_uppercase().replace('-', "_"))
}

/// A command of cosign.
#[derive(Clone, Copy)]
pub(crate) struct Verb {
    /// Its words.
    pub(crate) words: &'static [&'static str],
    /// Its flags, by group.
    pub(crate) groups: &'static [&'static [Flag]],
}

impl Verb {
    /// All its flags.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &'static Flag> {
        self.groups.iter().flat_map(|group| group.iter())
    }
}
