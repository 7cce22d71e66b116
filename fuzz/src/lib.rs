//! What the fuzz targets check. A target hands its input to one of these; whatever must not be panics.
//!
//! - [`files`] — importers and exporters; [`memory`] — what they may take.
//! - [`schemas`] — contracts with a field of every kind.
//! - [`world`] — lists and tokens of a person in a database.
//! - [`dice`] — choices that depend on the input alone, so that every finding can be repeated.

pub mod dice;
pub mod files;
pub mod memory;
pub mod schemas;
pub mod world;
