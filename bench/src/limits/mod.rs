//! The bare limits of the parts: what a call cannot cost less than.

pub(crate) mod echo;
pub(crate) mod statements;
