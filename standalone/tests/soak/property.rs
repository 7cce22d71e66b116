//! Random calls of random people, checked against models: other seeds each time.

use std::{sync::Arc, time::Instant};

use platform::entropy::{SystemEntropy, uuid_v4};

use crate::random_calls::{Services, crowd, each_alone, each_seed};

const SEEDS: u64 = 60;

async fn measured<S, R>(start: impl Fn() -> S, run: impl Fn(Arc<Services>, u64) -> R)
where
    S: Future<Output = Arc<Services>>,
    R: Future<Output = ()> + Send + 'static,
{
    let began = Instant::now();
    // Anywhere, and short to write.
    let first = uuid_v4(&SystemEntropy).as_u64_pair().1 >> 32;
    let seeds = each_seed(first..first + SEEDS, start, run).await;
    println!(
        "{} seeds from {} on in {:.0?}: nothing lost, leaked or doubled",
        seeds.len(),
        seeds[0],
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_a_crowd_on_sqlite() {
    measured(Services::on_sqlite, crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_each_alone_on_sqlite() {
    measured(Services::on_sqlite, each_alone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_a_crowd_over_replicas_on_postgres() {
    measured(Services::on_postgres, crowd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn property_of_each_alone_over_replicas_on_postgres() {
    measured(Services::on_postgres, each_alone).await;
}
