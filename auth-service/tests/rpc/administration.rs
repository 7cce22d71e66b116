//! What operators do beside a running service, and the links they give to people.

use auth_service::{administration::Administration, store::SCHEMA};
use platform::database::{Database, Engine as _};
use proto::auth::v1::ResetPasswordRequest;
use sqlx::Sqlite;
use tonic::{Code, Status};

use crate::world::{EMAIL, ISSUER, PASSWORD, World, assert_refused};

const OTHER: &str = "another staple for the horse";

struct Operator {
    database: Database<Sqlite>,
    administration: Administration,
}

impl Operator {
    async fn of(world: &World) -> Self {
        let database = Sqlite::open(world.database(), &SCHEMA).await.unwrap();
        let administration = Administration::open(&database, &world.config).await.unwrap();
        Self {
            database,
            administration,
        }
    }

    /// The token of a link.
    async fn link(&self, who: &str, compromised: bool) -> String {
        let found = self.administration.find(who).await.unwrap();
        let link = self
            .administration
            .reset_link(found.account.id, compromised)
            .await
            .unwrap();
        let token = link.strip_prefix(&format!("{ISSUER}/reset-password#")).unwrap();
        token.to_owned()
    }
}

async fn reset(world: &World, token: &str, password: &str) -> Result<(), Status> {
    let request = ResetPasswordRequest {
        token: token.to_owned(),
        new_password: password.to_owned(),
    };
    world.auth.clone().reset_password(request).await.map(drop)
}

/// SE-05: disabled, an account answers like one that is not there, and its sessions have ended.
#[tokio::test]
async fn a_disabled_account_signs_nobody_in() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let operator = Operator::of(&world).await;
    let ada = operator.administration.find(EMAIL).await.unwrap().account;
    assert_eq!(operator.administration.disable(ada.id).await.unwrap(), 1);
    let unknown = world.login("eve@example.com", PASSWORD).await.unwrap_err();
    let refused = world.login(EMAIL, PASSWORD).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.message(), refused.details()),
        (unknown.code(), unknown.message(), unknown.details())
    );
    for refused in [
        world.session(&tokens.access_token).await.map(drop),
        world.refresh(&tokens.refresh_token).await.map(drop),
    ] {
        assert_refused(refused, Code::Unauthenticated, "SESSION_REVOKED");
    }
    operator.administration.enable(ada.id).await.unwrap();
    world.login(EMAIL, PASSWORD).await.unwrap();
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    operator.database.close().await;
}

/// SE-08.
#[tokio::test]
async fn sessions_of_one_or_of_everybody_end() {
    let world = World::new().await;
    let ada = world.register(EMAIL).await;
    let ben = world.register("ben@example.com").await.tokens.unwrap();
    let operator = Operator::of(&world).await;
    let (id, tokens) = (ada.user.unwrap().id, ada.tokens.unwrap());
    assert_eq!(
        operator.administration.end_sessions(id.parse().unwrap()).await.unwrap(),
        1
    );
    assert_refused(
        world.session(&tokens.access_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    world.session(&ben.access_token).await.unwrap();
    assert_eq!(operator.administration.end_all_sessions().await.unwrap(), 1);
    assert_refused(
        world.session(&ben.access_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    world.login("ben@example.com", PASSWORD).await.unwrap();
    operator.database.close().await;
}

#[tokio::test]
async fn an_operator_forgets_failures() {
    let world = World::new().await;
    world.register(EMAIL).await;
    for _ in 0..5 {
        world.login(EMAIL, "wrong horse battery staple").await.unwrap_err();
    }
    assert_refused(
        world.login(EMAIL, PASSWORD).await,
        Code::ResourceExhausted,
        "RATE_LIMITED",
    );
    let operator = Operator::of(&world).await;
    operator.administration.unlock("ADA@example.com").await.unwrap();
    operator.administration.unlock("nobody@example.com").await.unwrap();
    world.login(EMAIL, PASSWORD).await.unwrap();
    operator.database.close().await;
}

/// PW-13, PW-14, SE-06: the person chooses the password, once, and all sessions end.
#[tokio::test]
async fn a_link_gives_another_password() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let operator = Operator::of(&world).await;
    let replaced = operator.link(EMAIL, false).await;
    let token = operator.link(EMAIL, false).await;
    assert_eq!(token.len(), "hfp_".len() + 43, "256 bits");
    world.session(&tokens.access_token).await.unwrap();

    for other in [
        &*replaced,
        "",
        "hfp_",
        &token[..46],
        &tokens.access_token,
        &tokens.refresh_token,
    ] {
        let fields = assert_refused(
            reset(&world, other, OTHER).await,
            Code::InvalidArgument,
            "RESET_TOKEN_INVALID",
        );
        assert_eq!(fields, ["token"]);
    }
    // A password that is refused leaves the link as it was; the rules are those of Register.
    for (password, reason) in [
        ("short", "PASSWORD_TOO_SHORT"),
        ("password1234", "PASSWORD_TOO_COMMON"),
        ("ada@example.com", "PASSWORD_TOO_COMMON"),
        ("with\0null character", "FIELD_INVALID"),
    ] {
        let fields = assert_refused(reset(&world, &token, password).await, Code::InvalidArgument, reason);
        assert_eq!(fields, ["new_password"]);
    }
    reset(&world, &token, OTHER).await.unwrap();
    assert_refused(
        reset(&world, &token, OTHER).await,
        Code::InvalidArgument,
        "RESET_TOKEN_INVALID",
    );
    assert_refused(
        world.refresh(&tokens.refresh_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    world.login(EMAIL, PASSWORD).await.unwrap_err();
    world.login(EMAIL, OTHER).await.unwrap();

    // SE-01: the database gives no link away.
    let used = operator.link(EMAIL, false).await;
    operator.database.close().await;
    for entry in std::fs::read_dir(world.workspace.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(used.len()).any(|window| window == used.as_bytes()));
    }
}

/// PW-09: no password expires, but one that is known to others can be withdrawn.
#[tokio::test]
async fn a_compromised_password_is_of_no_use() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let operator = Operator::of(&world).await;
    let token = operator.link(EMAIL, true).await;
    assert_refused(
        world.session(&tokens.access_token).await,
        Code::Unauthenticated,
        "SESSION_REVOKED",
    );
    assert_refused(
        world.login(EMAIL, PASSWORD).await,
        Code::Unauthenticated,
        "INVALID_CREDENTIALS",
    );
    reset(&world, &token, OTHER).await.unwrap();
    world.login(EMAIL, OTHER).await.unwrap();
    operator.database.close().await;
}
