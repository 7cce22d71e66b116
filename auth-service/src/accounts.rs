//! Accounts: who may register, and what of a person is kept.

use std::sync::Arc;

use email_address::{EmailAddress, Options};
use platform::{
    clock::{Clock, Timestamp},
    entropy::{Entropy, uuid_v4},
    verification::Caller,
};
use unicode_normalization::UnicodeNormalization as _;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    audit::{Act, Audit},
    error::{AuthError, PasswordRefusal},
    metrics::AuthMetrics,
    passwords::{Passwords, Verdict, normalised},
    sessions::{Client, EndReason, SessionTokens, Sessions},
    store::{AccountStore, Credentials, Registration, SignIn},
    throttle::Throttle,
};

const MAX_EMAIL_BYTES: usize = 254;
const MAX_DISPLAY_NAME_CHARACTERS: usize = 100;

/// An e-mail address, as typed and as compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    typed: String,
    key: String,
}

impl Email {
    /// Trims and checks an address (RFC 5321, section 4.1.2, without quoted local parts and address literals);
    /// what is wrong otherwise.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let typed = text.trim();
        if typed.is_empty() {
            return Err("is required");
        }
        if typed.len() > MAX_EMAIL_BYTES {
            return Err("must have at most 254 bytes");
        }
        let options = Options::default().without_display_text().without_domain_literal();
        let plain = typed
            .chars()
            .all(|character| !character.is_control() && !character.is_whitespace());
        // Beyond ASCII every character may stand in an address (RFC 6531, section 3.3); the parser knows letters only.
        let composed: String = typed
            .nfc()
            .map(|letter| if letter.is_ascii() { letter } else { 'x' })
            .collect();
        if !plain || typed.starts_with('"') || EmailAddress::parse_with_options(&composed, options).is_err() {
            return Err("must be an e-mail address such as name@example.com");
        }
        Ok(Self::stored(typed.to_owned()))
    }

    /// An address that was checked before it was stored.
    pub fn stored(typed: String) -> Self {
        // Lower-casing can undo the composition, so it is composed once more.
        let key = typed.nfc().collect::<String>().to_lowercase().nfc().collect();
        Self { typed, key }
    }

    /// As the person typed it, trimmed.
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// As it is compared: NFC, lower case.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// A person's account.
#[derive(Clone)]
pub struct Account {
    /// Its id: `sub` of the access tokens.
    pub id: Uuid,
    /// Its address.
    pub email: Email,
    /// The name to show; may be empty.
    pub display_name: String,
    /// When it was created.
    pub create_time: Timestamp,
}

/// An account, as an operator sees it.
#[derive(Clone)]
pub struct AccountState {
    /// The account.
    pub account: Account,
    /// Whether nobody may sign in.
    pub disabled: bool,
}

/// An account to be stored.
#[derive(Clone)]
pub struct NewAccount {
    /// The account.
    pub account: Account,
    /// A PHC string.
    pub password_hash: String,
}

/// What a person gives to register.
pub struct RegistrationForm {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The name to show.
    pub display_name: String,
}

/// Registers people.
pub struct Accounts {
    pub(crate) store: Arc<dyn AccountStore>,
    pub(crate) passwords: Arc<Passwords>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) audit: Audit,
    pub(crate) metrics: AuthMetrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Accounts {
    /// Creates an account and signs it in.
    pub async fn register(
        &self,
        form: RegistrationForm,
        client: Client,
    ) -> Result<(Account, SessionTokens), AuthError> {
        let (email, password) = self.check(&form)?;
        let context = context(&email, &form.display_name);
        let attempt = self.throttle.registration(&email, &client);
        self.passwords.check_room()?;
        self.throttle.look(&attempt).await?;
        let place = self.passwords.reserve()?;
        let charged = self.throttle.charge(&attempt).await?;
        let chosen = place.choose(password, context, "password").await;
        if chosen.is_err() {
            self.throttle.settle(charged.not_made()).await?;
        }
        let password_hash = chosen?;
        let account = Account {
            id: uuid_v4(&*self.entropy),
            email,
            display_name: form.display_name,
            create_time: self.clock.now(),
        };
        let record = self.audit.record(Act::Registered, &client);
        let session = self.sessions.new_session(account.id, client);
        let tokens = self.sessions.tokens_of_new(&session)?;
        let sign_in = SignIn {
            settlement: charged.registered(),
            record: record.about(account.id, session.id),
        };
        match self
            .store
            .register(
                NewAccount {
                    account: account.clone(),
                    password_hash,
                },
                session,
                sign_in,
            )
            .await?
        {
            Registration::Done => Ok((account, tokens)),
            Registration::EmailTaken => Err(AuthError::EmailTaken),
        }
    }

    /// Gives the caller's account another password, and ends its other sessions.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: &str,
        new: &str,
        client: &Client,
    ) -> Result<(), AuthError> {
        let (current, new) = self.check_change(current, new)?;
        let found = self.verified(caller, "current_password", current, client).await?;
        let context = context(&found.account.email, &found.account.display_name);
        let hash = self.passwords.reserve()?.choose(new, context, "new_password").await?;
        let record = self.audit.record(Act::PasswordChanged, client);
        let changed = self.store.change_password(
            caller.subject(),
            found.password_version,
            &hash,
            caller.session(),
            record.about(caller.subject(), caller.session()),
        );
        // Another change came first, and what was given is the current password no more.
        let ended = changed.await?.ok_or(AuthError::WrongPassword("current_password"))?;
        self.metrics.sessions_ended(EndReason::PasswordChanged, ended);
        Ok(())
    }

    /// Deletes the caller's account.
    pub async fn delete(&self, caller: &Caller, password: &str, client: &Client) -> Result<(), AuthError> {
        let password = check_password("password", password)?;
        self.verified(caller, "password", password, client).await?;
        let record = self.audit.record(Act::AccountDeleted, client);
        let record = record.about(caller.subject(), caller.session());
        let deleted = self.store.delete_account(caller.subject(), record);
        let ended = deleted.await?.ok_or(AuthError::SessionRevoked)?;
        self.metrics.sessions_ended(EndReason::AccountDeleted, ended);
        Ok(())
    }

    /// The caller's account, if this is its password (ASVS 7.5.1). A wrong one counts like one at a sign-in.
    async fn verified(
        &self,
        caller: &Caller,
        field: &'static str,
        password: Zeroizing<String>,
        client: &Client,
    ) -> Result<Credentials, AuthError> {
        let found = self.sessions.credentials(caller).await?;
        let attempt = self.throttle.password_check(&found.account.email, client);
        self.throttle.look(&attempt).await?;
        let place = self.passwords.reserve()?;
        let charged = self.throttle.charge(&attempt).await?;
        match place.verify(password, Some(found.password_hash.clone())).await {
            Ok(Verdict::Right { .. }) => {
                self.throttle.settle(charged.succeeded()).await?;
                Ok(found)
            }
            Ok(Verdict::Wrong) => {
                let record = self.audit.record(Act::PasswordCheckFailed, client);
                self.audit
                    .append(record.about(caller.subject(), caller.session()))
                    .await?;
                Err(AuthError::WrongPassword(field))
            }
            Err(error) => {
                self.throttle.settle(charged.not_made()).await?;
                Err(error)
            }
        }
    }

    fn check_change(&self, current: &str, new: &str) -> Result<(Zeroizing<String>, Zeroizing<String>), AuthError> {
        let current = check_password("current_password", current);
        let new = check_new_password(&self.passwords, new)?;
        Ok((current?, new))
    }

    /// Everything that can be said of the form without work: all of it at once.
    fn check(&self, form: &RegistrationForm) -> Result<(Email, Zeroizing<String>), AuthError> {
        let mut violations = Vec::new();
        let email = Email::parse(&form.email);
        if let Err(problem) = &email {
            violations.push(("email".to_owned(), (*problem).to_owned()));
        }
        if let Err(problem) = check_display_name(&form.display_name) {
            violations.push(("display_name".to_owned(), problem.to_owned()));
        }
        if form.password.contains('\0') {
            violations.push(("password".to_owned(), "must not contain U+0000".to_owned()));
        }
        let password = self.passwords.check_length(&form.password);
        match (email, password) {
            (Ok(email), Ok(())) if violations.is_empty() => Ok((email, normalised(&form.password))),
            // A refused password has a reason of its own unless it is one fault among others.
            (_, Err(refusal)) if violations.is_empty() => Err(AuthError::PasswordRefused("password", refusal)),
            (_, password) => {
                if let Err(refusal) = password {
                    violations.push(("password".to_owned(), refusal.description()));
                }
                Err(AuthError::Fields(violations))
            }
        }
    }
}

/// A password that is to be the account's, as far as can be said without work.
pub(crate) fn check_new_password(passwords: &Passwords, new: &str) -> Result<Zeroizing<String>, AuthError> {
    if new.contains('\0') {
        return Err(AuthError::Fields(vec![(
            "new_password".to_owned(),
            "must not contain U+0000".to_owned(),
        )]));
    }
    let length = passwords.check_length(new);
    length.map_err(|refusal| AuthError::PasswordRefused("new_password", refusal))?;
    Ok(normalised(new))
}

/// A password that is to be compared with the stored one.
fn check_password(field: &'static str, password: &str) -> Result<Zeroizing<String>, AuthError> {
    if password.is_empty() {
        return Err(AuthError::Fields(vec![(field.to_owned(), "is required".to_owned())]));
    }
    if password.len() > Passwords::MAX_BYTES {
        return Err(AuthError::PasswordRefused(field, PasswordRefusal::TooLong));
    }
    Ok(normalised(password))
}

fn check_display_name(name: &str) -> Result<(), &'static str> {
    if name.chars().count() > MAX_DISPLAY_NAME_CHARACTERS {
        return Err("must have at most 100 characters");
    }
    if name.contains('\0') {
        return Err("must not contain U+0000");
    }
    Ok(())
}

/// What a guesser would try first for this person.
pub(crate) fn context(email: &Email, display_name: &str) -> Vec<String> {
    let parts = email
        .key()
        .split(['@', '.', '+', '-', '_'])
        .chain(display_name.split_whitespace());
    parts
        .chain(email.key().split('@'))
        .chain([email.key(), display_name, "holdfast"])
        .filter(|part| part.chars().count() > 2)
        .map(str::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_after_composition_and_lower_casing() {
        let composed = Email::parse("  J\u{fc}rgen@Example.COM ").unwrap_or_else(|problem| panic!("{problem}"));
        let decomposed = Email::parse("ju\u{308}rgen@example.com").unwrap_or_else(|problem| panic!("{problem}"));
        assert_eq!(composed.key(), decomposed.key());
        assert_eq!(composed.as_typed(), "J\u{fc}rgen@Example.COM");
    }

    #[test]
    fn what_is_no_address_is_refused_and_nothing_else() {
        for good in [
            "\u{938}\u{902}\u{92a}@example.org",
            "i\u{307}a@x.org",
            "a+b_c@x-y.example",
            "\u{fc}@\u{fc}.de",
        ] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(64));
        let longer = format!("a@{}.com", "b.".repeat(130));
        for text in [
            "",
            " ",
            "a",
            "@",
            "a@",
            "@b",
            "a b@c.com",
            "a@b c",
            "a@b\n.com",
            "<a@b.com>",
            "A <a@b.com>",
            "\"a b\"@c.com",
            "a@[127.0.0.1]",
            "a@@b.com",
            &longer,
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
        assert!(Email::parse(&long).is_ok());
    }
}
