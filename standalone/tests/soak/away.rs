//! auth-service is away for ten minutes, or for as long as `SOAK_AWAY_SECONDS` says.

use std::{env, time::Duration};

use crate::auth_away::auth_is_away;

const SECONDS: u64 = 600;
const HEARD_WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn auth_service_is_away_and_comes_back_with_postgres() {
    let seconds = env::var("SOAK_AWAY_SECONDS").map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let figures = auth_is_away(Duration::from_secs(seconds)).await;
    println!("auth-service was away for {seconds} s: {figures}");
    assert!(figures.heard_of_earlier.max(figures.heard_of_later) <= HEARD_WITHIN);
}
