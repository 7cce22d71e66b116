//! kill -9 at any moment: every acknowledged write is there after the restart. Many more rounds in `scripts/soak`.

use crate::kill_under_load::rounds;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_tasks_and_sessions_survive_kill_9() {
    assert!(rounds(3).await >= 300);
}
