//! The profile of the access tokens (RFC 9068).

use serde::{Deserialize, Serialize};

/// `typ` of the header (RFC 9068, section 2.1).
pub const TOKEN_TYPE: &str = "at+jwt";
/// `alg` of the header (RFC 7518, section 3.4), the only one.
pub const ALGORITHM: &str = "ES256";
/// The one audience.
pub const AUDIENCE: &str = "holdfast";
/// The client that Holdfast's own sign-in stands for.
pub const CLIENT_ID: &str = "holdfast";
/// What a signed-in person may do.
pub const SCOPE: &str = "tasks:read tasks:write account";

/// The claims of an access token. Nothing that names a person but their id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The issuer, compared exactly.
    pub iss: String,
    /// The account's id.
    pub sub: String,
    /// The audiences; [`AUDIENCE`] is among them.
    pub aud: Vec<String>,
    /// The client that asked for the token.
    pub client_id: String,
    /// When the token ends, in seconds since the Unix epoch.
    pub exp: i64,
    /// When it was issued, in seconds since the Unix epoch.
    pub iat: i64,
    /// When it begins, in seconds since the Unix epoch; never written by Holdfast, checked when there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// The token's own id.
    pub jti: String,
    /// The session's id.
    pub sid: String,
    /// The scopes, separated by spaces.
    pub scope: String,
    /// When the person last gave their password, in seconds since the Unix epoch.
    pub auth_time: i64,
}
