//! kill -9 around the commit of a refresh, a thousand times.

use std::time::Instant;

use crate::killed_refresh::kill_between;

const KILLS: usize = 1000;
/// So many at least must come between the commit and the answer.
const BETWEEN: usize = KILLS / 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_killed_refreshes_lose_no_session() {
    let began = Instant::now();
    let kills = kill_between(KILLS, KILLS).await;
    println!(
        "{KILLS} refreshes killed in {:.0?}, no session lost: {kills:?}",
        began.elapsed()
    );
    assert!(kills.before_the_answer >= BETWEEN, "{kills:?}");
    assert!(kills.before_the_commit > 0 && kills.after_the_answer > 0, "{kills:?}");
}
