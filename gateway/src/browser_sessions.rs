//! Sessions of browsers: their tokens are in cookies, and renewed when a request needs it.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use http::{HeaderMap, Method, header::AUTHORIZATION, request::Parts};
use platform::clock::Clock;
use prost_reflect::{DynamicMessage, Value};
use tokio::time::{sleep, timeout_at};
use tonic::metadata::MetadataMap;
use zeroize::Zeroizing;

use crate::{
    cookies::{Change, Cookies, Tokens},
    cross_site,
    deadline::{self, Deadline},
    error::StartError,
    forward,
    problem::Problem,
    refreshes::Refreshes,
    routes::RouteTable,
    rpc::Rpc,
    scheme,
    upstreams::Upstreams,
};

const REFRESH: &str = "holdfast.auth.v1.AuthService.Refresh";
const LOGOUT: &str = "holdfast.auth.v1.AuthService.Logout";

/// What was sent with the cookies of a session arrives within this time.
const STILL_USED: Duration = Duration::from_secs(5);

/// What a browser does with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionCall {
    /// Begins one, as this route of the API does, whose tokens become cookies.
    Begin(&'static str),
    /// Asks about it, as this route of the API does.
    Show(&'static str),
    /// Ends it.
    End,
}

impl SessionCall {
    /// The methods of a path, and what each does; `None` if it is not one of ours.
    pub(crate) fn at(path: &str) -> Option<&'static [(&'static Method, Self)]> {
        match path {
            "/session" => Some(&[
                (&Method::POST, Self::Begin("/v1/auth/login")),
                (&Method::GET, Self::Show("/v1/auth/session")),
                (&Method::DELETE, Self::End),
            ]),
            "/session/register" => Some(&[(&Method::POST, Self::Begin("/v1/auth/register"))]),
            _ => None,
        }
    }
}

/// Renews and ends the sessions of browsers.
pub(crate) struct BrowserSessions {
    refresh: Arc<Rpc>,
    logout: Arc<Rpc>,
    refreshes: Refreshes,
    upstreams: Arc<Upstreams>,
    clock: Arc<dyn Clock>,
    issuer: String,
}

/// By what a call is made.
pub(crate) enum Credential {
    /// What the request itself says, if anything.
    OfRequest,
    /// A cookie's access token, and the refresh token with which it can still be renewed.
    OfCookies(Zeroizing<String>, Option<Zeroizing<String>>),
}

impl BrowserSessions {
    /// Fails if the contracts lack a method that it needs.
    pub(crate) fn new(
        routes: &RouteTable,
        upstreams: Arc<Upstreams>,
        clock: Arc<dyn Clock>,
        issuer: String,
    ) -> Result<Self, StartError> {
        let method = |name: &str| {
            routes.rpc(name).ok_or_else(|| StartError::NoMethod {
                method: name.to_owned(),
            })
        };
        Ok(Self {
            refresh: method(REFRESH)?,
            logout: method(LOGOUT)?,
            refreshes: Refreshes::default(),
            upstreams,
            clock,
            issuer,
        })
    }

    /// Refuses what another site made a browser send (BR-04).
    pub(crate) fn refuse_cross_site(&self, head: &Parts) -> Result<(), Problem> {
        cross_site::refuse(&head.headers, scheme::host(head), &self.issuer)
    }

    /// By what a call is made. Cookies that end are renewed first; what becomes of them is noted, also if it fails.
    pub(crate) async fn credential(
        &self,
        head: &Parts,
        rpc: &Rpc,
        metadata: &MetadataMap,
        change: &mut Change,
    ) -> Result<Credential, Problem> {
        let Some(cookies) = cookies(&head.headers) else {
            return Ok(Credential::OfRequest);
        };
        if !head.method.is_safe() {
            self.refuse_cross_site(head)?;
        }
        if !rpc.needs_user {
            return Ok(Credential::OfRequest);
        }
        if let Some(access) = cookies.lasting_access(self.clock.now()) {
            return Ok(Credential::OfCookies(
                Zeroizing::new(access.to_owned()),
                cookies.refresh,
            ));
        }
        match (cookies.refresh, cookies.access) {
            (Some(refresh), _) => {
                let deadline = Deadline::of(&head.headers)?;
                let access = self.renew(&refresh, metadata, deadline, change).await?;
                Ok(Credential::OfCookies(access, None))
            }
            (None, Some(access)) => Ok(Credential::OfCookies(access, None)),
            (None, None) => Ok(Credential::OfRequest),
        }
    }

    /// Makes a call by what the request says or its cookies hold. If their access token is of no use, though it had not
    /// ended, it is renewed, and the call made again: it was refused before it did anything.
    pub(crate) async fn call<T, F>(
        &self,
        head: &Parts,
        rpc: &Rpc,
        metadata: MetadataMap,
        change: &mut Change,
        call: impl Fn(MetadataMap) -> F,
    ) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, Problem>>,
    {
        let credential = self.credential(head, rpc, &metadata, change).await?;
        if let Credential::OfRequest = credential {
            return call(metadata).await;
        }
        let mut answered = call(credential.add_to(metadata.clone())).await;
        if let (Credential::OfCookies(_, Some(refresh)), Err(problem)) = (&credential, &answered)
            && is_token_refused(problem)
        {
            let deadline = Deadline::of(&head.headers)?;
            let access = self.renew(refresh, &metadata, deadline, change).await?;
            answered = call(Credential::OfCookies(access, None).add_to(metadata)).await;
        }
        if let Err(problem) = &answered {
            credential.settle(problem, change);
        }
        answered
    }

    /// Ends, in a while, the session of the cookies with which another one was begun: what tabs have under way with it would
    /// otherwise be refused, and take the new cookies with it. If it cannot be ended then, it ends idle.
    pub(crate) fn end_later(self: &Arc<Self>, headers: HeaderMap, metadata: MetadataMap) {
        if cookies(&headers).is_none() {
            return;
        }
        let sessions = self.clone();
        tokio::spawn(async move {
            sleep(STILL_USED).await;
            sessions.end(&headers, metadata).await.ok();
        });
    }

    /// Ends the session of a request's cookies. Success too if there is none.
    pub(crate) async fn end(&self, headers: &HeaderMap, metadata: MetadataMap) -> Result<Change, Problem> {
        let Some(cookies) = cookies(headers) else {
            return Ok(Change::None);
        };
        if let Some(refresh) = &cookies.refresh {
            let deadline = Deadline::of(headers)?;
            let message = with_refresh_token(&self.logout, refresh);
            forward::unary(&self.upstreams, &self.logout, &message, metadata, deadline).await?;
        }
        Ok(Change::Gone)
    }

    async fn renew(
        &self,
        refresh: &str,
        metadata: &MetadataMap,
        deadline: Deadline,
        change: &mut Change,
    ) -> Result<Zeroizing<String>, Problem> {
        let call = || {
            let (upstreams, rpc, metadata) = (self.upstreams.clone(), self.refresh.clone(), metadata.clone());
            let message = with_refresh_token(&rpc, refresh);
            async move {
                let deadline = Deadline::default();
                let answer = forward::unary(&upstreams, &rpc, &message, metadata, deadline).await?;
                take_tokens(&mut answer.into_message()?)
            }
            .boxed()
        };
        // The renewal itself goes on, for the others and for the next request.
        let renewed = timeout_at(deadline.end(), self.refreshes.refresh(refresh, call)).await;
        match renewed.unwrap_or_else(|_| Err(deadline::exceeded())) {
            Ok(tokens) => {
                let access = tokens.access.clone();
                *change = Change::Set(tokens);
                Ok(access)
            }
            Err(problem) => {
                if ends_the_session(&problem) {
                    *change = Change::Gone;
                }
                Err(problem)
            }
        }
    }
}

impl Credential {
    /// The metadata of a call with it.
    pub(crate) fn add_to(&self, mut metadata: MetadataMap) -> MetadataMap {
        if let Self::OfCookies(access, _) = self {
            let value = Zeroizing::new(format!("Bearer {}", **access));
            // Cookies hold characters of tokens only.
            if let Ok(value) = value.parse() {
                metadata.insert(AUTHORIZATION.as_str(), value);
            }
        }
        metadata
    }

    /// Notes what an error of the call means for the cookies.
    pub(crate) fn settle(&self, problem: &Problem, change: &mut Change) {
        if let Self::OfCookies(..) = self {
            if ends_the_session(problem) {
                *change = Change::Gone;
            } else if is_token_refused(problem) {
                *change = Change::AccessGone;
            }
        }
    }
}

/// The cookies of a session, unless the request has a credential of its own.
fn cookies(headers: &HeaderMap) -> Option<Cookies> {
    if headers.contains_key(AUTHORIZATION) {
        return None;
    }
    Some(Cookies::of(headers)).filter(Cookies::are_there)
}

/// Takes the tokens out of an answer, so that no script sees them.
pub(crate) fn take_tokens(answer: &mut DynamicMessage) -> Result<Tokens, Problem> {
    let missing = || {
        tracing::error!("auth-service answered without tokens");
        Problem::internal()
    };
    let tokens = answer.get_field_by_name("tokens").ok_or_else(missing)?;
    let tokens = tokens.as_message().ok_or_else(missing)?;
    let text = |name: &str| {
        let value = tokens.get_field_by_name(name)?;
        Some(Zeroizing::new(value.as_str()?.to_owned())).filter(|text| !text.is_empty())
    };
    let seconds = |name: &str| {
        let value = tokens.get_field_by_name(name)?;
        value.as_i64().or_else(|| value.as_i32().map(i64::from))
    };
    let taken = Tokens {
        access: text("access_token").ok_or_else(missing)?,
        refresh: text("refresh_token").ok_or_else(missing)?,
        access_seconds: seconds("expires_in").ok_or_else(missing)?,
        refresh_seconds: seconds("refresh_expires_in").ok_or_else(missing)?,
    };
    answer.clear_field_by_name("tokens");
    Ok(taken)
}

fn with_refresh_token(rpc: &Rpc, token: &str) -> DynamicMessage {
    let mut message = DynamicMessage::new(rpc.method.input());
    message.set_field_by_name("refresh_token", Value::String(token.to_owned()));
    message
}

fn ends_the_session(problem: &Problem) -> bool {
    problem.reason == "SESSION_REVOKED" || problem.reason.starts_with("REFRESH_")
}

/// For example because its key was revoked, or clocks differ.
fn is_token_refused(problem: &Problem) -> bool {
    matches!(&*problem.reason, "TOKEN_INVALID" | "TOKEN_EXPIRED")
}
