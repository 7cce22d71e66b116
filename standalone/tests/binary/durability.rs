//! kill -9 at any moment: every acknowledged write is there after the restart. Many more rounds in `scripts/soak`.

use crate::{kill_under_load, killed_refresh};

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_tasks_and_sessions_survive_kill_9() {
    assert!(kill_under_load::rounds(3).await >= 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_survives_kill_9() {
    // How many of them came between the commit and the answer is chance.
    const ROUNDS: usize = 10;
    let kills = killed_refresh::kill_between(ROUNDS, ROUNDS).await;
    assert_eq!(kills.count(), ROUNDS);
}
