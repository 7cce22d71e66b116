//! Everybody who must hear that a session has ended: each task-service, and the gateway.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use proto::task::v1::{ListTasksRequest, task_service_client::TaskServiceClient};
use tokio::time::sleep;
use tonic::{Request, transport::Channel};
use tonic_types::StatusExt as _;

use crate::rest::Rest;

const REVOKED: &str = "SESSION_REVOKED";
/// Far more than may pass until a token is refused.
const GIVE_UP_AFTER: Duration = Duration::from_secs(15);
/// How often a token is tried meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(crate) struct Verifiers {
    tasks: Vec<TaskServiceClient<Channel>>,
    gateway: Arc<Rest>,
}

impl Verifiers {
    pub(crate) fn new(tasks: &[SocketAddr], gateway: SocketAddr) -> Self {
        let channel = |address: &SocketAddr| {
            let uri = format!("http://{address}").parse().unwrap();
            platform::channel::connect(&[uri], &platform::tls::ClientTls::default())
        };
        Self {
            tasks: tasks.iter().map(channel).map(TaskServiceClient::new).collect(),
            gateway: Arc::new(Rest::new(gateway)),
        }
    }

    /// How many there are; the gateway is the last.
    pub(crate) fn count(&self) -> usize {
        self.tasks.len() + 1
    }

    /// Calls with a token: the reason of the refusal if there was one.
    pub(crate) async fn call(&self, verifier: usize, access_token: &str) -> Result<(), String> {
        let Some(tasks) = self.tasks.get(verifier) else {
            let answer = self.gateway.get("/v1/tasks?pageSize=1", Some(access_token)).await;
            let reason = || answer.reason().unwrap_or_else(|| format!("{answer:?}"));
            return if answer.status == 200 { Ok(()) } else { Err(reason()) };
        };
        let mut request = Request::new(ListTasksRequest {
            page_size: 1,
            ..ListTasksRequest::default()
        });
        let value = format!("Bearer {access_token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request.set_timeout(GIVE_UP_AFTER);
        match tasks.clone().list_tasks(request).await {
            Ok(_) => Ok(()),
            Err(status) => Err(status
                .get_error_details()
                .error_info()
                .map_or_else(|| status.to_string(), |info| info.reason.clone())),
        }
    }

    /// Asserts that everybody takes a token.
    pub(crate) async fn take(&self, access_token: &str) {
        for verifier in 0..self.count() {
            let answer = self.call(verifier, access_token).await;
            answer.unwrap_or_else(|reason| panic!("verifier {verifier} does not take a good token: {reason}"));
        }
    }

    /// Asserts that nobody takes the token of an ended session.
    pub(crate) async fn refuse(&self, access_token: &str) {
        for verifier in 0..self.count() {
            let answer = self.call(verifier, access_token).await;
            assert_eq!(answer, Err(REVOKED.to_owned()), "at verifier {verifier}");
        }
    }

    /// How long it takes, from a moment on, until one of them refuses the token of an ended session. Nothing but that
    /// it is taken may happen before.
    pub(crate) async fn refused(&self, verifier: usize, access_token: &str, since: Instant) -> Duration {
        loop {
            match self.call(verifier, access_token).await {
                Err(reason) => {
                    assert_eq!(reason, REVOKED, "at verifier {verifier}");
                    return since.elapsed();
                }
                Ok(()) => assert!(since.elapsed() < GIVE_UP_AFTER, "verifier {verifier} still takes it"),
            }
            sleep(PAUSE).await;
        }
    }
}
