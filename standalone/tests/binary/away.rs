//! auth-service is killed under load and comes back. For ten minutes in `scripts/soak`.

use std::time::Duration;

use crate::auth_away::auth_is_away;

#[tokio::test(flavor = "multi_thread")]
async fn auth_service_may_be_away_with_postgres() {
    let figures = auth_is_away(Duration::from_secs(3)).await;
    assert!(figures.calls > 10, "{figures}");
}
