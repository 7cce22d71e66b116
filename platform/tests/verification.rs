//! Access tokens: what a verifier accepts, what it refuses, and when it asks for keys.
//!
//! The ids are those of the security checklist. Each bad token is truly signed unless the signature is what is
//! wrong with it, so that it is refused for the reason that the test names.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, join, join_all},
};
use jsonwebtoken::{Algorithm, EncodingKey};
use platform::{
    clock::Clock as _,
    secret::Secret,
    service_credential::{Role, ServiceKeys},
    testing::{ManualClock, TestIssuer},
    verification::{Caller, KeyRing, KeySource, Refusal, SCOPE, Verifier},
};
use proto::auth::v1::JsonWebKey;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify, time::Instant};
use uuid::Uuid;

const ISSUER: &str = "http://localhost:8080";
const KEY_ID: &str = "key-1";
const SUBJECT: Uuid = Uuid::from_u128(0x0a11_ce00_0000_4000_8000_0000_0000_0001);
const SESSION: Uuid = Uuid::from_u128(0x5e55_1000_0000_4000_8000_0000_0000_0002);

/// A source of keys that tests change, count and hold up. Clones share it.
#[derive(Clone)]
struct Keys(Arc<State>);

struct State {
    answer: Mutex<Result<Vec<JsonWebKey>, String>>,
    fetches: AtomicUsize,
    /// When some, every fetch tells that it began and waits to be let go.
    gate: Option<Gate>,
}

#[derive(Default)]
struct Gate {
    began: Notify,
    go: Notify,
}

impl Keys {
    fn of(keys: impl IntoIterator<Item = JsonWebKey>) -> Self {
        Self::answering(Ok(keys.into_iter().collect()), None)
    }

    fn down() -> Self {
        Self::answering(Err("connection refused".to_owned()), None)
    }

    fn held_up(key: JsonWebKey) -> Self {
        Self::answering(Ok(vec![key]), Some(Gate::default()))
    }

    fn answering(answer: Result<Vec<JsonWebKey>, String>, gate: Option<Gate>) -> Self {
        Self(Arc::new(State {
            answer: Mutex::new(answer),
            fetches: AtomicUsize::new(0),
            gate,
        }))
    }

    fn set(&self, answer: Result<Vec<JsonWebKey>, String>) {
        *self.0.answer.lock().unwrap() = answer;
    }

    fn fetches(&self) -> usize {
        self.0.fetches.load(Ordering::SeqCst)
    }

    fn gate(&self) -> &Gate {
        self.0.gate.as_ref().expect("this source is held up")
    }
}

impl KeySource for Keys {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        Box::pin(async {
            self.0.fetches.fetch_add(1, Ordering::SeqCst);
            if let Some(gate) = &self.0.gate {
                gate.began.notify_one();
                gate.go.notified().await;
            }
            self.0.answer.lock().unwrap().clone()
        })
    }
}

/// An issuer, and a verifier of its tokens.
struct World {
    issuer: TestIssuer,
    keys: Keys,
    ring: Arc<KeyRing>,
    clock: Arc<ManualClock>,
    verifier: Verifier,
}

impl World {
    fn new() -> Self {
        let issuer = TestIssuer::new(ISSUER, KEY_ID);
        let keys = Keys::of([issuer.public_key()]);
        Self::with(issuer, keys)
    }

    fn with(issuer: TestIssuer, keys: Keys) -> Self {
        let clock = Arc::new(ManualClock::new());
        let ring = Arc::new(KeyRing::new(keys.clone()));
        let verifier = Verifier::new(ISSUER, ring.clone(), clock.clone());
        Self {
            issuer,
            keys,
            ring,
            clock,
            verifier,
        }
    }

    fn token(&self) -> String {
        self.issuer.token(SUBJECT, SESSION, self.clock.now())
    }

    /// The claims of a good token, to be spoilt.
    fn claims(&self) -> Value {
        json!(self.issuer.claims(SUBJECT, SESSION, self.clock.now()))
    }

    /// A token of good claims but for one.
    fn token_where(&self, claim: &str, value: Value) -> String {
        let mut claims = self.claims();
        claims[claim] = value;
        self.issuer.sign(&claims)
    }

    /// A token of good claims under any header.
    fn token_under(&self, header: &Value) -> String {
        self.issuer
            .sign_segments(&header.to_string(), &self.claims().to_string())
    }

    async fn verify(&self, token: &str) -> Result<Caller, Refusal> {
        self.verifier.verify(token).await
    }

    /// Refused as TOKEN_INVALID, again when it is presented again.
    async fn refuses(&self, what: &str, token: &str) {
        for _ in 0..2 {
            assert_eq!(self.verify(token).await, Err(Refusal::Invalid), "{what}");
        }
    }

    /// Refused, and a good token is still accepted: it was the fault of the tokens.
    async fn refuses_all(&self, tokens: impl IntoIterator<Item = (String, String)>) {
        for (what, token) in tokens {
            self.refuses(&what, &token).await;
        }
        self.accepts("a good token", &self.token()).await;
    }

    async fn accepts(&self, what: &str, token: &str) {
        let caller = self.verify(token).await;
        assert_eq!(caller.map(|caller| caller.subject()), Ok(SUBJECT), "{what}");
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID})
}

/// The good header but for one member.
fn header_where(member: &str, value: Value) -> Value {
    let mut header = header();
    header[member] = value;
    header
}

fn named(what: impl std::fmt::Display, token: String) -> (String, String) {
    (what.to_string(), token)
}

#[tokio::test]
async fn a_good_token_names_its_person_session_and_scopes() {
    let world = World::new();
    let caller = world.verify(&world.token()).await.unwrap();
    assert_eq!((caller.subject(), caller.session()), (SUBJECT, SESSION));
    for scope in SCOPE.split(' ').chain([""]) {
        assert!(caller.has_scope(scope), "{scope}");
    }
    for scope in ["tasks", "tasks:rea", "ccount", "tasks:read tasks:write", "admin"] {
        assert!(!caller.has_scope(scope), "{scope}");
    }
}

#[tokio::test]
async fn tk_01_a_flipped_bit_in_any_segment_is_refused() {
    let world = World::new();
    let token = world.token();
    let segments: Vec<&str> = token.split('.').collect();
    for (place, segment) in segments.iter().enumerate() {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(segment).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let flipped = BASE64_URL_SAFE_NO_PAD.encode(flipped);
            let mut segments = segments.clone();
            segments[place] = &flipped;
            let refused = world.verify(&segments.join(".")).await;
            assert_eq!(refused, Err(Refusal::Invalid), "bit {bit} of segment {place}");
        }
    }
    world.accepts("the token itself", &token).await;
}

#[tokio::test]
async fn tk_01_a_flipped_bit_in_the_text_is_refused() {
    let world = World::new();
    let token = world.token();
    for bit in 0..token.len() * 8 {
        let mut text = token.clone().into_bytes();
        text[bit / 8] ^= 1 << (bit % 8);
        // The eighth bit makes the text no UTF-8; such a header never reaches the verifier.
        if let Ok(text) = String::from_utf8(text) {
            assert_eq!(
                world.verify(&text).await,
                Err(Refusal::Invalid),
                "bit {bit} of the text"
            );
        }
    }
}

#[tokio::test]
async fn tk_01_a_cut_or_foreign_signature_is_refused() {
    let world = World::new();
    let token = world.token();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let other = TestIssuer::new(ISSUER, KEY_ID).sign(&world.claims());
    let with = |bytes: &[u8]| format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    world
        .refuses_all([
            named("no signature", format!("{message}.")),
            named("a cut signature", with(&bytes[..63])),
            named("a longer signature", with(&[&bytes[..], &[0]].concat())),
            named("zeros (CVE-2022-21449)", with(&[0; 64])),
            named("another key's signature", other),
            named("no token", String::new()),
        ])
        .await;
}

#[tokio::test]
async fn tk_02_only_the_algorithm_of_the_key_is_accepted() {
    let world = World::new();
    let mut tokens = Vec::new();
    for alg in [
        "none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "RS256", "PS256", "ES384", "ES512", "ES256K",
        "EdDSA", "Ed25519", "es256", "ES256 ",
    ] {
        let signed = world.token_under(&header_where("alg", json!(alg)));
        let (message, _) = signed.rsplit_once('.').unwrap();
        tokens.push(named(format_args!("{alg} without signature"), format!("{message}.")));
        tokens.push(named(format_args!("{alg} with a signature of ES256"), signed));
    }
    let mut without = header();
    without.as_object_mut().unwrap().remove("alg");
    tokens.push(named("no alg", world.token_under(&without)));
    tokens.push(named("null", world.token_under(&header_where("alg", Value::Null))));
    world.refuses_all(tokens).await;
}

#[tokio::test]
async fn tk_02_the_public_key_is_no_secret_of_hmac() {
    let world = World::new();
    let public = world.issuer.public_key();
    let coordinates = [&public.x, &public.y].map(|part| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap());
    let point = [&[4][..], &coordinates[0], &coordinates[1]].concat();
    let secrets = [
        point[1..].to_vec(),
        coordinates[0].clone(),
        public.x.clone().into_bytes(),
        Vec::new(),
        point,
    ];
    let mut tokens = Vec::new();
    // Under the name of either algorithm: neither may make a verifier take the key for a secret.
    for alg in ["HS256", "ES256"] {
        let signed = world.token_under(&header_where("alg", json!(alg)));
        let (message, _) = signed.rsplit_once('.').unwrap();
        for secret in &secrets {
            let key = EncodingKey::from_secret(secret);
            let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
            tokens.push(named(
                format_args!("{alg}, a secret of {} bytes", secret.len()),
                format!("{message}.{mac}"),
            ));
        }
    }
    world.refuses_all(tokens).await;
}

#[tokio::test]
async fn tk_03_a_key_that_the_token_brings_is_refused_and_nothing_is_fetched() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/keys", listener.local_addr().unwrap());
    let attacker = TestIssuer::new(ISSUER, KEY_ID);
    let public = attacker.public_key();
    let jwk = json!({"kty": public.kty, "crv": public.crv, "x": public.x, "y": public.y, "kid": KEY_ID});
    for (member, value) in [
        ("jku", json!(address)),
        ("x5u", json!(address)),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let header = header_where(member, value);
        let by_attacker = attacker.sign_segments(&header.to_string(), &world.claims().to_string());
        world.refuses(member, &by_attacker).await;
        world.refuses(member, &world.token_under(&header)).await;
    }
    assert_eq!(world.keys.fetches(), 0, "refused before anybody asks for keys");
    assert!(listener.accept().now_or_never().is_none(), "nobody called the address");
    world.accepts("a good token", &world.token()).await;
}

#[tokio::test]
async fn tk_03_a_key_id_is_only_compared() {
    let world = World::new();
    let mut tokens = Vec::new();
    for kid in [
        "../../../../etc/passwd".to_owned(),
        "../key-1".to_owned(),
        "' OR '1'='1".to_owned(),
        "key-1'; DROP TABLE keys; --".to_owned(),
        "key-1\0".to_owned(),
        "KEY-1".to_owned(),
        " key-1".to_owned(),
        String::new(),
        "k".repeat(2048),
        "k".repeat(4096),
    ] {
        let what = format!("a kid of {} bytes: {kid:.20}", kid.len());
        tokens.push(named(what, world.token_under(&header_where("kid", json!(kid)))));
    }
    for kid in [Value::Null, json!(1), json!([KEY_ID]), json!({"kid": KEY_ID})] {
        let what = format!("a kid that is {kid}");
        tokens.push(named(what, world.token_under(&header_where("kid", kid))));
    }
    world.refuses_all(tokens).await;
}

#[tokio::test]
async fn tk_04_every_claim_is_required() {
    let world = World::new();
    let claims = world.claims();
    for claim in claims.as_object().unwrap().keys() {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(claim);
        world.refuses(claim, &world.issuer.sign(&without)).await;
        world.refuses(claim, &world.token_where(claim, Value::Null)).await;
    }
    for payload in ["", "null", "[]", "\"\"", "{}"] {
        let token = world.issuer.sign_segments(&header().to_string(), payload);
        world.refuses(payload, &token).await;
    }
}

#[tokio::test]
async fn tk_04_a_token_ends_at_its_expiry() {
    let world = World::new();
    let now = world.clock.now().as_seconds();
    for past in [now, now - 1, now - 3600, 0, -1, i64::MIN] {
        let token = world.token_where("exp", json!(past));
        assert_eq!(world.verify(&token).await, Err(Refusal::Expired), "{past}");
    }
    world
        .accepts("one second left", &world.token_where("exp", json!(now + 1)))
        .await;
    world
        .accepts("the last second there is", &world.token_where("exp", json!(i64::MAX)))
        .await;
}

#[tokio::test]
async fn tk_04_a_time_is_a_whole_number() {
    let world = World::new();
    let later = world.clock.now().as_seconds() + 60;
    for claim in ["exp", "iat", "nbf", "auth_time"] {
        for value in [
            format!("\"{later}\""),
            format!("{later}.0"),
            format!("{later}.5"),
            "1e300".to_owned(),
            "1e3".to_owned(),
            "1e999".to_owned(),
            "18446744073709551615".to_owned(),
            "9223372036854775808".to_owned(),
            "99999999999999999999999".to_owned(),
            "NaN".to_owned(),
            "Infinity".to_owned(),
            "true".to_owned(),
            format!("[{later}]"),
        ] {
            // By hand: serde_json would not write some of these.
            let mut claims = world.claims();
            claims[claim] = json!("HERE");
            let payload = claims.to_string().replace("\"HERE\"", &value);
            let token = world.issuer.sign_segments(&header().to_string(), &payload);
            world.refuses(&format!("{claim}: {value}"), &token).await;
        }
    }
}

#[tokio::test]
async fn tk_04_a_clock_may_be_a_minute_ahead_and_no_more() {
    let world = World::new();
    let now = world.clock.now().as_seconds();
    for claim in ["iat", "nbf"] {
        for ahead in [-3600, 0, 59, 60] {
            let what = format!("{claim} {ahead} s ahead");
            world
                .accepts(&what, &world.token_where(claim, json!(now + ahead)))
                .await;
        }
        for ahead in [61, 3600, i64::MAX - now] {
            let what = format!("{claim} {ahead} s ahead");
            world
                .refuses(&what, &world.token_where(claim, json!(now + ahead)))
                .await;
        }
    }
}

#[tokio::test]
async fn tk_05_only_access_tokens_are_access_tokens() {
    let world = World::new();
    let mut tokens = Vec::new();
    for typ in [
        "JWT",
        "jwt",
        "AT+JWT",
        "application/at+jwt",
        "id+jwt",
        "reset+jwt",
        "holdfast-service+jwt",
        "",
    ] {
        tokens.push(named(
            format_args!("typ {typ}"),
            world.token_under(&header_where("typ", json!(typ))),
        ));
    }
    let mut without = header();
    without.as_object_mut().unwrap().remove("typ");
    tokens.push(named("no typ", world.token_under(&without)));
    tokens.push(named(
        "a service token",
        service_keys(1).sign(Role::Gateway, &*world.clock),
    ));
    world.refuses_all(tokens).await;
}

#[tokio::test]
async fn tk_05_an_access_token_is_no_service_token() {
    let world = World::new();
    let keys = service_keys(1);
    assert!(keys.verify(&world.token(), &*world.clock).is_none());

    // Signed with the service key, and still of the wrong kind.
    let own = keys.sign(Role::Gateway, &*world.clock);
    assert!(keys.verify(&own, &*world.clock).is_some());
    let (_, payload) = own.rsplit_once('.').unwrap().0.split_once('.').unwrap();
    for header in [
        json!({"alg": "HS256", "typ": "at+jwt", "kid": "service"}),
        json!({"alg": "HS256", "typ": "JWT", "kid": "service"}),
        json!({"alg": "HS256", "kid": "service"}),
        json!({"alg": "none", "typ": "holdfast-service+jwt", "kid": "service"}),
        json!({"alg": "HS256", "typ": "holdfast-service+jwt", "kid": "other"}),
    ] {
        let message = format!("{}.{payload}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()));
        let key = EncodingKey::from_secret(&[1; 32]);
        let mac = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        let token = format!("{message}.{mac}");
        assert!(keys.verify(&token, &*world.clock).is_none(), "{header}");
    }
}

#[tokio::test]
async fn a_service_token_proves_a_role_for_a_minute() {
    let clock = ManualClock::new();
    let keys = service_keys(1);
    for role in [Role::Gateway, Role::TaskService] {
        let token = keys.sign(role, &clock);
        assert_eq!(keys.verify(&token, &clock).map(|peer| peer.role()), Some(role));
        assert!(service_keys(2).verify(&token, &clock).is_none(), "another key");
        // After a rotation, the older key still verifies and the newer one signs.
        let rotated = ServiceKeys::new(vec![Secret::new([2; 32]), Secret::new([1; 32])]).unwrap();
        assert!(rotated.verify(&token, &clock).is_some());
        assert!(keys.verify(&rotated.sign(role, &clock), &clock).is_none());
    }
    // A minute of life, and a minute by which clocks may differ.
    let token = keys.sign(Role::Gateway, &clock);
    clock.advance(Duration::from_secs(119));
    assert!(keys.verify(&token, &clock).is_some());
    clock.advance(Duration::from_secs(1));
    assert!(keys.verify(&token, &clock).is_none());
    let early = ManualClock::new();
    let token = keys.sign(Role::Gateway, &clock);
    assert!(keys.verify(&token, &early).is_none(), "issued two minutes from now");
    assert!(ServiceKeys::new(Vec::new()).is_none());
}

#[tokio::test]
async fn tk_06_the_audience_is_us() {
    let world = World::new();
    let mut tokens = Vec::new();
    for aud in [
        json!(["other"]),
        json!([]),
        json!(["holdfast-services"]),
        json!(["Holdfast"]),
        json!(["holdfast "]),
        json!(["a", "b"]),
        json!([["holdfast"]]),
        json!("other"),
        json!(""),
        json!(1),
        json!({"holdfast": true}),
    ] {
        tokens.push(named(&aud, world.token_where("aud", aud.clone())));
    }
    world.refuses_all(tokens).await;
    world
        .accepts(
            "us among others",
            &world.token_where("aud", json!(["other", "holdfast"])),
        )
        .await;
}

#[tokio::test]
async fn tk_07_the_issuer_is_compared_exactly() {
    let world = World::new();
    let mut tokens = Vec::new();
    for iss in [
        "http://LOCALHOST:8080",
        "HTTP://localhost:8080",
        "http://localhost:8080/",
        "http://localhost",
        "http://localhost:80800",
        "https://localhost:8080",
        " http://localhost:8080",
        "http://localhost:8080\0",
        "",
    ] {
        tokens.push(named(format_args!("iss {iss:?}"), world.token_where("iss", json!(iss))));
    }
    tokens.push(named("several", world.token_where("iss", json!([ISSUER]))));
    world.refuses_all(tokens).await;
}

#[tokio::test]
async fn tk_07_another_issuer_with_the_same_key_id_is_refused() {
    let world = World::new();
    let other = TestIssuer::new("http://elsewhere:8080", KEY_ID);
    world
        .refuses("its own name", &other.token(SUBJECT, SESSION, world.clock.now()))
        .await;
    world.refuses("our name", &other.sign(&world.claims())).await;
    world.accepts("ours", &world.token()).await;
}

#[tokio::test]
async fn tk_11_only_the_compact_form_is_read() {
    let world = World::new();
    let token = world.token();
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else {
        panic!("three segments")
    };
    let flattened = json!({"protected": head, "payload": payload, "signature": signature});
    let general = json!({"payload": payload, "signatures": [{"protected": head, "signature": signature}]});
    world
        .refuses_all([
            named("flattened JSON", flattened.to_string()),
            named("general JSON", general.to_string()),
            named("JSON, encoded", BASE64_URL_SAFE_NO_PAD.encode(flattened.to_string())),
            named(
                "five segments (JWE)",
                format!("{head}.{payload}.{payload}.{payload}.{signature}"),
            ),
            named("four segments", format!("{token}.{signature}")),
            named("four segments, the last empty", format!("{token}.")),
            named("four segments, the first empty", format!(".{token}")),
            named("two segments", format!("{head}.{payload}")),
            named("one segment", head.to_owned()),
            named("dots", "..".to_owned()),
            named("a padded header", format!("{head}=.{payload}.{signature}")),
            named("a padded payload", format!("{head}.{payload}=.{signature}")),
            named("a padded signature", format!("{token}==")),
            named("a space before", format!(" {token}")),
            named("a space after", format!("{token} ")),
            named("a line feed after", format!("{token}\n")),
            named("a line feed within", format!("{head}.\n{payload}.{signature}")),
            named("a tab within", format!("{head}\t.{payload}.{signature}")),
            named("a NUL after", format!("{token}\0")),
            named("the scheme repeated", format!("Bearer {token}")),
            named("detached payload", format!("{head}..{signature}")),
        ])
        .await;
    let spoilt = token.replacen('.', "%2E", 1);
    world.refuses("percent-encoded", &spoilt).await;
}

#[tokio::test]
async fn tk_11_a_header_with_another_member_is_refused() {
    let world = World::new();
    let mut tokens = Vec::new();
    for (member, value) in [
        ("zip", json!("DEF")),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("unknown", json!(1)),
    ] {
        let header = header_where(member, value);
        tokens.push(named(&header, world.token_under(&header)));
    }
    let crit = json!({"alg": "ES256", "typ": "at+jwt", "kid": KEY_ID, "crit": ["b64"], "b64": false});
    tokens.push(named("crit and b64", world.token_under(&crit)));
    world.refuses_all(tokens).await;
}

#[tokio::test]
async fn tk_11_a_repeated_member_is_refused() {
    let world = World::new();
    let good_header = header().to_string();
    let claims = world.claims();
    let good_payload = claims.to_string();
    let mut tokens = Vec::new();
    for (name, value) in header().as_object().unwrap() {
        for header in repetitions(&good_header, name, value) {
            tokens.push(named(&header, world.issuer.sign_segments(&header, &good_payload)));
        }
    }
    for (name, value) in claims.as_object().unwrap() {
        for payload in repetitions(&good_payload, name, value) {
            tokens.push(named(&payload, world.issuer.sign_segments(&good_header, &payload)));
        }
    }
    // One that nobody reads, too.
    let payload = good_payload.replacen('{', "{\"x\":1,\"x\":1,", 1);
    tokens.push(named(&payload, world.issuer.sign_segments(&good_header, &payload)));
    world.refuses_all(tokens).await;
}

/// A JSON object with one of its members repeated: first, and last with an escape in its name.
fn repetitions(object: &str, name: &str, value: &Value) -> [String; 2] {
    let first = object.replacen('{', &format!("{{\"{name}\":{value},"), 1);
    let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
    let last = format!("{},\"{escaped}\":{value}}}", object.strip_suffix('}').unwrap());
    [first, last]
}

#[tokio::test]
async fn tk_11_a_long_token_is_refused_before_it_is_read() {
    let world = World::new();
    // Of exactly so many bytes, by a claim that nobody reads.
    let of_length = |length: usize| {
        let mut padding = length;
        loop {
            let token = world.token_where("padding", json!("p".repeat(padding)));
            match token.len().checked_sub(length) {
                Some(0) => return Some(token),
                // Four characters for three bytes: some lengths do not exist.
                None => return None,
                Some(over) => padding -= over.div_ceil(2),
            }
        }
    };
    let too_long = (4097..4101).find_map(of_length).unwrap();
    world.refuses("just over 4 KiB", &too_long).await;
    world.refuses("1 MiB of dots", &".".repeat(1 << 20)).await;
    world.refuses("1 MiB of letters", &"a".repeat(1 << 20)).await;
    assert_eq!(world.keys.fetches(), 0, "its header was not read");
    let longest = (4090..=4096).rev().find_map(of_length).unwrap();
    world.accepts("just under 4 KiB", &longest).await;
}

#[tokio::test]
async fn a_person_and_a_session_have_one_spelling() {
    let world = World::new();
    for claim in ["sub", "sid"] {
        for id in [
            SUBJECT.to_string().to_uppercase(),
            SUBJECT.simple().to_string(),
            SUBJECT.braced().to_string(),
            SUBJECT.urn().to_string(),
            format!("{SUBJECT} "),
            "someone@example.com".to_owned(),
            "1".to_owned(),
            String::new(),
        ] {
            world
                .refuses(&format!("{claim} {id:?}"), &world.token_where(claim, json!(id)))
                .await;
        }
    }
}

#[tokio::test]
async fn a_verified_token_is_remembered_until_it_expires() {
    let world = World::new();
    let token = world.token();
    world.accepts("new", &token).await;
    // Known tokens need no source of keys.
    world.keys.set(Err("connection refused".to_owned()));
    world.clock.advance(Duration::from_secs(299));
    world.accepts("known", &token).await;
    assert_eq!(world.keys.fetches(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.verify(&token).await, Err(Refusal::Expired));
    assert_eq!(world.keys.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_takes_the_tokens_that_were_verified_with_it() {
    let world = World::new();
    let token = world.token();
    world.accepts("new", &token).await;

    let successor = TestIssuer::new(ISSUER, "key-2");
    world.keys.set(Ok(vec![successor.public_key()]));
    world.accepts("the withdrawal is not known yet", &token).await;
    tokio::time::advance(Duration::from_secs(10)).await;
    world
        .accepts("the new key", &successor.token(SUBJECT, SESSION, world.clock.now()))
        .await;
    world.refuses("the withdrawn key", &token).await;
}

#[tokio::test(start_paused = true)]
async fn tk_14_unknown_key_ids_fetch_at_most_once_in_ten_seconds() {
    let world = World::new();
    world.accepts("a good token", &world.token()).await;
    assert_eq!(world.keys.fetches(), 1);

    let began = Instant::now();
    for number in 0..1000 {
        let kid = format!("unknown-{number}");
        let token = world.token_under(&header_where("kid", json!(kid)));
        assert_eq!(world.verify(&token).await, Err(Refusal::Invalid));
    }
    assert_eq!((began.elapsed(), world.keys.fetches()), (Duration::ZERO, 1));

    let unknown = world.token_under(&header_where("kid", json!("unknown")));
    tokio::time::advance(Duration::from_millis(9_999)).await;
    world.refuses("too early to ask again", &unknown).await;
    assert_eq!(world.keys.fetches(), 1);
    tokio::time::advance(Duration::from_millis(1)).await;
    world.refuses("asked again", &unknown).await;
    assert_eq!(world.keys.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn tk_14_callers_share_one_fetch() {
    let issuer = TestIssuer::new(ISSUER, KEY_ID);
    let keys = Keys::held_up(issuer.public_key());
    let world = World::with(issuer, keys);
    // Each its own token, so that none is answered from memory.
    let tokens: Vec<String> = (0..50)
        .map(|number| world.token_where("jti", json!(number.to_string())))
        .collect();
    let calls = join_all(tokens.iter().map(|token| world.verify(token)));
    let release = async {
        world.keys.gate().began.notified().await;
        world.keys.gate().go.notify_one();
    };
    let (answers, ()) = join(calls, release).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.keys.fetches(), 1);
}

#[tokio::test(start_paused = true)]
async fn tk_14_a_caller_that_gives_up_leaves_the_fetch_to_the_others() {
    let issuer = TestIssuer::new(ISSUER, KEY_ID);
    let keys = Keys::held_up(issuer.public_key());
    let world = World::with(issuer, keys);
    let token = world.token();
    for _ in 0..100 {
        // Begun, then dropped.
        assert!(world.verify(&token).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(world.keys.fetches(), 1);
    world.keys.gate().go.notify_one();
    world.accepts("what the first had asked for", &token).await;
    assert_eq!(world.keys.fetches(), 1);
}

/// Where the keys come from panics.
struct Panicking;

impl KeySource for Panicking {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<JsonWebKey>, String>> {
        Box::pin(async { panic!("a mistake of ours") })
    }
}

/// AP-09: a panic lets nobody in, and holds nobody up.
#[tokio::test(start_paused = true)]
async fn ap_09_a_panic_while_a_token_is_checked_refuses_it() {
    let issuer = TestIssuer::new(ISSUER, KEY_ID);
    let verifier = Verifier::new(ISSUER, Arc::new(KeyRing::new(Panicking)), Arc::new(ManualClock::new()));
    let token = World::with(issuer, Keys::down()).token();
    for _ in 0..2 {
        assert_eq!(verifier.verify(&token).await.map(drop), Err(Refusal::KeysUnavailable));
    }
}

#[tokio::test(start_paused = true)]
async fn tk_14_an_outage_of_the_issuer_is_never_a_bad_token() {
    let issuer = TestIssuer::new(ISSUER, KEY_ID);
    let world = World::with(issuer, Keys::down());
    let token = world.token();
    for _ in 0..3 {
        assert_eq!(world.verify(&token).await, Err(Refusal::KeysUnavailable));
    }
    assert_eq!(world.keys.fetches(), 1, "an outage is not asked about for every call");
    // What is wrong whatever the keys are is still said.
    world.refuses("no token at all", "rubbish").await;

    world.keys.set(Ok(vec![world.issuer.public_key()]));
    tokio::time::advance(Duration::from_secs(10)).await;
    world.accepts("the issuer is back", &token).await;

    // The last good keys outlive the next outage.
    world.keys.set(Err("connection refused".to_owned()));
    tokio::time::advance(Duration::from_hours(1)).await;
    let unknown = world.token_under(&header_where("kid", json!("unknown")));
    assert_eq!(world.verify(&unknown).await, Err(Refusal::KeysUnavailable));
    world
        .accepts("new, under a known key", &world.token_where("jti", json!("another")))
        .await;
}

#[tokio::test(start_paused = true)]
async fn tk_14_a_source_that_never_answers_is_given_up() {
    let issuer = TestIssuer::new(ISSUER, KEY_ID);
    let keys = Keys::held_up(issuer.public_key());
    let world = World::with(issuer, keys);
    let began = Instant::now();
    assert_eq!(world.verify(&world.token()).await, Err(Refusal::KeysUnavailable));
    assert!(began.elapsed() <= Duration::from_secs(4), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_keys_are_followed() {
    let world = World::new();
    let token = world.token();
    let during = async |time| tokio::time::timeout(time, world.ring.follow()).await.unwrap_err();

    during(Duration::from_secs(1)).await;
    assert_eq!(world.keys.fetches(), 1, "at once");
    world.accepts("before anybody asked", &token).await;
    assert_eq!(world.keys.fetches(), 1);
    during(Duration::from_secs(599)).await;
    assert_eq!(world.keys.fetches(), 3, "now and every five minutes");

    // After failures sooner, then ever later: 50 ms doubled up to 10 s.
    world.keys.set(Err("connection refused".to_owned()));
    during(Duration::from_mins(1)).await;
    let failed = world.keys.fetches() - 3;
    assert!((10..=16).contains(&failed), "{failed}");
    world.accepts("by the last good keys", &token).await;
}

#[tokio::test(start_paused = true)]
async fn a_key_set_that_is_not_ours_is_refused_whole() {
    let good = TestIssuer::new(ISSUER, KEY_ID).public_key();
    let spoilt = |spoil: fn(&mut JsonWebKey)| {
        let mut key = TestIssuer::new(ISSUER, "key-2").public_key();
        spoil(&mut key);
        vec![good.clone(), key]
    };
    let many = |count: usize| {
        (0..count).map(|number| JsonWebKey {
            kid: number.to_string(),
            ..good.clone()
        })
    };
    let sets = [
        ("for encryption", spoilt(|key| key.r#use = "enc".to_owned())),
        ("without use", spoilt(|key| key.r#use.clear())),
        ("another curve", spoilt(|key| key.crv = "P-384".to_owned())),
        ("secp256k1", spoilt(|key| key.crv = "secp256k1".to_owned())),
        ("another kind", spoilt(|key| key.kty = "RSA".to_owned())),
        ("a secret", spoilt(|key| key.kty = "oct".to_owned())),
        ("another algorithm", spoilt(|key| key.alg = "HS256".to_owned())),
        ("no algorithm", spoilt(|key| key.alg.clear())),
        ("an id twice", spoilt(|key| key.kid = KEY_ID.to_owned())),
        ("no id", spoilt(|key| key.kid.clear())),
        ("an id of 17 bytes", spoilt(|key| key.kid = "k".repeat(17))),
        ("no base64", spoilt(|key| key.x = "*".to_owned())),
        ("a padded coordinate", spoilt(|key| key.y.push('='))),
        ("65 keys", many(65).collect()),
    ];
    for (what, set) in sets {
        let world = World::with(TestIssuer::new(ISSUER, KEY_ID), Keys::of(set));
        let refused = world.verify(&world.token()).await;
        assert_eq!(refused, Err(Refusal::KeysUnavailable), "{what}");
    }
    let longest = TestIssuer::new(ISSUER, "k234567890123456");
    let world = World::with(longest.clone(), Keys::of(many(63).chain([longest.public_key()])));
    world
        .accepts("64 keys, an id of 16 bytes", &world.issuer.sign(&world.claims()))
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_set_does_not_displace_the_good_one() {
    let world = World::new();
    world.accepts("a good token", &world.token()).await;
    let key = world.issuer.public_key();
    world.keys.set(Ok(vec![key.clone(), key]));
    tokio::time::advance(Duration::from_secs(10)).await;
    let unknown = world.token_under(&header_where("kid", json!("unknown")));
    assert_eq!(world.verify(&unknown).await, Err(Refusal::KeysUnavailable));
    world
        .accepts("another, by the good set", &world.token_where("jti", json!("another")))
        .await;
}

fn service_keys(byte: u8) -> ServiceKeys {
    ServiceKeys::new(vec![Secret::new([byte; 32])]).unwrap()
}
