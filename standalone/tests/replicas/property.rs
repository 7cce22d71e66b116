//! Random calls of random people, checked against models. Many more seeds in `scripts/soak`.

use crate::random_calls::{Services, crowd, each_alone, each_seed};

/// All four tests take some fifteen seconds on two idle cores.
const SEEDS: [u64; 2] = [1, 2];

#[tokio::test(flavor = "multi_thread")]
async fn property_of_a_crowd_on_sqlite() {
    each_seed(SEEDS, Services::on_sqlite, crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_each_alone_on_sqlite() {
    each_seed(SEEDS, Services::on_sqlite, each_alone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_a_crowd_over_replicas_on_postgres() {
    each_seed(SEEDS, Services::on_postgres, crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_each_alone_over_replicas_on_postgres() {
    each_seed(SEEDS, Services::on_postgres, each_alone).await;
}
