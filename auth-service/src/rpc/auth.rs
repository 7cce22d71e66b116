//! `holdfast.auth.v1.AuthService`.

use std::{sync::Arc, time::Duration};

use futures_util::stream::BoxStream;
use platform::verification::Caller;
use proto::auth::v1::{
    ChangePasswordRequest, ChangePasswordResponse, DeleteAccountRequest, DeleteAccountResponse, ExportAccountRequest,
    GetJwksRequest, GetJwksResponse, GetSessionRequest, GetSessionResponse, ListSessionsRequest, ListSessionsResponse,
    LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, RefreshRequest, RefreshResponse, RegisterRequest,
    RegisterResponse, RevokeOtherSessionsRequest, RevokeOtherSessionsResponse, RevokeSessionRequest,
    RevokeSessionResponse, Session as WireSession, Tokens, User, auth_service_server::AuthService,
};
use proto::google::api::HttpBody;
use tonic::{Request, Response, Status, async_trait};

use super::client::client_of;
use crate::{
    accounts::{Account, Accounts, RegistrationForm},
    keys::Keys,
    sessions::{Session, SessionTokens, Sessions},
};

/// The service.
pub struct AuthRpc {
    pub(crate) accounts: Accounts,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) keys: Arc<Keys>,
}

impl AuthRpc {
    /// How many passwords have been hashed or checked.
    pub fn hashes(&self) -> u64 {
        self.sessions.passwords.hashes()
    }
}

#[async_trait]
impl AuthService for AuthRpc {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let client = client_of(&request);
        let RegisterRequest {
            email,
            password,
            display_name,
        } = request.into_inner();
        let form = RegistrationForm {
            email,
            password,
            display_name,
        };
        let (account, tokens) = self.accounts.register(form, client).await?;
        Ok(Response::new(RegisterResponse {
            user: Some(user(account)),
            tokens: Some(wire_tokens(tokens)),
        }))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        let client = client_of(&request);
        let LoginRequest { email, password } = request.into_inner();
        let (account, tokens) = self.sessions.login(&email, &password, client).await?;
        Ok(Response::new(LoginResponse {
            user: Some(user(account)),
            tokens: Some(wire_tokens(tokens)),
        }))
    }

    async fn refresh(&self, request: Request<RefreshRequest>) -> Result<Response<RefreshResponse>, Status> {
        let tokens = self.sessions.refresh(&request.get_ref().refresh_token).await?;
        Ok(Response::new(RefreshResponse {
            tokens: Some(wire_tokens(tokens)),
        }))
    }

    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        self.sessions.logout(&request.get_ref().refresh_token).await?;
        Ok(Response::new(LogoutResponse {}))
    }

    async fn get_session(&self, request: Request<GetSessionRequest>) -> Result<Response<GetSessionResponse>, Status> {
        let caller = Caller::of(&request)?;
        let (account, session) = self.sessions.current(caller).await?;
        Ok(Response::new(GetSessionResponse {
            user: Some(user(account)),
            session: Some(wire_session(session, caller)),
        }))
    }

    async fn list_sessions(
        &self,
        request: Request<ListSessionsRequest>,
    ) -> Result<Response<ListSessionsResponse>, Status> {
        let caller = Caller::of(&request)?;
        let sessions = self.sessions.list(caller).await?;
        Ok(Response::new(ListSessionsResponse {
            sessions: sessions
                .into_iter()
                .map(|session| wire_session(session, caller))
                .collect(),
            next_page_token: String::new(),
        }))
    }

    async fn revoke_session(
        &self,
        request: Request<RevokeSessionRequest>,
    ) -> Result<Response<RevokeSessionResponse>, Status> {
        let session = &request.get_ref().session_id;
        self.sessions.revoke(Caller::of(&request)?, session).await?;
        Ok(Response::new(RevokeSessionResponse {}))
    }

    async fn revoke_other_sessions(
        &self,
        request: Request<RevokeOtherSessionsRequest>,
    ) -> Result<Response<RevokeOtherSessionsResponse>, Status> {
        self.sessions.revoke_others(Caller::of(&request)?).await?;
        Ok(Response::new(RevokeOtherSessionsResponse {}))
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let ChangePasswordRequest {
            current_password,
            new_password,
        } = request.get_ref();
        self.accounts
            .change_password(Caller::of(&request)?, current_password, new_password)
            .await?;
        Ok(Response::new(ChangePasswordResponse {}))
    }

    async fn delete_account(
        &self,
        request: Request<DeleteAccountRequest>,
    ) -> Result<Response<DeleteAccountResponse>, Status> {
        let password = &request.get_ref().password;
        self.accounts.delete(Caller::of(&request)?, password).await?;
        Ok(Response::new(DeleteAccountResponse {}))
    }

    type ExportAccountStream = BoxStream<'static, Result<HttpBody, Status>>;

    async fn export_account(
        &self,
        _: Request<ExportAccountRequest>,
    ) -> Result<Response<Self::ExportAccountStream>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn get_jwks(&self, _: Request<GetJwksRequest>) -> Result<Response<GetJwksResponse>, Status> {
        Ok(Response::new(GetJwksResponse {
            keys: self.keys.published().await,
        }))
    }
}

fn user(account: Account) -> User {
    User {
        id: account.id.to_string(),
        email: account.email.as_typed().to_owned(),
        display_name: account.display_name,
        create_time: Some(account.create_time.into()),
    }
}

fn wire_session(session: Session, caller: &Caller) -> WireSession {
    WireSession {
        id: session.id.to_string(),
        create_time: Some(session.create_time.into()),
        last_used_time: Some(session.last_used_time.into()),
        expire_time: Some(session.expire_time.into()),
        user_agent: session.user_agent,
        ip_address: session.ip_address,
        current: session.id == caller.session(),
    }
}

fn wire_tokens(tokens: SessionTokens) -> Tokens {
    Tokens {
        access_token: tokens.access_token,
        token_type: "Bearer".to_owned(),
        expires_in: whole_seconds(tokens.access_lifetime),
        refresh_token: tokens.refresh_token,
        refresh_expires_in: whole_seconds(tokens.refresh_lifetime),
    }
}

/// Rounded down, so that nothing is promised for longer than it lasts.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
