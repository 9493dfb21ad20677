//! Servers in this process, on loopback: what the [registry](crate::registry) and [Xray](crate::xray) share.
//!
//! A thread of its own with its own runtime, plain or TLS connections that an answer can break, a log of every
//! request, and the lies that any server can tell. What a server knows is its own.

pub(crate) mod answer;
pub(crate) mod connection;
pub(crate) mod lies;
pub(crate) mod log;
pub(crate) mod rule;
pub(crate) mod server;
pub(crate) mod tls;
