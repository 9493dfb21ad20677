//! What the commands do. Each takes what was typed, runs a job of the toolkit, and tells what came of it.

mod attach;
mod attach_response;
pub(crate) mod attest;
mod attest_blob;
mod clean;
mod completion;
mod copy;
mod cosign_verify;
mod demo;
mod doctor;
mod documents;
mod download;
mod gate;
mod generate;
mod generate_key_pair;
mod import_key_pair;
mod inventory;
mod judging;
mod load;
mod login;
mod logout;
mod man;
mod pack;
mod payload;
mod pkcs11_tool;
mod policy;
mod promote;
mod public_key;
mod record;
mod save;
mod scan;
mod scan_rules;
mod sign;
mod sign_blob;
mod sign_payload;
mod tree;
mod triangulate;
mod unpack;
mod verify;
mod verify_attestation;
mod verify_blob;
mod verify_blob_attestation;
mod version;

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::fault::Fault;

/// Runs the command that was typed; `as_cosign` if the program was called by that name.
pub(crate) async fn run(cli: Cli, as_cosign: bool) -> Result<Exit, Fault> {
    let offline = cli.offline;
    match cli.command {
        Command::Sign(args) => sign::run(&args, offline).await,
        Command::Verify(args) => verify::run(&args, offline, as_cosign).await,
        Command::VerifyAttestation(args) => verify_attestation::run(&args, offline, as_cosign).await,
        Command::Gate(args) => gate::run(&args, offline).await,
        Command::SignBlob(args) => sign_blob::run(&args, offline),
        Command::VerifyBlob(args) => verify_blob::run(&args, offline).await,
        Command::VerifyBlobAttestation(args) => verify_blob_attestation::run(&args, offline).await,
        Command::Attest(args) => attest::run(&args, offline).await,
        Command::AttestBlob(args) => attest_blob::run(&args, offline),
        Command::Payload(args) => payload::run(&args, offline).await,
        Command::SignPayload(args) => sign_payload::run(&args),
        Command::Generate(args) => generate::run(&args, offline).await,
        Command::GenerateKeyPair(args) => generate_key_pair::run(&args),
        Command::ImportKeyPair(args) => import_key_pair::run(&args, offline),
        Command::PublicKey(args) => public_key::run(&args, offline).await,
        Command::Pkcs11Tool(args) => pkcs11_tool::run(&args, offline),
        Command::Copy(args) => copy::run(&args, offline).await,
        Command::Pack(args) => pack::run(&args, offline).await,
        Command::Unpack(args) => unpack::run(&args, offline).await,
        Command::Promote(args) => Box::pin(promote::run(&args, offline)).await,
        Command::Save(args) => save::run(&args, offline).await,
        Command::Load(args) => load::run(&args, offline).await,
        Command::Tree(args) => tree::run(&args, offline).await,
        Command::Triangulate(args) => triangulate::run(&args, offline).await,
        Command::Inventory(args) => inventory::run(&args, offline).await,
        Command::Policy(args) => policy::run(&args, offline).await,
        Command::Scan(args) => scan::run(&args, offline).await,
        Command::Record(args) => record::run(&args, offline).await,
        Command::Download(args) => download::run(&args, offline).await,
        Command::Attach(args) => attach::run(&args, offline).await,
        Command::Clean(args) => clean::run(&args, offline).await,
        Command::Manifest(args) => cosign_verify::manifest(&args, offline, as_cosign).await,
        Command::Dockerfile(args) => cosign_verify::dockerfile(&args, offline, as_cosign).await,
        Command::Login(args) => login::run(&args, offline).await,
        Command::Logout(args) => logout::run(&args).await,
        Command::Doctor(args) => doctor::run(&args, offline).await,
        Command::Demo(args) => demo::run(&args, offline).await,
        Command::Version(args) => version::run(&args),
        Command::Completion(args) => completion::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
