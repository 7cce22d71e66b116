//! GetJwks, and the profile of the access tokens.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use proto::auth::v1::GetJwksRequest;
use serde_json::Value;

use crate::world::{EMAIL, ISSUER, World};

fn segment(token: &str, index: usize) -> Value {
    let segment = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(segment).unwrap()).unwrap()
}

/// TK-08, TK-17: the claims of RFC 9068 and ours, nothing that names a person, at most 600 bytes.
#[tokio::test]
async fn access_tokens_have_the_profile_of_the_contract() {
    let world = World::new().await;
    let registered = world.register(EMAIL).await;
    let token = registered.tokens.unwrap().access_token;
    assert!(token.len() <= 600, "{} bytes", token.len());

    let header = segment(&token, 0);
    assert_eq!(
        (header["typ"].as_str(), header["alg"].as_str()),
        (Some("at+jwt"), Some("ES256"))
    );
    assert!(header["kid"].as_str().unwrap().len() <= 16);
    assert_eq!(header.as_object().unwrap().len(), 3);

    let claims = segment(&token, 1);
    let mut names: Vec<_> = claims.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "aud",
            "auth_time",
            "client_id",
            "exp",
            "iat",
            "iss",
            "jti",
            "scope",
            "sid",
            "sub"
        ]
    );
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["aud"], serde_json::json!(["holdfast"]));
    assert_eq!(claims["client_id"], "holdfast");
    assert_eq!(claims["scope"], "tasks:read tasks:write account");
    assert_eq!(claims["sub"], *registered.user.unwrap().id);
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert_eq!(
        BASE64_URL_SAFE_NO_PAD
            .decode(claims["jti"].as_str().unwrap())
            .unwrap()
            .len(),
        16
    );
}

/// OA-10: public members only; and the same key after a restart.
#[tokio::test]
async fn the_published_key_verifies_and_lasts() {
    let world = World::new().await;
    let token = world.register(EMAIL).await.tokens.unwrap().access_token;
    let published = world
        .auth
        .clone()
        .get_jwks(GetJwksRequest {})
        .await
        .unwrap()
        .into_inner();
    let [key] = &published.keys[..] else { panic!("one key") };
    assert_eq!(
        [&*key.kty, &*key.r#use, &*key.alg, &*key.crv],
        ["EC", "sig", "ES256", "P-256"]
    );
    assert_eq!(segment(&token, 0)["kid"], *key.kid);
    let decoding = jsonwebtoken::DecodingKey::from_ec_components(&key.x, &key.y).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let algorithm = jsonwebtoken::Algorithm::ES256;
    assert!(jsonwebtoken::crypto::verify(signature, message.as_bytes(), &decoding, algorithm).unwrap());

    let world = world.restarted().await;
    assert_eq!(
        world
            .auth
            .clone()
            .get_jwks(GetJwksRequest {})
            .await
            .unwrap()
            .into_inner(),
        published
    );
}
