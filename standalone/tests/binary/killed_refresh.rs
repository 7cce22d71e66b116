//! kill -9 around the commit of a refresh (SE-16): whatever the client was told, the same token works again.

use std::time::{Duration, Instant};

use platform::{
    entropy::{SystemEntropy, random_bytes},
    testing::Workspace,
};
use proto::auth::v1::{
    GetJwksRequest, RefreshRequest, RegisterRequest, Tokens, auth_service_client::AuthServiceClient,
};
use tonic::{Request, Status, transport::Channel};

use crate::{process::Process, rest::Rest};

/// From the call to the kill, to begin with; then whatever lies between the commit and the answer.
const FIRST_DELAY: Duration = Duration::from_millis(1);
/// A delay changes by one in so many parts.
const STEP: u32 = 20;

/// How many kills came when.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Kills {
    pub(crate) before_the_commit: usize,
    pub(crate) before_the_answer: usize,
    pub(crate) after_the_answer: usize,
}

impl Kills {
    pub(crate) fn count(&self) -> usize {
        self.before_the_commit + self.before_the_answer + self.after_the_answer
    }
}

async fn connected(process: &Process) -> AuthServiceClient<Channel> {
    let uri = format!("http://{}", process.auth).parse().unwrap();
    let channel = platform::channel::connect(&[uri], &platform::tls::ClientTls::default());
    let mut auth = AuthServiceClient::new(channel);
    auth.get_jwks(GetJwksRequest {}).await.unwrap();
    auth
}

async fn refresh(mut auth: AuthServiceClient<Channel>, refresh_token: String) -> Result<Tokens, Status> {
    let mut request = Request::new(RefreshRequest { refresh_token });
    request.set_timeout(Duration::from_secs(20));
    let answer = auth.refresh(request).await?;
    Ok(answer.into_inner().tokens.unwrap())
}

/// Whether the first refresh of a process found that the token had been used already.
async fn was_committed(process: &Process) -> bool {
    let metrics = Rest::new(process.admin).get("/metrics", None).await.text;
    let count = |outcome: &str| metrics.contains(&format!("auth_refresh_total{{outcome=\"{outcome}\"}} 1\n"));
    let committed = count("repeated") || count("recovered");
    assert_ne!(committed, count("rotated"), "{metrics}");
    committed
}

/// Kills until it came so many times between the commit and the answer, but no more than so many times in all.
pub(crate) async fn kill_between(wanted: usize, at_most: usize) -> Kills {
    let workspace = Workspace::new();
    let mut process = Process::start(workspace.path());
    let mut auth = connected(&process).await;
    let register = RegisterRequest {
        email: "ada@example.com".to_owned(),
        password: "correct horse battery staple".to_owned(),
        display_name: String::new(),
    };
    let registered = auth.register(register).await.unwrap().into_inner();
    let mut token = registered.tokens.unwrap().refresh_token;
    let (mut kills, mut delay) = (Kills::default(), FIRST_DELAY);
    while kills.before_the_answer < wanted && kills.count() < at_most {
        let round = kills.count() + 1;
        let began = Instant::now();
        let refreshing = tokio::spawn(refresh(auth, token.clone()));
        // An eighth more or less.
        let [random] = random_bytes(&SystemEntropy);
        let moment = delay * (896 + u32::from(random)) / 1024;
        // Timers are too coarse for it.
        while began.elapsed() < moment {
            std::hint::spin_loop();
        }
        process.kill();
        let answered = refreshing.await.unwrap();

        process = Process::start(workspace.path());
        auth = connected(&process).await;
        let again = refresh(auth.clone(), token).await;
        let again = again.unwrap_or_else(|status| panic!("round {round}: the session is lost: {status}"));
        let committed = was_committed(&process).await;
        match answered {
            Ok(first) => {
                assert!(committed, "round {round}: it was answered and not there");
                assert_eq!(first.refresh_token, again.refresh_token, "round {round}");
                kills.after_the_answer += 1;
                delay = delay * (STEP - 1) / STEP;
            }
            Err(_) if committed => kills.before_the_answer += 1,
            Err(_) => {
                kills.before_the_commit += 1;
                delay = delay * (STEP + 1) / STEP;
            }
        }
        let successor = refresh(auth.clone(), again.refresh_token).await;
        let successor = successor.unwrap_or_else(|status| panic!("round {round}: the successor: {status}"));
        token = successor.refresh_token;
    }
    process.kill();
    kills
}
