//! Tests that run other programs: clients, browsers, proxies, judges, service managers.

mod browser;
mod clients;
mod container;
mod corpus;
mod judges;
mod listing_clients;
#[cfg(feature = "share")]
mod local_names;
mod manifests;
mod mapped_files;
mod mirrors;
mod packaging;
mod passwords;
mod programs;
mod proxies;
mod ranges;
mod replicas;
mod repositories;
mod syscalls;
mod systemd;
#[cfg(feature = "tls")]
mod tls_clients;
mod visit;
