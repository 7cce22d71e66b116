//! P1: what the check of a token adds to a call, in this process, with tokens of a real auth-service.

use std::{convert::Infallible, error::Error, hint::black_box, sync::Arc, time::Instant};

use axum::body::Body;
use http::{Request, Response, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey};
use platform::{
    access::AccessTable,
    clock::SystemClock,
    metrics::Metrics,
    secret::Secret,
    service_credential::ServiceKeys,
    verification::{Authentication, AuthenticationLayer, KeyRing, RemoteKeys, Verifier},
};
use proto::auth::v1::{GetJwksRequest, RefreshRequest, auth_service_client::AuthServiceClient};
use tower::{Layer as _, Service, ServiceExt as _, service_fn};

use crate::{
    cluster::{Cluster, connect},
    cores,
    load::Effort,
    report::Report,
};

const KNOWN_CALLS: u32 = 200_000;
/// The default of `HOLDFAST_ISSUER`.
const ISSUER: &str = "http://localhost:8080";

/// A known token, and new ones.
pub(crate) async fn measure(report: &mut Report, effort: Effort) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(cores::SERVING, None).await?;
    let mut person = cluster.person("ada", 0).await?;
    let channel = connect(&cluster.auth_address).await?;
    let mut accounts = AuthServiceClient::new(channel.clone());
    let keys = Arc::new(KeyRing::new(RemoteKeys::new(channel)));
    let bare = service_fn(async |request: Request<Body>| {
        black_box(request);
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let checked = AuthenticationLayer::new(Authentication {
        access: AccessTable::for_services(&["holdfast.task.v1.TaskService"]),
        verifier: Verifier::new(ISSUER, keys, Arc::new(SystemClock))
            .measured(Metrics::default().token_verification("bench")),
        service_keys: ServiceKeys::new(vec![Secret::new([0; 32])]).ok_or("there is a key")?,
        clock: Arc::new(SystemClock),
    })
    .layer(bare);

    let (mut known, mut new) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let without = repeat(bare, &person.bearer).await?;
        let with = repeat(checked.clone(), &person.bearer).await?;
        known.push(with - without);

        let mut tokens = Vec::new();
        for _ in 0..effort.new_tokens {
            let request = RefreshRequest {
                refresh_token: person.refresh_token,
            };
            let refreshed = accounts
                .refresh(request)
                .await?
                .into_inner()
                .tokens
                .ok_or("no tokens")?;
            person.refresh_token = refreshed.refresh_token;
            tokens.push(refreshed.access_token);
        }
        let signature = signatures(&mut accounts, &tokens).await?;
        let began = Instant::now();
        for token in &tokens {
            admitted(&mut checked.clone(), &format!("Bearer {token}")).await?;
        }
        new.push((
            began.elapsed().as_secs_f64() / signature,
            signature * 1e6 / f64::from(effort.new_tokens),
        ));
    }
    let (new, signatures): (Vec<f64>, Vec<f64>) = new.into_iter().unzip();
    report.budget("P1", "a known token, beyond the bare service", "us", &known, 1.5);
    report.figure("the check of a signature", "us", &signatures);
    report.budget("P1", "a new token: to the check of its signature", "times", &new, 1.2);
    Ok(())
}

/// How long a call takes, in microseconds.
async fn repeat<S>(mut service: S, bearer: &str) -> Result<f64, Box<dyn Error>>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let began = Instant::now();
    for _ in 0..KNOWN_CALLS {
        admitted(&mut service, bearer).await?;
    }
    Ok(began.elapsed().as_secs_f64() * 1e6 / f64::from(KNOWN_CALLS))
}

async fn admitted<S>(service: &mut S, bearer: &str) -> Result<(), Box<dyn Error>>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let request = Request::post("/holdfast.task.v1.TaskService/GetTask").header(AUTHORIZATION, bearer);
    let answer = service.ready().await?.call(request.body(Body::empty())?).await?;
    if answer.headers().contains_key("grpc-status") {
        return Err("a good token was refused".into());
    }
    Ok(())
}

/// How long the bare checks of the signatures take together, in seconds.
async fn signatures(
    accounts: &mut AuthServiceClient<tonic::transport::Channel>,
    tokens: &[String],
) -> Result<f64, Box<dyn Error>> {
    let keys = accounts.get_jwks(GetJwksRequest {}).await?.into_inner().keys;
    let key = keys.first().ok_or("no key is published")?;
    let key = DecodingKey::from_ec_components(&key.x, &key.y)?;
    let began = Instant::now();
    for token in tokens {
        let (message, signature) = token.rsplit_once('.').ok_or("a token has a signature")?;
        if !jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, Algorithm::ES256)? {
            return Err("a token is signed by another key".into());
        }
    }
    Ok(began.elapsed().as_secs_f64())
}
