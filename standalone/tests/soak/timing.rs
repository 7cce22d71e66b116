//! Whether an address has an account shows neither in what refused sign-ins say nor in how long they take (AR-03, AR-04).

use std::time::{Duration, Instant};

use platform::testing::Workspace;
use proto::auth::v1::{LoginRequest, RegisterRequest, auth_service_client::AuthServiceClient};
use serde_json::json;
use tonic::{Code, Status, transport::Channel};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{
    EMAIL, PASSWORD, channel,
    process::{Process, command, run},
    quantile, register,
    rest::Rest,
};

const TRIES: usize = 200;
/// Not counted.
const WARM_UP: usize = 10;
/// The throttle takes 30 failures of one.
const IDENTIFIERS: usize = (TRIES + WARM_UP).div_ceil(30);
const GREATEST_GAP: f64 = 0.05;
/// Samples of one distribution are less alike than this once in a thousand times.
const LEAST_LIKELY: f64 = 0.001;
const WRONG: &str = "wrong horse battery staple";

/// The whole way, through the gateway, with everything that is counted: neither an address of the network nor an
/// identifier is used so often that it is throttled, so that nothing needs to be exempt.
#[tokio::test]
async fn wrong_unknown_and_disabled_take_the_same_time() {
    let workspace = Workspace::new();
    let process = Process::start_as(
        command(workspace.path())
            .env("HOLDFAST_TRUSTED_PROXIES", "127.0.0.0/8")
            .env("HOLDFAST_LOG", "error"),
    );
    let mut auth = AuthServiceClient::new(channel(process.auth));
    let address = |kind: &str, number: usize| format!("{kind}{number}@example.com");
    for kind in ["known", "disabled"] {
        for number in 0..IDENTIFIERS {
            let request = RegisterRequest {
                email: address(kind, number),
                password: PASSWORD.to_owned(),
                display_name: String::new(),
            };
            auth.register(request).await.unwrap();
        }
    }
    for number in 0..IDENTIFIERS {
        let disabled = run(command(workspace.path())
            .args(["accounts", "disable"])
            .arg(address("disabled", number)));
        assert!(disabled.status.success(), "{disabled:?}");
    }

    let rest = Rest::new(process.gateway);
    // The right password of a disabled account is refused like a wrong one.
    let kinds = [("known", WRONG), ("unknown", WRONG), ("disabled", PASSWORD)];
    let (mut took, mut told) = ([const { Vec::new() }; 3], Vec::new());
    for number in 0..TRIES + WARM_UP {
        for turn in 0..kinds.len() {
            // Nobody always comes first.
            let which = (number + turn) % kinds.len();
            let (kind, password) = kinds[which];
            let login = json!({"email": address(kind, number % IDENTIFIERS), "password": password});
            let from = format!("10.{which}.{}.{}", number / 256, number % 256);
            let began = Instant::now();
            let answer = rest.post("/v1/auth/login", &[("x-forwarded-for", &from)], &login).await;
            if number >= WARM_UP {
                took[which].push(began.elapsed());
            }
            assert_eq!(answer.status, 401, "{kind}: {answer:?}");
            let mut problem: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
            problem["requestId"].take();
            told.push(problem);
        }
    }
    assert!(told.iter().all(|answer| *answer == told[0]), "{:?}", told[0]);
    are_alike(["wrong password", "unknown address", "disabled account"], took);
    process.kill();
}

/// From one address of the network, which is held up as anybody's would be.
#[tokio::test]
async fn who_is_throttled_does_not_learn_whether_the_account_exists() {
    let workspace = Workspace::new();
    let process = Process::start_as(command(workspace.path()).env("HOLDFAST_LOG", "error"));
    register(&process).await;
    let auth = AuthServiceClient::new(channel(process.auth));
    let (mut took, mut told) = ([const { Vec::new() }; 2], Vec::new());
    // A failure is admitted now and then, and then holds them up for twice as long.
    for number in 0..10 * TRIES {
        for turn in 0..2 {
            let which = (number + turn) % 2;
            let began = Instant::now();
            let refused = login(auth.clone(), [EMAIL, "eve@example.com"][which]).await;
            let duration = began.elapsed();
            if refused.code() == Code::Unauthenticated {
                continue;
            }
            told.push(without_what_differs(&refused));
            if took[which].len() < TRIES {
                took[which].push(duration);
            }
        }
        if took.iter().all(|took| took.len() == TRIES) {
            break;
        }
    }
    assert_eq!(told[0].code, Code::ResourceExhausted);
    assert_eq!(told[0].reason, "RATE_LIMITED");
    for answer in &told {
        assert_eq!(*answer, told[0]);
    }
    are_alike(["throttled, known address", "throttled, unknown address"], took);
    process.kill();
}

async fn login(mut auth: AuthServiceClient<Channel>, email: &str) -> Status {
    let login = LoginRequest {
        email: email.to_owned(),
        password: WRONG.to_owned(),
    };
    auth.login(login).await.unwrap_err()
}

/// An answer as it was sent, without the time to wait and the id of the request.
#[derive(Debug, PartialEq)]
struct Told {
    code: Code,
    message: String,
    reason: String,
    details: String,
    headers: Vec<(String, String)>,
}

fn without_what_differs(status: &Status) -> Told {
    let mut details: ErrorDetails = status.get_error_details();
    assert!(details.retry_info().is_some_and(|info| info.retry_delay.is_some()));
    details.set_retry_info(None);
    if let Some(info) = details.request_info() {
        let data = info.serving_data.clone();
        details.set_request_info("", data);
    }
    let differs = ["date", "x-request-id", "grpc-status-details-bin", "retry-after"];
    let headers = status.metadata().clone().into_headers();
    let headers = headers.iter().filter(|(name, _)| !differs.contains(&name.as_str()));
    Told {
        code: status.code(),
        message: status.message().to_owned(),
        reason: details.error_info().unwrap().reason.clone(),
        headers: headers
            .map(|(name, value)| (name.to_string(), format!("{value:?}")))
            .collect(),
        details: format!("{details:?}"),
    }
}

/// Asserts that measurements differ as little as those of one kind would.
fn are_alike<const KINDS: usize>(names: [&str; KINDS], mut took: [Vec<Duration>; KINDS]) {
    let medians = took.each_mut().map(|took| quantile(took, 0.5));
    for (name, (took, median)) in names.iter().zip(took.iter_mut().zip(medians)) {
        let high = quantile(took, 0.99);
        println!("{name}: {} tries, median {median:.2?}, p99 {high:.2?}", took.len());
        assert_eq!(took.len(), TRIES);
    }
    let mut unlike = Vec::new();
    for second in 1..KINDS {
        for first in 0..second {
            let gap = medians[first].abs_diff(medians[second]).as_secs_f64() / medians[first].as_secs_f64();
            let likelihood = kolmogorov_smirnov(&took[first], &took[second]);
            let pair = format!(
                "{} and {}: gap {:.2} %, Kolmogorov-Smirnov p {likelihood:.4}",
                names[first],
                names[second],
                gap * 100.0
            );
            println!("{pair}");
            if gap >= GREATEST_GAP || likelihood <= LEAST_LIKELY {
                unlike.push(pair);
            }
        }
    }
    assert!(unlike.is_empty(), "{unlike:?}");
}

/// How likely two samples of one distribution are to differ as much as these, both in order.
fn kolmogorov_smirnov(first: &[Duration], second: &[Duration]) -> f64 {
    let count = |sample: &[Duration]| f64::from(u32::try_from(sample.len()).unwrap());
    let below = |sample: &[Duration], limit: &Duration| {
        f64::from(u32::try_from(sample.partition_point(|value| value <= limit)).unwrap()) / count(sample)
    };
    let distances = first
        .iter()
        .chain(second)
        .map(|limit| (below(first, limit) - below(second, limit)).abs());
    let distance = distances.fold(0.0, f64::max);
    let root = (count(first) * count(second) / (count(first) + count(second))).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    // The series does not converge where the answer is 1 to three places.
    if lambda < 0.3 {
        return 1.0;
    }
    let terms = (1..=100).map(|term| {
        let sign = if term % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(term * term) * lambda * lambda).exp()
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

/// Against values that statistics packages give.
#[test]
fn the_likelihood_is_that_of_kolmogorov_and_smirnov() {
    let sample = |from: u64| (from..from + 200).map(Duration::from_micros).collect::<Vec<_>>();
    let likelihood = |shift| kolmogorov_smirnov(&sample(0), &sample(shift));
    assert!(likelihood(0) > 0.999);
    // D = 0.1 and 0.2.
    assert!((likelihood(20) - 0.254).abs() < 0.01, "{}", likelihood(20));
    assert!((likelihood(40) - 0.0005).abs() < 0.0003, "{}", likelihood(40));
    assert!(likelihood(200) < 1e-12);
}
