//! Everything that auth-service holds about a person, as one JSON document that is written as it is read (GDPR,
//! articles 15 and 20). The tasks are task-service's to export.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, try_unfold};
use platform::{clock::Timestamp, verification::Caller};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    accounts::Account,
    audit::{Act, Audit, AuditRecord},
    error::AuthError,
    sessions::{Client, Session},
    store::ExportStore,
    throttle::Throttle,
};

/// So many rows are read at once.
const PAGE: usize = 500;

/// An account with what is kept beside it.
#[derive(Clone)]
pub struct ExportedAccount {
    /// The account.
    pub account: Account,
    /// When it was changed last.
    pub update_time: Timestamp,
    /// When it was last signed in to, from each of the networks that are known to it.
    pub known_network_times: Vec<Timestamp>,
}

/// A session with its end.
#[derive(Clone)]
pub struct ExportedSession {
    /// The session.
    pub session: Session,
    /// When it was ended.
    pub end_time: Option<Timestamp>,
    /// Why.
    pub end_reason: Option<String>,
}

/// Exports accounts.
pub struct Exports {
    pub(crate) store: Arc<dyn ExportStore>,
    pub(crate) throttle: Arc<Throttle>,
    pub(crate) audit: Audit,
}

/// The parts of a document, in its order; together they are one JSON object.
pub type Parts = BoxStream<'static, Result<String, AuthError>>;

/// What was written last.
enum Written {
    Account,
    Sessions { after: Uuid, empty: bool },
    Records { after: i64, empty: bool },
    Everything,
}

impl Exports {
    /// The caller's document. The export itself is recorded before it begins.
    pub async fn of(&self, caller: &Caller, client: &Client) -> Result<Parts, AuthError> {
        let (account, session) = (caller.subject(), caller.session());
        let found = self.store.exported_account(account, session).await?;
        let found = found.ok_or(AuthError::SessionRevoked)?;
        self.throttle.charge(&self.throttle.export(account, client)).await?;
        let record = self.audit.record(Act::AccountExported, client);
        self.audit.append(record.about(account, session)).await?;
        let beginning = format!(
            r#"{{"account":{},"knownNetworks":{},"sessions":["#,
            account_json(&found),
            found
                .known_network_times
                .iter()
                .map(|time| text(*time))
                .collect::<Value>(),
        );
        let (store, audit) = (self.store.clone(), self.audit.clone());
        let rest = try_unfold(Written::Account, move |written| {
            let (store, audit) = (store.clone(), audit.clone());
            async move { next(&*store, &audit, account, written).await }
        });
        let beginning = futures_util::stream::once(async { Ok(beginning) });
        Ok(beginning.chain(rest).boxed())
    }
}

async fn next(
    store: &dyn ExportStore,
    audit: &Audit,
    account: Uuid,
    written: Written,
) -> Result<Option<(String, Written)>, AuthError> {
    let (after, empty) = match written {
        Written::Account => (Uuid::nil(), true),
        Written::Sessions { after, empty } => (after, empty),
        Written::Records { after, empty } => return records(audit, account, after, empty).await.map(Some),
        Written::Everything => return Ok(None),
    };
    let sessions = store.exported_sessions(account, after, PAGE).await?;
    let Some(last) = sessions.last().map(|last| last.session.id) else {
        let beginning = r#"],"auditRecords":["#.to_owned();
        return Ok(Some((beginning, Written::Records { after: 0, empty: true })));
    };
    let text = list(sessions.iter().map(session_json), empty);
    Ok(Some((
        text,
        Written::Sessions {
            after: last,
            empty: false,
        },
    )))
}

async fn records(audit: &Audit, account: Uuid, after: i64, empty: bool) -> Result<(String, Written), AuthError> {
    let records = audit.after(after, Some(account)).await?;
    let Some(last) = records.last().map(|last| last.sequence) else {
        return Ok(("]}\n".to_owned(), Written::Everything));
    };
    let text = list(records.iter().map(record_json), empty);
    Ok((
        text,
        Written::Records {
            after: last,
            empty: false,
        },
    ))
}

/// Part of a list, behind what stands there.
fn list(values: impl Iterator<Item = Value>, empty: bool) -> String {
    let values: Vec<_> = values.map(|value| value.to_string()).collect();
    let separator = if empty { "" } else { "," };
    separator.to_owned() + &values.join(",")
}

/// As proto3 JSON has it (RFC 3339).
fn text(time: Timestamp) -> Value {
    prost_types::Timestamp::from(time).to_string().into()
}

fn account_json(found: &ExportedAccount) -> Value {
    json!({
        "id": found.account.id.to_string(),
        "email": found.account.email.as_typed(),
        "displayName": found.account.display_name,
        "createTime": text(found.account.create_time),
        "updateTime": text(found.update_time),
    })
}

fn session_json(exported: &ExportedSession) -> Value {
    let session = &exported.session;
    json!({
        "id": session.id.to_string(),
        "createTime": text(session.create_time),
        "lastUsedTime": text(session.last_used_time),
        "expireTime": text(session.expire_time),
        "userAgent": session.user_agent,
        "ipAddress": session.ip_address,
        "endTime": exported.end_time.map(text),
        "endReason": exported.end_reason,
    })
}

/// As people and programs read it; the hash is the operator's.
pub(crate) fn record_json(record: &AuditRecord) -> Value {
    json!({
        "sequence": record.sequence,
        "time": text(record.time),
        "act": record.act,
        "accountId": record.account.map(|id| id.to_string()),
        "sessionId": record.session.map(|id| id.to_string()),
        "ipAddress": record.ip_address,
        "userAgent": record.user_agent,
        "requestId": record.request_id,
        "detail": record.detail,
    })
}
