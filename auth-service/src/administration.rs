//! What operators do with accounts, on the machine and with the keys of the service; there is no way to it over the
//! network.

use std::sync::Arc;

use platform::{
    clock::Clock,
    database::{Database, Engine, StoreError},
    entropy::Entropy,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    Config,
    accounts::{AccountState, Email},
    audit::{Act, Audit},
    error::AuthError,
    keys::{Keys, KeysError},
    resets::NewReset,
    sessions::{Client, EndReason},
    store::{AccountStore, AdministrationStore, ResetStore, SessionStore, SqlStore},
    throttle::Throttle,
};

/// So many sessions are ended in one transaction.
const BATCH: usize = 1000;

/// Why a command cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum AdministrationError {
    /// There is no account of that address or id.
    #[error("there is no such account")]
    UnknownAccount,
    /// The audit log is not as it was written.
    #[error("the audit log was changed: record {sequence} is not the one that was written, or is missing")]
    AuditBroken {
        /// The first place that is wrong.
        sequence: i64,
    },
    /// What was seen is no longer kept.
    #[error("the record of --seen was deleted after 400 days; what is kept is as it was written")]
    SeenIsGone,
    /// What was given is not what `verify` prints.
    #[error("--seen must be a number and a hash as `audit verify` prints them, such as 17:Zm9v...")]
    AnchorMalformed,
    /// The database did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys cannot be opened.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] AuthError),
}

/// The acts, each recorded in the audit log.
pub struct Administration {
    accounts: Arc<dyn AccountStore>,
    sessions: Arc<dyn SessionStore>,
    store: Arc<dyn AdministrationStore>,
    resets: Arc<dyn ResetStore>,
    throttle: Throttle,
    audit: Audit,
    issuer: String,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Administration {
    /// The administration of an open database.
    pub async fn open<E: Engine>(database: &Database<E>, config: &Config) -> Result<Self, AdministrationError> {
        let store = Arc::new(SqlStore::new(database.clone()));
        let keys = Keys::open(config.keys(store.clone())).await?;
        let clock = config.clock.clone();
        Ok(Self {
            accounts: store.clone(),
            sessions: store.clone(),
            store: store.clone(),
            resets: store.clone(),
            throttle: Throttle::new(store.clone(), keys.throttle_key(), Vec::new(), clock.clone()),
            audit: Audit::new(store, &keys, clock.clone()),
            issuer: config.issuer.clone(),
            clock,
            entropy: config.entropy.clone(),
        })
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The accounts after a compared address, in its order; at most so many.
    pub async fn list(&self, after: &str, limit: usize) -> Result<Vec<AccountState>, AdministrationError> {
        Ok(self.store.accounts_after(after, limit).await?)
    }

    /// The account of an id or an e-mail address.
    pub async fn find(&self, who: &str) -> Result<AccountState, AdministrationError> {
        let found = if let Ok(id) = Uuid::try_parse(who) {
            self.store.account(id).await?
        } else {
            let email = Email::parse(who).map_err(|_| AdministrationError::UnknownAccount)?;
            let found = self.accounts.credentials(&email).await?;
            found.map(|found| AccountState {
                account: found.account,
                disabled: found.disabled,
            })
        };
        found.ok_or(AdministrationError::UnknownAccount)
    }

    /// Lets nobody sign in to the account any more and ends its sessions; how many.
    pub async fn disable(&self, account: Uuid) -> Result<usize, AdministrationError> {
        let record = self.audit.record(Act::AccountDisabled, &operator());
        let ended = self.store.disable_account(account, record.about(account, None));
        ended.await?.ok_or(AdministrationError::UnknownAccount)
    }

    /// Lets the account be signed in to again.
    pub async fn enable(&self, account: Uuid) -> Result<(), AdministrationError> {
        let record = self.audit.record(Act::AccountEnabled, &operator());
        if self.store.enable_account(account, record.about(account, None)).await? {
            Ok(())
        } else {
            Err(AdministrationError::UnknownAccount)
        }
    }

    /// Ends all sessions of the account; how many.
    pub async fn end_sessions(&self, account: Uuid) -> Result<usize, AdministrationError> {
        let record = self.audit.record(Act::AllSessionsEnded, &operator());
        // No session has the nil id: none is kept.
        let ended = self.sessions.end_other_sessions(
            account,
            Uuid::nil(),
            EndReason::Administered,
            record.about(account, None),
        );
        Ok(ended.await?)
    }

    /// Ends everybody's sessions that began until now; how many.
    pub async fn end_all_sessions(&self) -> Result<usize, AdministrationError> {
        let act = self.audit.record(Act::AllSessionsEnded, &operator());
        let begun = act.time;
        // At once, whatever the rest takes.
        self.store.withdraw_all_tokens(act.saying("everybody's: begun")).await?;
        let mut ended = 0;
        loop {
            match self.store.end_some_sessions(begun, self.clock.now(), BATCH).await? {
                0 => break,
                some => ended += some,
            }
        }
        let done = self.audit.record(Act::AllSessionsEnded, &operator());
        self.audit
            .append(done.saying(format!("everybody's: {ended} sessions")))
            .await?;
        Ok(ended)
    }

    /// Forgets the failed tries at an address, whether or not it has an account.
    pub async fn unlock(&self, who: &str) -> Result<(), AdministrationError> {
        let found = match self.find(who).await {
            Ok(found) => Some(found),
            Err(AdministrationError::UnknownAccount) => None,
            Err(error) => return Err(error),
        };
        let (account, email) = match found {
            Some(found) => (Some(found.account.id), found.account.email),
            None => (
                None,
                Email::parse(who).map_err(|_| AdministrationError::UnknownAccount)?,
            ),
        };
        self.throttle.unlock(&email).await?;
        let record = self.audit.record(Act::AccountUnlocked, &operator());
        Ok(self.audit.append(record.about(account, None)).await?)
    }

    /// A link by which the account's password can be chosen anew, once and within an hour. `compromised` makes the
    /// present password useless and ends all sessions.
    pub async fn reset_link(&self, account: Uuid, compromised: bool) -> Result<Zeroizing<String>, AdministrationError> {
        let (reset, token) = NewReset::make(account, compromised, self.clock.now(), &*self.entropy);
        let record = self.audit.record(Act::PasswordResetIssued, &operator());
        let issued = self.resets.issue_reset(reset, record.about(account, None));
        issued.await?.ok_or(AdministrationError::UnknownAccount)?;
        let site = self.issuer.trim_end_matches('/');
        // Behind the #, so that it reaches no log of a server or proxy.
        Ok(Zeroizing::new(format!("{site}/reset-password#{}", *token)))
    }
}

/// Who types commands comes from no network.
pub(crate) fn operator() -> Client {
    Client {
        user_agent: "command line".to_owned(),
        ..Client::default()
    }
}
