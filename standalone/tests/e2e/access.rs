//! Every method of every service, against every kind of bad credential (AP-05). A method joins by being
//! declared; one without access fails here.

use std::time::Duration;

use auth_service::{
    sealing,
    store::{KeyStore as _, SCHEMA, SqlStore},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::{
    access::{Access, AccessTable, descriptor_pool},
    clock::{Clock as _, SystemClock},
    database::Engine as _,
    secret::Secret,
    service_credential::{self, Role, ServiceKeys},
    verification::AccessClaims,
};
use prost_reflect::MethodDescriptor;
use standalone::secrets::Secrets;
use tokio::time::Instant;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::{
    isolation::call,
    world::{Person, World, bearer},
};

/// The service's own key, taken from its database, so that a token is wrong in nothing but its claims.
struct Forger {
    key: EncodingKey,
    key_id: String,
    claims: AccessClaims,
}

impl Forger {
    async fn new(world: &World, person: &Person) -> Self {
        let secrets = Secrets::load_or_make(&world.settings).unwrap();
        let database = sqlx::Sqlite::open(&world.settings.auth_database_url, &SCHEMA)
            .await
            .unwrap();
        let stored = SqlStore::new(database).keys().await.unwrap().unwrap().signing.remove(0);
        let purpose = format!("holdfast signing key {}", stored.id);
        let private = sealing::open(&secrets.master_keys, &purpose, &stored.sealed).unwrap();
        let now = SystemClock.now();
        let claims = AccessClaims {
            iss: world.settings.issuer.clone(),
            sub: person.user.id.clone(),
            aud: vec!["holdfast".to_owned()],
            client_id: "holdfast".to_owned(),
            exp: now.plus(Duration::from_mins(5)).as_seconds(),
            iat: now.as_seconds(),
            nbf: None,
            jti: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            sid: person.session_id(),
            scope: "tasks:read tasks:write account".to_owned(),
            auth_time: now.as_seconds(),
        };
        Self {
            key: EncodingKey::from_ec_der(&private),
            key_id: stored.id,
            claims,
        }
    }

    fn token(&self, change: impl FnOnce(&mut AccessClaims)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(self.key_id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

impl Person {
    /// `sid` of the access token.
    fn session_id(&self) -> String {
        let payload = self.tokens.access_token.split('.').nth(1).unwrap();
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, payload).unwrap();
        serde_json::from_slice::<AccessClaims>(&bytes).unwrap().sid
    }
}

fn outcome(answer: &Result<Vec<u8>, Status>) -> (Code, String) {
    match answer {
        Ok(_) => (Code::Ok, String::new()),
        Err(status) => {
            let details = status.get_error_details();
            (
                status.code(),
                details
                    .error_info()
                    .map_or_else(String::new, |info| info.reason.clone()),
            )
        }
    }
}

async fn empty_call(world: &World, method: &MethodDescriptor, request: Request<Vec<u8>>) -> (Code, String) {
    let address = match method.parent_service().package_name() {
        "holdfast.auth.v1" => world.addresses.auth,
        _ => world.addresses.task,
    };
    outcome(&call(address, method, request).await)
}

#[tokio::test]
async fn every_method_asks_for_what_it_declares() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let forger = Forger::new(&world, &ada).await;
    let pool = descriptor_pool();
    let services: Vec<_> = pool
        .services()
        .filter(|service| service.full_name().starts_with("holdfast."))
        .collect();
    let names: Vec<_> = services
        .iter()
        .map(prost_reflect::ServiceDescriptor::full_name)
        .collect();
    let table = AccessTable::for_services(&names);

    let bad_tokens = [
        ("garbage", "TOKEN_INVALID", "garbage".to_owned()),
        (
            "wrong audience",
            "TOKEN_INVALID",
            forger.token(|claims| claims.aud = vec!["other".to_owned()]),
        ),
        (
            "wrong issuer",
            "TOKEN_INVALID",
            forger.token(|claims| claims.iss += "/"),
        ),
        (
            "expired",
            "TOKEN_EXPIRED",
            forger.token(|claims| claims.exp = claims.iat - 1),
        ),
        ("refresh token", "TOKEN_INVALID", ada.tokens.refresh_token.clone()),
    ];
    let powerless = forger.token(|claims| claims.scope = String::new());
    let mut users = 0;
    for method in services.iter().flat_map(prost_reflect::ServiceDescriptor::methods) {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let rules = table.get(&path).unwrap_or_else(|| panic!("{path} declares no access"));
        let none = empty_call(&world, &method, Request::new(Vec::new())).await;
        match &rules.access {
            Access::Public => assert!(!none.1.starts_with("TOKEN_"), "{path}: {none:?}"),
            Access::Service => assert_eq!(none, (Code::Unauthenticated, "SERVICE_CREDENTIAL_REQUIRED".to_owned())),
            Access::User { scope } => {
                users += 1;
                assert!(!scope.is_empty(), "{path} declares no scope");
                assert_eq!(none, (Code::Unauthenticated, "TOKEN_MISSING".to_owned()), "{path}");
                for (kind, reason, token) in &bad_tokens {
                    let refused = empty_call(&world, &method, bearer(token, Vec::new())).await;
                    assert_eq!(refused, (Code::Unauthenticated, (*reason).to_owned()), "{path}: {kind}");
                }
                let refused = empty_call(&world, &method, bearer(&powerless, Vec::new())).await;
                assert_eq!(refused, (Code::PermissionDenied, "SCOPE_MISSING".to_owned()), "{path}");
                // The forger forges well: unchanged claims get through.
                let good = empty_call(&world, &method, bearer(&forger.token(|_| {}), Vec::new())).await;
                assert!(
                    !matches!(good.0, Code::Unauthenticated | Code::PermissionDenied),
                    "{path}: {good:?}"
                );
            }
        }
    }
    assert!(users >= 8);
    world.end().await;
}

/// AP-05, SE-04: the token of a session that has ended is good for nothing, at either service; nor is a person's token
/// where services talk to each other.
#[tokio::test]
async fn no_method_takes_the_token_of_an_ended_session() {
    let world = World::new().await;
    let (ada, ben) = (world.person("ada").await, world.person("ben").await);
    let logout = proto::auth::v1::LogoutRequest {
        refresh_token: ada.tokens.refresh_token.clone(),
    };
    world.auth.clone().logout(logout).await.unwrap();
    let pool = descriptor_pool();
    let services = pool
        .services()
        .filter(|service| service.full_name().starts_with("holdfast."));
    let methods: Vec<_> = services
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    let ended = Instant::now();
    for method in methods {
        let service = method.parent_service();
        let path = format!("/{}/{}", service.full_name(), method.name());
        let table = AccessTable::for_services(&[service.full_name()]);
        match table.get(&path).map(|rules| &rules.access) {
            Some(Access::User { .. }) => loop {
                let token = &ada.tokens.access_token;
                let answer = empty_call(&world, &method, bearer(token, Vec::new())).await;
                if answer == (Code::Unauthenticated, "SESSION_REVOKED".to_owned()) {
                    break;
                }
                assert!(ended.elapsed() < Duration::from_secs(1), "{path}: {answer:?}");
            },
            Some(Access::Service) => {
                let mut request = bearer(&ben.tokens.access_token, Vec::new());
                let foreign = ServiceKeys::new(vec![Secret::new([9; 32])]).unwrap();
                let foreign = foreign.sign(Role::TaskService, &SystemClock);
                request
                    .metadata_mut()
                    .insert(service_credential::METADATA, foreign.parse().unwrap());
                let answer = empty_call(&world, &method, request).await;
                assert_eq!(
                    answer,
                    (Code::Unauthenticated, "SERVICE_CREDENTIAL_REQUIRED".to_owned()),
                    "{path}"
                );
            }
            _ => {}
        }
    }
    world.end().await;
}

/// The gateway says the same, with the challenges of RFC 6750, section 3 (AP-01, AP-02).
#[tokio::test]
async fn the_gateway_challenges() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let forger = Forger::new(&world, &ada).await;
    let get = async |authorization: Option<String>| {
        let headers = authorization.as_deref().map(|value| ("authorization", value));
        world
            .send(http::Method::GET, "/v1/tasks", headers.as_slice(), None)
            .await
    };
    let answer = get(None).await;
    answer.assert_problem(401, "TOKEN_MISSING");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"holdfast\"");
    for (reason, token) in [
        ("TOKEN_INVALID", "garbage".to_owned()),
        ("TOKEN_EXPIRED", forger.token(|claims| claims.exp = claims.iat - 1)),
    ] {
        let answer = get(Some(format!("Bearer {token}"))).await;
        answer.assert_problem(401, reason);
        assert!(
            answer.header("www-authenticate").contains("error=\"invalid_token\""),
            "{answer:?}"
        );
    }
    let answer = get(Some(format!(
        "Bearer {}",
        forger.token(|claims| claims.scope = "account".to_owned())
    )))
    .await;
    answer.assert_problem(403, "SCOPE_MISSING");
    assert!(
        answer
            .header("www-authenticate")
            .contains("error=\"insufficient_scope\""),
        "{answer:?}"
    );
    assert_eq!(
        get(Some(format!("bearer {}", ada.tokens.access_token))).await.status,
        200
    );
    // AP-03: a token in the URL is no credential.
    let path = format!("/v1/tasks?access_token={}", ada.tokens.access_token);
    assert_ne!(world.send(http::Method::GET, &path, &[], None).await.status, 200);
    world.end().await;
}
