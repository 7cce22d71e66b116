//! Password resets: a link that an operator gives to a person, by which they choose a password anew once (ASVS 6.4.3,
//! 6.4.6: an operator never chooses it).

use std::{sync::Arc, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::{
    clock::{Clock, Timestamp},
    entropy::{Entropy, random_bytes},
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    accounts::{check_new_password, context},
    audit::{Act, Audit},
    error::AuthError,
    metrics::AuthMetrics,
    passwords::Passwords,
    sessions::{Client, EndReason},
    store::ResetStore,
};

/// A link is good for so long.
pub const LIFETIME: Duration = Duration::from_hours(1);

const PREFIX: &str = "hfp_";

/// What is stored of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

/// A link to be stored.
#[derive(Clone, Copy)]
pub struct NewReset {
    /// Whose password it is.
    pub account: Uuid,
    /// What is stored of its token.
    pub token: TokenHash,
    /// When it ends.
    pub expire_time: Timestamp,
    /// Whether the present password is of no use from now on.
    pub withdraws_password: bool,
}

impl NewReset {
    /// A new link, and its token: 256 random bits, known to nobody but who gets it from here.
    pub fn make(
        account: Uuid,
        withdraws_password: bool,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> (Self, Zeroizing<String>) {
        let token = PREFIX.to_owned() + &BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>(entropy));
        let reset = Self {
            account,
            token: TokenHash::of(&token),
            expire_time: now.plus(LIFETIME),
            withdraws_password,
        };
        (reset, Zeroizing::new(token))
    }
}

/// Takes passwords that were chosen anew.
pub struct Resets {
    pub(crate) store: Arc<dyn ResetStore>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) audit: Audit,
    pub(crate) metrics: AuthMetrics,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Resets {
    /// Gives the account of a link another password and ends all its sessions. A password that is refused leaves the
    /// link as it was; a token that is none costs no hash.
    pub async fn reset(&self, token: &str, new_password: &str, client: &Client) -> Result<(), AuthError> {
        let new = check_new_password(&self.passwords, new_password)?;
        let token = TokenHash::of(token);
        let target = self.store.reset_target(token, self.clock.now()).await?;
        let target = target.ok_or(AuthError::ResetTokenInvalid)?;
        let context = context(&target.email, &target.display_name);
        let hash = self.passwords.reserve()?.choose(new, context, "new_password").await?;
        let record = self.audit.record(Act::PasswordReset, client);
        let used = self.store.use_reset(token, &hash, record).await?;
        let ended = used.ok_or(AuthError::ResetTokenInvalid)?;
        self.metrics.sessions_ended(EndReason::PasswordChanged, ended);
        Ok(())
    }
}
