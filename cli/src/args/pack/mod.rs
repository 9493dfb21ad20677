//! `waxseal pack`.

pub(crate) mod diff;
pub(crate) mod receiving;
pub(crate) mod verify;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::registry::RegistryArgs;
use crate::signer::SignerArgs;

/// Pack verified images into one file that travels: all platforms, signatures, attestations, checksums
///
/// Every image is verified first, and only what is verified is packed. The file is an OCI layout in a tar: plain `tar`,
/// `ctr images import` and cosign's `load` read it. A signed manifest lists every byte of it, so that `waxseal unpack` on
/// the other side writes nothing before everything was verified. The policy and the public keys travel along for people to
/// read; nobody trusts them there.
///
/// A pack that broke off stands in FILE.partial; the same command goes on where it was.
#[derive(Debug, Args)]
#[command(subcommand_negates_reqs = true, after_long_help = AFTER)]
pub(crate) struct PackArgs {
    #[command(subcommand)]
    pub(crate) what: Option<PackWhat>,
    /// Images: REGISTRY/REPOSITORY[:TAG][@DIGEST], oci:DIR[:TAG|@DIGEST] or oci-archive:FILE[:TAG|@DIGEST]
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<String>,
    /// The file to write
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) policy: receiving::ImagePolicyArgs,
    /// Private key that signs the manifest of the pack: a file, env://VAR, pkcs11:... or - for stdin (repeatable: each key signs)
    #[arg(long, value_name = "KEY", help_heading = "Key options")]
    pub(crate) key: Vec<String>,
    #[command(flatten)]
    pub(crate) signer: SignerArgs,
    /// Name of the line of packs that this one belongs to (default: the beginning of the file's name)
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Number of this pack in its line: the other side takes no lower one than it has seen (default: the time, in seconds)
    #[arg(long, value_name = "N")]
    pub(crate) serial: Option<u64>,
    /// Pack with zstd; worth it for layers that are not compressed
    #[arg(long)]
    pub(crate) zstd: bool,
    /// Split into parts of this size, as 4000M or 64G (FAT32 takes up to 4095M)
    #[arg(long, value_name = "SIZE")]
    pub(crate) split: Option<Size>,
    /// Leave out the layers that the other side has, by its `waxseal inventory --registry ... -o json`
    #[arg(long, value_name = "FILE")]
    pub(crate) have: Option<PathBuf>,
    /// Warn of images that will not be admitted any more on this day: scans too old by then, keys that have expired
    #[arg(long, value_name = "DATE")]
    pub(crate) arrives_by: Option<Moment>,
    /// Repository that an image in a layout or an archive goes by
    #[arg(long, value_name = "REPOSITORY")]
    pub(crate) identity: Option<String>,
    /// What is printed on stdout
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: PackOutput,
    #[command(flatten)]
    pub(crate) registry: RegistryArgs,
}

/// What else is done with packs.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub(crate) enum PackWhat {
    Verify(Box<verify::PackVerifyArgs>),
    Diff(Box<diff::PackDiffArgs>),
}

/// What `pack` prints on stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PackOutput {
    /// The files that were written, one a line
    #[default]
    Text,
    /// One JSON document, schema waxseal/packed/v1; of images that are not verified their verdicts, one a line
    Json,
}

/// A number of bytes: digits, and K, M, G or T for powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a size, as 650M, 4000M or 64G".to_owned();
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(split);
        let shift = match unit.trim_end_matches("iB") {
            "" => 0,
            "K" => 10,
            "M" => 20,
            "G" => 30,
            "T" => 40,
            _ => return Err(wrong()),
        };
        let number: u64 = digits.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).filter(|size| *size > 0).map(Self).ok_or_else(wrong)
    }
}

/// A moment, or the beginning of a day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment(pub(crate) Timestamp);

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(at) = text.parse::<Timestamp>() {
            return Ok(Self(at));
        }
        let day = text.parse::<Date>().and_then(|date| date.to_zoned(TimeZone::UTC));
        day.map(|day| Self(day.timestamp()))
            .map_err(|_| "expected a date, as 2026-12-24 or 2026-12-24T12:00:00Z".to_owned())
    }
}

const AFTER: &str = "\
Examples:
  Pack an image with everything that hangs on it, signed for the way:
    waxseal pack --policy policy.yaml --key pack.key --out app.tar registry.example.com/app:1.0
  In parts that fit on a stick, with a number that only grows (policy from WAXSEAL_POLICY):
    waxseal pack --key pack.key --serial 7 --split 4000M --out b.tar registry.example.com/app:1.0
  Only the layers that the site lacks, by its inventory, packed with zstd:
    waxseal pack --key pack.key --have site.json --zstd --out c.tar registry.example.com/app:1.0
  Look at what came:
    waxseal pack verify --key pack.pub --policy policy.yaml app.tar

Read by other programs: `tar -xf FILE && sha256sum -c SHA256SUMS`; `ctr images import FILE`; cosign's `load --dir` on the
unpacked folder loads the first image. A split pack is `cat FILE.part-*`; FILE.parts.sha256 is for `sha256sum -c`.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_moments_are_read_in_one_way() {
        for (text, size) in [("1", 1), ("10K", 10 << 10), ("4G", 4 << 30), ("4GiB", 4 << 30), ("2T", 2 << 40)]
        {
            assert_eq!(text.parse::<Size>().unwrap().0, size, "{text}");
        }
        for text in ["", "0", "G", "-1", "4g", "4GB", "1.5G", "99999999999999999999", "99999999T"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
        let day: Moment = "2026-12-24".parse().unwrap();
        assert_eq!(day, "2026-12-24T00:00:00Z".parse().unwrap());
        assert!("24.12.2026".parse::<Moment>().is_err());
    }
}
