//! Access tokens checked, and the proof that they were.
//!
//! [`Verifier`] checks a token offline against the published keys; [`AuthenticationLayer`] does so for every
//! call and puts a [`Caller`] into the request; [`require_caller`] is the interceptor that refuses to go on
//! without one; [`Standing`] tells of calls that last when their token is not good any more.

mod caller;
mod claims;
mod keys;
mod layer;
mod revocations;
mod standing;
mod verifier;

pub use caller::{Caller, require_caller};
pub use claims::{ALGORITHM, AUDIENCE, AccessClaims, CLIENT_ID, SCOPE, TOKEN_TYPE};
pub use keys::{KeyRing, KeySource, RemoteKeys};
pub use layer::{Authentication, AuthenticationLayer};
pub use revocations::Revocations;
pub use standing::Standing;
pub use verifier::{Refusal, Verifier};
