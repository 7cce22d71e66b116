//! kill -9, many times.

use crate::kill_under_load::rounds;

const ROUNDS: usize = 50;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_nothing() {
    let acknowledged = rounds(ROUNDS).await;
    println!("{ROUNDS} kills, {acknowledged} acknowledged tasks and {ROUNDS} refreshes: all there");
}
