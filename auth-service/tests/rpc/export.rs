//! Everything of one person.

use proto::auth::v1::{ExportAccountRequest, LogoutRequest, Tokens};
use serde_json::Value;
use tonic::{Code, Status};

use crate::world::{EMAIL, PASSWORD, World, assert_refused, bearer};

async fn export(world: &World, tokens: &Tokens) -> Result<String, Status> {
    let request = bearer(&tokens.access_token, ExportAccountRequest {});
    let mut parts = world.auth.clone().export_account(request).await?.into_inner();
    let mut document = Vec::new();
    while let Some(part) = parts.message().await? {
        assert_eq!(part.content_type, "application/json");
        document.extend(part.data);
    }
    Ok(String::from_utf8(document).unwrap())
}

/// LG-05: all of hers, nothing of another's, and nothing that signs anybody in.
#[tokio::test]
async fn a_person_gets_everything_of_theirs() {
    let world = World::new().await;
    let ben = world.register("ben@example.com").await.user.unwrap();
    let registered = world.register(EMAIL).await;
    let (ada, tokens) = (registered.user.unwrap(), registered.tokens.unwrap());
    let ended = world.login(EMAIL, PASSWORD).await.unwrap().tokens.unwrap();
    let logout = LogoutRequest {
        refresh_token: ended.refresh_token,
    };
    world.auth.clone().logout(logout).await.unwrap();
    for _ in 0..3 {
        world.login(EMAIL, "wrong \"horse\"\nbattery staple").await.unwrap_err();
    }

    let document = export(&world, &tokens).await.unwrap();
    let parsed: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(parsed["account"]["id"], ada.id);
    assert_eq!(parsed["account"]["email"], EMAIL);
    assert_eq!(parsed["account"]["displayName"], "Ada");
    assert!(parsed["account"]["createTime"].as_str().unwrap().ends_with('Z'));
    assert_eq!(parsed["knownNetworks"].as_array().unwrap().len(), 1);
    let sessions = parsed["sessions"].as_array().unwrap();
    let mut ends: Vec<_> = sessions.iter().map(|session| session["endReason"].as_str()).collect();
    ends.sort_unstable();
    assert_eq!(ends, [None, Some("LOGOUT")]);
    assert!(sessions.iter().all(|session| session["ipAddress"] == "127.0.0.1"));
    let records = parsed["auditRecords"].as_array().unwrap();
    let acts: Vec<_> = records.iter().map(|record| record["act"].as_str().unwrap()).collect();
    assert_eq!(
        acts,
        [
            "REGISTERED",
            "SIGNED_IN",
            "SIGNED_OUT",
            "SIGN_IN_FAILED",
            "SIGN_IN_FAILED",
            "SIGN_IN_FAILED",
            "ACCOUNT_EXPORTED"
        ]
    );
    for foreign in [&*ben.id, "ben@", "argon2", "hfr_"] {
        assert!(!document.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn many_rows_are_one_document() {
    let world = World::with(|config| config.throttle_exempt = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    for _ in 0..520 {
        world.login(EMAIL, "wrong horse battery staple").await.unwrap_err();
    }
    let document = export(&world, &tokens).await.unwrap();
    let parsed: Value = serde_json::from_str(&document).unwrap();
    assert_eq!(parsed["auditRecords"].as_array().unwrap().len(), 522);
}

#[tokio::test]
async fn an_ended_session_exports_nothing() {
    let world = World::new().await;
    let tokens = world.register(EMAIL).await.tokens.unwrap();
    let logout = LogoutRequest {
        refresh_token: tokens.refresh_token.clone(),
    };
    world.auth.clone().logout(logout).await.unwrap();
    let refused = export(&world, &tokens).await;
    assert_refused(refused, Code::Unauthenticated, "SESSION_REVOKED");
}
