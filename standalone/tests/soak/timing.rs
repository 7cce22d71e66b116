//! Wrong password and unknown address take the same time (AR-03).

use std::time::{Duration, Instant};

use platform::testing::Workspace;
use proto::auth::v1::{LoginRequest, auth_service_client::AuthServiceClient};

use crate::{EMAIL, channel, process::Process, quantile, register};

const TRIES: usize = 200;
const GREATEST_GAP: f64 = 0.05;

#[tokio::test]
async fn unknown_address_and_wrong_password_take_the_same_time() {
    let workspace = Workspace::new();
    let process = Process::start(workspace.path());
    register(&process).await;
    let mut auth = AuthServiceClient::new(channel(process.auth));
    let mut took = [Vec::new(), Vec::new()];
    // The first tries warm up and are not counted.
    for number in 0..TRIES + 10 {
        for (kind, email) in [EMAIL, "eve@example.com"].into_iter().enumerate() {
            let login = LoginRequest {
                email: email.to_owned(),
                password: "wrong horse battery staple".to_owned(),
            };
            let began = Instant::now();
            auth.login(login).await.unwrap_err();
            if number >= 10 {
                took[kind].push(began.elapsed());
            }
        }
    }
    let [wrong, unknown] = took.map(|mut took| quantile(&mut took, 0.5));
    let gap = wrong.abs_diff(unknown).as_secs_f64() / wrong.as_secs_f64();
    println!(
        "median of {TRIES}: wrong password {wrong:?}, unknown address {unknown:?}, gap {:.2} %",
        gap * 100.0
    );
    assert!(gap < GREATEST_GAP && wrong > Duration::from_millis(1));
    process.kill();
}
