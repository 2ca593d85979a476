//! Histories of the files beneath a root, against a model of what may be served.
//!
//! Files are written, cut short, replaced, linked, removed, closed to readers and changed as if they
//! were mapped into memory, and the clock is set back; in between, they are looked up. The files are
//! real. Their times are made up, and so is the clock, so no test waits for a file to settle.

mod disk;
mod model;
mod tests;
