//! Moves bytes: OCI registries, layout directories and archives, behind one store.
//!
//! Every read is bounded and hashed before it is handed out; every look has four outcomes that are never mixed
//! up. This crate must never learn what a signature means: it knows digests, descriptors, tags and referrers,
//! and not a word of keys or policies.

pub mod archive;
pub mod attached;
pub mod blob;
pub mod credential;
mod direct;
pub mod error;
pub mod layout;
pub mod location;
mod members;
pub mod object;
pub mod platform;
pub mod registry;
mod registry_name;
pub mod store;
pub mod transfer;

pub use archive::Archive;
pub use attached::Attached;
pub use blob::BlobStream;
pub use credential::{Credential, CredentialSources, Secret};
pub use error::{Error, ErrorKind};
pub use layout::Layout;
pub use location::{LocalName, Location};
pub use object::{Fetched, Look, Referrers, ReferrersSource, Which};
pub use registry::{Client, ClientOptions, Registry};
pub use registry_name::RegistryName;
pub use store::{Resolved, Store};
