//! The response with a file: its coding, its fields, and the whole or parts of it.

pub(super) mod metadata;
pub(super) mod multipart;
pub(super) mod partial;
pub(super) mod precondition;
pub(super) mod representation;
pub(super) mod selection;
