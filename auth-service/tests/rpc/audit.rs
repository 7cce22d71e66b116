//! What a service leaves in its audit log and in its metrics.

use auth_service::{
    audit::AuditRecord,
    store::{AuditStore as _, SCHEMA, SqlStore},
};
use platform::database::Engine as _;
use proto::auth::v1::{
    ChangePasswordRequest, DeleteAccountRequest, LogoutRequest, RevokeOtherSessionsRequest, RevokeSessionRequest,
};
use tonic::Request;

use crate::world::{EMAIL, PASSWORD, World, bearer};

const OTHER: &str = "another staple for the horse";

async fn records(world: &World) -> Vec<AuditRecord> {
    let database = sqlx::Sqlite::open(world.database(), &SCHEMA).await.unwrap();
    let records = SqlStore::new(database.clone())
        .audit_after(0, None, 1000)
        .await
        .unwrap();
    database.close().await;
    records
}

/// The value of a metric, by everything that stands before it.
fn metric(world: &World, name: &str) -> Option<u64> {
    let text = world.config.metrics.text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.parse().ok()
}

fn with_id<T>(mut request: Request<T>, id: &str) -> Request<T> {
    request.metadata_mut().insert("x-request-id", id.parse().unwrap());
    request
}

/// LG-01: each act once, by whom, in which session, from where, by which request. SE-10: a reuse too.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one story, told once")]
async fn what_people_do_is_recorded() {
    let world = World::new().await;
    let mut auth = world.auth.clone();
    let registered = world.register(EMAIL).await;
    let (ada, first) = (registered.user.unwrap().id, registered.tokens.unwrap());
    let session = async |token: &str| world.session(token).await.unwrap().session.unwrap().id;
    let first_id = session(&first.access_token).await;
    world.login(EMAIL, "wrong horse battery staple").await.unwrap_err();
    world.login("eve@example.com", PASSWORD).await.unwrap_err();
    let second = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let second_id = session(&second.access_token).await;
    let third = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let third_id = session(&third.access_token).await;

    let next = world.refresh(&second.refresh_token).await.unwrap();
    world.refresh(&next.refresh_token).await.unwrap();
    world.refresh(&second.refresh_token).await.unwrap_err();

    let revoke = RevokeSessionRequest {
        session_id: third_id.clone(),
    };
    let revoke = with_id(bearer(&first.access_token, revoke), "the-request");
    auth.revoke_session(revoke).await.unwrap();
    let fourth = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let fourth_id = session(&fourth.access_token).await;
    let mut fifth_id = String::new();
    for _ in 0..2 {
        let logout = LogoutRequest {
            refresh_token: fourth.refresh_token.clone(),
        };
        auth.logout(logout).await.unwrap();
    }
    // Where nothing ends, nothing is said.
    for others in [0, 1] {
        for _ in 0..others {
            let tokens = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
            fifth_id = session(&tokens.access_token).await;
        }
        let revoke = bearer(&first.access_token, RevokeOtherSessionsRequest {});
        auth.revoke_other_sessions(revoke).await.unwrap();
    }
    let change = |current: &str| {
        let change = ChangePasswordRequest {
            current_password: current.to_owned(),
            new_password: OTHER.to_owned(),
        };
        bearer(&first.access_token, change)
    };
    auth.change_password(change("not the password")).await.unwrap_err();
    auth.change_password(change(PASSWORD)).await.unwrap();
    let delete = DeleteAccountRequest {
        password: OTHER.to_owned(),
    };
    auth.delete_account(bearer(&first.access_token, delete)).await.unwrap();

    let records = records(&world).await;
    let said: Vec<_> = records
        .iter()
        .map(|record| {
            (
                &*record.act,
                record.account.map(|id| id.to_string()),
                record.session.map(|id| id.to_string()),
            )
        })
        .collect();
    let hers = |session: &str| (Some(ada.clone()), Some(session.to_owned()));
    let by = |act, (account, session)| (act, account, session);
    assert_eq!(
        said,
        [
            by("REGISTERED", hers(&first_id)),
            by("SIGN_IN_FAILED", (Some(ada.clone()), None)),
            by("SIGN_IN_FAILED", (None, None)),
            by("SIGNED_IN", hers(&second_id)),
            by("SIGNED_IN", hers(&third_id)),
            by("REFRESH_REUSED", hers(&second_id)),
            by("SESSION_REVOKED", hers(&third_id)),
            by("SIGNED_IN", hers(&fourth_id)),
            by("SIGNED_OUT", hers(&fourth_id)),
            by("SIGNED_IN", hers(&fifth_id)),
            by("OTHER_SESSIONS_REVOKED", hers(&first_id)),
            by("PASSWORD_CHECK_FAILED", hers(&first_id)),
            by("PASSWORD_CHANGED", hers(&first_id)),
            by("ACCOUNT_DELETED", hers(&first_id)),
        ]
    );
    for record in &records {
        assert_eq!(record.ip_address, "127.0.0.1");
        assert!(record.user_agent.contains("tonic"));
        assert!(!record.request_id.is_empty());
        let text = format!("{record:?}");
        for secret in ["@", PASSWORD, OTHER, "hfr_"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert_eq!(records[6].request_id, "the-request");

    for (name, count) in [
        ("auth_login_total{outcome=\"success\"}", 4),
        ("auth_login_total{outcome=\"invalid_credentials\"}", 2),
        ("auth_refresh_total{outcome=\"rotated\"}", 2),
        ("auth_refresh_total{outcome=\"reused\"}", 1),
        ("sessions_revoked_total{reason=\"REFRESH_REUSED\"}", 1),
        ("sessions_revoked_total{reason=\"REVOKED\"}", 2),
        ("sessions_revoked_total{reason=\"LOGOUT\"}", 1),
        ("sessions_revoked_total{reason=\"ACCOUNT_DELETED\"}", 1),
        ("hashing_queue_depth", 0),
    ] {
        assert_eq!(
            metric(&world, name),
            Some(count),
            "{name}\n{}",
            world.config.metrics.text()
        );
    }
    let checked = metric(&world, "token_verification_seconds_count{service=\"auth-service\"}");
    assert!(checked.is_some_and(|count| count > 5), "{checked:?}");
}

/// Tries that are held up are counted, and fill no log.
#[tokio::test]
async fn a_try_that_is_held_up_is_counted_only() {
    let world = World::new().await;
    for _ in 0..9 {
        world.login(EMAIL, PASSWORD).await.unwrap_err();
    }
    assert_eq!(records(&world).await.len(), 5);
    assert_eq!(metric(&world, "auth_login_total{outcome=\"rate_limited\"}"), Some(4));
}
