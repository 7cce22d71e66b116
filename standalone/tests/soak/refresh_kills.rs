//! kill -9 between the commit of a refresh and its answer, a thousand times; and as it happens before and after.

use std::time::Instant;

use crate::killed_refresh::kill_between;

const BETWEEN: usize = 1000;
/// One in five may do.
const AT_MOST: usize = 5 * BETWEEN;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_killed_refreshes_lose_no_session() {
    let began = Instant::now();
    let kills = kill_between(BETWEEN, AT_MOST).await;
    println!(
        "{} refreshes killed in {:.0?}, no session lost: {kills:?}",
        kills.count(),
        began.elapsed()
    );
    assert_eq!(kills.before_the_answer, BETWEEN);
    assert!(kills.before_the_commit > 0 && kills.after_the_answer > 0);
}
