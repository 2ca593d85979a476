//! Multicast DNS in this machine's networks: the sockets for the machines in [`crate::mdns`], and
//! the kernel's reports about interfaces.

mod announcer;
pub(crate) mod interfaces;
mod netlink;
pub(crate) mod sockets;

pub(crate) use announcer::Announcer;
