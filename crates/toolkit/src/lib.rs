//! The jobs: sign, verify, copy, and show what hangs on an image.
//!
//! One module a job, used by the command line and by hooks alike. This crate knows the order of steps; how bytes
//! travel is the store's, how a signature is judged is the core's, and it never talks to a terminal.

pub mod attach;
pub mod attest;
mod beside;
pub mod blob;
pub mod clean;
pub mod copy;
pub mod decide;
pub mod demo;
pub mod detached;
pub mod dockerfile;
pub mod doctor;
pub mod download;
pub mod error;
pub mod evidence;
pub mod gate;
pub mod image;
pub mod inventory;
pub mod keys;
pub mod load;
pub mod manifest;
pub mod mention;
pub mod pack;
pub mod policy;
pub mod promote;
pub mod record;
pub mod save;
pub mod scan;
pub mod sign;
pub mod tree;
pub mod verify;
pub mod version;

pub use attach::Attaching;
pub use attest::{Attested, Attesting, Claim};
pub use clean::Cleaning;
pub use copy::{CopiedImage, Copying};
pub use decide::Decision;
pub use detached::{AttachingResponse, Requesting};
pub use error::{Error, ErrorKind};
pub use evidence::Looking;
pub use gate::{Gate, GateResult};
pub use image::{Finding, Image};
pub use inventory::{Inventory, Inventorying};
pub use load::Loading;
pub use promote::{Promoting, Promotion};
pub use save::Saving;
pub use sign::{Signed, Signing, Written};
pub use tree::{Tree, tree};
pub use verify::{Platforms, Verification};
