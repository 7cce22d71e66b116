//! Sessions: signing in, refreshing, signing out.

use std::{sync::Arc, time::Duration};

use platform::{
    clock::{Clock, Timestamp},
    entropy::{Entropy, uuid_v4},
    verification::Caller,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    accounts::{Account, Email},
    audit::{Act, Audit},
    error::{AuthError, PasswordRefusal},
    keys::{AccessTokenFor, Keys},
    metrics::AuthMetrics,
    passwords::{Passwords, Verdict, normalised},
    refresh_tokens::Presented,
    store::{AccountStore, Credentials, Opening, SessionStore, SignIn},
    throttle::Throttle,
};

/// For so long the token that made the current generation gives the same successor again.
pub const GRACE: Duration = Duration::from_secs(30);

/// How many sessions an account may have at once (ASVS 7.1.2).
pub const MAX_SESSIONS: i64 = 100;

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Without being used.
    pub idle: Duration,
    /// However much they are used.
    pub absolute: Duration,
    /// How long each of their access tokens is good for.
    pub access: Duration,
}

impl Lifetimes {
    /// When the last access token ends that is given out for a generation made now: the same refresh token gives
    /// another one until the grace has passed.
    pub fn last_token_expires(&self, now: Timestamp) -> Timestamp {
        now.plus(GRACE).plus(self.access)
    }
}

/// Where a request comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// At most 512 bytes, printable; may be empty.
    pub user_agent: String,
    /// May be empty.
    pub ip_address: String,
    /// The request's id, as in the logs; may be empty.
    pub request_id: String,
}

/// A session to be stored.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub account: Uuid,
    /// Where it was opened.
    pub client: Client,
    /// When it was opened.
    pub create_time: Timestamp,
    /// When it ends unused.
    pub idle_expire_time: Timestamp,
    /// When it ends in any case.
    pub expire_time: Timestamp,
    /// When the last access token ends that is given out for its first generation.
    pub token_expire_time: Timestamp,
}

/// A session, as its person sees it.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// When the person signed in.
    pub create_time: Timestamp,
    /// When it last gave out tokens.
    pub last_used_time: Timestamp,
    /// When it ends unused, or in any case, whichever comes first.
    pub expire_time: Timestamp,
    /// What signed in.
    pub user_agent: String,
    /// Where from.
    pub ip_address: String,
    /// Whether it was ended.
    pub ended: bool,
}

/// Why a session was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The person signed out.
    Logout,
    /// A superseded refresh token came back: two hold the session's tokens.
    RefreshReused,
    /// The person ended it from another one.
    Revoked,
    /// The person chose another password.
    PasswordChanged,
    /// It had to make room for a new one.
    Evicted,
    /// The account was deleted.
    AccountDeleted,
    /// The account was disabled.
    AccountDisabled,
    /// An operator ended it.
    Administered,
}

impl EndReason {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logout => "LOGOUT",
            Self::RefreshReused => "REFRESH_REUSED",
            Self::Revoked => "REVOKED",
            Self::PasswordChanged => "PASSWORD_CHANGED",
            Self::Evicted => "EVICTED",
            Self::AccountDeleted => "ACCOUNT_DELETED",
            Self::AccountDisabled => "ACCOUNT_DISABLED",
            Self::Administered => "ADMINISTERED",
        }
    }
}

/// What the presentation of an authentic refresh token of generation g finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// g was the current generation; there is a next one now, and g is the accepted one.
    Rotated(Refreshed),
    /// g is the accepted generation, and made the current one at most 30 seconds ago: the same successor
    /// again, and nothing was changed.
    Repeated(Refreshed),
    /// g is the accepted generation, and made the current one longer ago, so the answer was lost: there is a
    /// next generation now, g stays accepted, and the lost one is dead.
    Recovered(Refreshed),
    /// g is any other generation: the session has been ended.
    Reused {
        /// Whose session it was.
        account: Uuid,
    },
    /// The session was ended before.
    Ended,
    /// The session was idle for too long, or is too old.
    Expired,
    /// There is no such session.
    Unknown,
}

impl RefreshOutcome {
    /// Its name in the metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Rotated(_) => "rotated",
            Self::Repeated(_) => "repeated",
            Self::Recovered(_) => "recovered",
            Self::Reused { .. } => "reused",
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// A session after a refresh.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// Whose it is.
    pub account: Uuid,
    /// Its id.
    pub session: Uuid,
    /// The current generation.
    pub generation: u32,
    /// When the person signed in.
    pub sign_in_time: Timestamp,
    /// When it ends unused, or in any case, whichever comes first.
    pub expire_time: Timestamp,
}

/// The tokens of a session.
pub struct SessionTokens {
    /// A JWT.
    pub access_token: String,
    /// How long it is good for.
    pub access_lifetime: Duration,
    /// The token for the next refresh.
    pub refresh_token: String,
    /// How long that is good for if it is not used.
    pub refresh_lifetime: Duration,
}

/// Opens, continues and ends sessions.
pub struct Sessions {
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) audit: Audit,
    pub(crate) metrics: AuthMetrics,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Sessions {
    /// Opens a session for an address and password. What is wrong with them is not told, and the work is
    /// the same whatever it is.
    pub async fn login(
        &self,
        email: &str,
        password: &str,
        client: Client,
    ) -> Result<(Account, SessionTokens), AuthError> {
        let opened = self.try_login(email, password, client).await;
        self.metrics.login(&opened);
        opened
    }

    async fn try_login(
        &self,
        email: &str,
        password: &str,
        client: Client,
    ) -> Result<(Account, SessionTokens), AuthError> {
        let password = check_credentials(email, password)?;
        let attempt = self.throttle.sign_in(email, &client);
        self.passwords.check_room()?;
        // Those who are held up take no place from others.
        self.throttle.look(&attempt).await?;
        let place = self.passwords.reserve()?;
        let charged = self.throttle.charge(&attempt).await?;
        // What is no address has no account; nothing is looked up in its place, as the empty address.
        let email = Email::parse(email).unwrap_or_else(|_| Email::stored(String::new()));
        let found = self.accounts.credentials(&email).await?;
        let hash = found.as_ref().map(|found| found.password_hash.clone());
        let verdict = place.verify(password, hash).await;
        if verdict.is_err() {
            self.throttle.settle(charged.not_made()).await?;
        }
        let (known, found) = (found.as_ref().map(|found| found.account.id), found);
        let found = found.filter(|found| !found.disabled);
        let (Some(found), Verdict::Right { rehashed }) = (found, verdict?) else {
            return self.refuse_login(known, &client).await;
        };
        if let Some(stronger) = rehashed {
            let now = self.clock.now();
            self.accounts
                .replace_password_hash(found.account.id, &found.password_hash, &stronger, now)
                .await?;
        }
        let session = self.new_session(found.account.id, client.clone());
        let tokens = self.tokens_of_new(&session)?;
        let sign_in = SignIn {
            settlement: charged.succeeded(),
            record: self
                .audit
                .record(Act::SignedIn, &client)
                .about(found.account.id, session.id),
        };
        let opened = self.store.open_session(session, found.password_version, sign_in);
        match opened.await? {
            Opening::Opened { evicted } => {
                self.metrics.sessions_ended(EndReason::Evicted, evicted);
                Ok((found.account, tokens))
            }
            Opening::AccountChanged => self.refuse_login(known, &client).await,
        }
    }

    async fn refuse_login<T>(&self, account: Option<Uuid>, client: &Client) -> Result<T, AuthError> {
        let record = self.audit.record(Act::SignInFailed, client);
        self.audit.append(record.about(account, None)).await?;
        Err(AuthError::InvalidCredentials)
    }

    /// Exchanges a refresh token for new tokens.
    pub async fn refresh(&self, token: &str, client: &Client) -> Result<SessionTokens, AuthError> {
        let Some(presented) = self.authentic(token)? else {
            self.metrics.refresh("invalid");
            return Err(AuthError::RefreshInvalid);
        };
        let reuse = self.audit.record(Act::RefreshReused, client);
        let now = reuse.time;
        let outcome = self.store.refresh(presented, self.lifetimes, reuse).await;
        self.metrics
            .refresh(outcome.as_ref().map_or("failed", RefreshOutcome::name));
        match outcome? {
            RefreshOutcome::Rotated(refreshed) | RefreshOutcome::Repeated(refreshed) => self.tokens(&refreshed, now),
            RefreshOutcome::Recovered(refreshed) => {
                tracing::info!(session.id = %refreshed.session, "a lost refresh was recovered");
                self.tokens(&refreshed, now)
            }
            RefreshOutcome::Reused { account } => {
                self.metrics.sessions_ended(EndReason::RefreshReused, 1);
                tracing::warn!(
                    session.id = %presented.session,
                    account.id = %account,
                    "a superseded refresh token was presented; the session has been ended"
                );
                Err(AuthError::RefreshReused)
            }
            RefreshOutcome::Ended => Err(AuthError::SessionRevoked),
            RefreshOutcome::Expired => Err(AuthError::RefreshExpired),
            RefreshOutcome::Unknown => Err(AuthError::RefreshInvalid),
        }
    }

    /// Ends the session of a refresh token of any generation. Any other token has no session to end, and
    /// that is a success too (RFC 7009, section 2.2).
    pub async fn logout(&self, token: &str, client: &Client) -> Result<(), AuthError> {
        if let Some(presented) = self.keys.refresh_keys().read(token) {
            let record = self.audit.record(Act::SignedOut, client);
            let ended = self.store.end_session(presented.session, EndReason::Logout, record);
            self.metrics.sessions_ended(EndReason::Logout, ended.await?.into());
        }
        Ok(())
    }

    /// The caller's account and session.
    pub async fn current(&self, caller: &Caller) -> Result<(Account, Session), AuthError> {
        let found = self.accounts.session(caller.subject(), caller.session()).await?;
        found
            .filter(|(_, session)| !session.ended && session.expire_time > self.clock.now())
            .ok_or(AuthError::SessionRevoked)
    }

    /// The caller's account and what signs it in, if the caller's session has not ended.
    pub(crate) async fn credentials(&self, caller: &Caller) -> Result<Credentials, AuthError> {
        let found = self.accounts.credentials_of(caller.subject(), caller.session()).await?;
        found.filter(|found| !found.disabled).ok_or(AuthError::SessionRevoked)
    }

    /// The caller's sessions, the one used last first.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<Session>, AuthError> {
        self.current(caller).await?;
        Ok(self.store.list_sessions(caller.subject(), self.clock.now()).await?)
    }

    /// Ends one of the caller's sessions.
    pub async fn revoke(&self, caller: &Caller, session: &str, client: &Client) -> Result<(), AuthError> {
        self.current(caller).await?;
        // What is no id is the id of no session.
        let session = Uuid::try_parse(session).map_err(|_| AuthError::SessionNotFound)?;
        let record = self.audit.record(Act::SessionRevoked, client);
        let ended = self
            .store
            .end_session_of(caller.subject(), session, EndReason::Revoked, record);
        if !ended.await? {
            return Err(AuthError::SessionNotFound);
        }
        self.metrics.sessions_ended(EndReason::Revoked, 1);
        Ok(())
    }

    /// Ends all of the caller's sessions but the current one.
    pub async fn revoke_others(&self, caller: &Caller, client: &Client) -> Result<(), AuthError> {
        self.current(caller).await?;
        let record = self.audit.record(Act::OtherSessionsRevoked, client);
        let record = record.about(caller.subject(), caller.session());
        let ended = self
            .store
            .end_other_sessions(caller.subject(), caller.session(), EndReason::Revoked, record);
        self.metrics.sessions_ended(EndReason::Revoked, ended.await?);
        Ok(())
    }

    /// A session that begins now.
    pub(crate) fn new_session(&self, account: Uuid, client: Client) -> NewSession {
        let now = self.clock.now();
        NewSession {
            id: uuid_v4(&*self.entropy),
            account,
            client,
            create_time: now,
            idle_expire_time: now.plus(self.lifetimes.idle.min(self.lifetimes.absolute)),
            expire_time: now.plus(self.lifetimes.absolute),
            token_expire_time: self.lifetimes.last_token_expires(now),
        }
    }

    /// The first tokens of a session. Made before the session is stored, so that a failure leaves none
    /// behind.
    pub(crate) fn tokens_of_new(&self, session: &NewSession) -> Result<SessionTokens, AuthError> {
        let first = Refreshed {
            account: session.account,
            session: session.id,
            generation: 0,
            sign_in_time: session.create_time,
            expire_time: session.idle_expire_time,
        };
        self.tokens(&first, session.create_time)
    }

    fn tokens(&self, session: &Refreshed, now: Timestamp) -> Result<SessionTokens, AuthError> {
        let signed = self.keys.sign_access_token(
            AccessTokenFor {
                account: session.account,
                session: session.session,
                sign_in_time: session.sign_in_time,
                session_expire_time: session.expire_time,
            },
            now,
        );
        let (access_token, access_lifetime) = signed.map_err(|error| AuthError::Internal(error.to_string()))?;
        Ok(SessionTokens {
            access_token,
            access_lifetime,
            refresh_token: self.keys.refresh_keys().write(session.session, session.generation),
            refresh_lifetime: session.expire_time.since(now),
        })
    }

    /// What a token says; `None` if it is not one of ours.
    fn authentic(&self, token: &str) -> Result<Option<Presented>, AuthError> {
        if token.is_empty() {
            return Err(AuthError::Fields(vec![(
                "refresh_token".to_owned(),
                "is required".to_owned(),
            )]));
        }
        Ok(self.keys.refresh_keys().read(token))
    }
}

/// What is missing, or can be no password of anyone.
fn check_credentials(email: &str, password: &str) -> Result<Zeroizing<String>, AuthError> {
    let mut violations = Vec::new();
    for (field, value) in [("email", email.trim()), ("password", password)] {
        if value.is_empty() {
            violations.push((field.to_owned(), "is required".to_owned()));
        }
    }
    if !violations.is_empty() {
        return Err(AuthError::Fields(violations));
    }
    if password.len() > Passwords::MAX_BYTES {
        return Err(AuthError::PasswordRefused("password", PasswordRefusal::TooLong));
    }
    Ok(normalised(password))
}
