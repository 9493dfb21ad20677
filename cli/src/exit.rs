//! The exit codes, in one place (design, section 8).

use std::process::ExitCode;

use waxseal_core::verify::Outcome;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, or admitted.
    Done,
    /// 1: refused.
    Refused,
    /// 2: what was typed does not make sense.
    Usage,
    /// 3: could not reach or read what was needed.
    Undecided,
    /// 4: a policy, a key or a setting does not hold.
    Configuration,
    /// 70: a mistake of the program.
    Internal,
}

impl Exit {
    /// The number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Undecided => 3,
            Self::Configuration => 4,
            Self::Internal => 70,
        }
    }

    /// The worse of two (rule V4): 70, 4, 2, 1, 3, 0.
    pub(crate) fn worst(self, other: Self) -> Self {
        let rank = |exit: Self| match exit {
            Self::Internal => 5,
            Self::Configuration => 4,
            Self::Usage => 3,
            Self::Refused => 2,
            Self::Undecided => 1,
            Self::Done => 0,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Admit => Self::Done,
            Outcome::Undecided => Self::Undecided,
            // Whatever is not known here is not admitted.
            _ => Self::Refused,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_decides() {
        let all =
            [Exit::Done, Exit::Undecided, Exit::Refused, Exit::Usage, Exit::Configuration, Exit::Internal];
        for (at, worse) in all.iter().enumerate() {
            for better in all.iter().take(at) {
                assert_eq!(better.worst(*worse), *worse);
                assert_eq!(worse.worst(*better), *worse);
            }
        }
    }
}
