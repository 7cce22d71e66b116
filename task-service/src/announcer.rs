//! Whose tasks changed, between the processes on one database: a few announcements a second, each of many owners.

use std::{sync::Arc, time::Duration};

use tokio::time::sleep;

use crate::{news::News, store::Announcements};

/// Changes are gathered for so long before they are announced.
const GATHERING: Duration = Duration::from_millis(50);
/// How often announcements are looked for.
const INTERVAL: Duration = Duration::from_millis(100);
/// After a failure.
const RETRY: Duration = Duration::from_secs(1);
/// More owners are announced in several parts.
const MAX_OWNERS: usize = 4096;

/// Announces what is told in this process, for as long as it is not dropped. What is lost when the database is away, or
/// this process dies, is found by the followers' own looking.
pub(crate) async fn announce(news: Arc<News>, announcements: Arc<dyn Announcements>) {
    if !news.is_shared() {
        return;
    }
    loop {
        let owners = news.untold().await;
        for owners in owners.chunks(MAX_OWNERS) {
            if let Err(error) = announcements.announce(owners.to_vec()).await {
                tracing::debug!(%error, "changes are not announced");
                sleep(RETRY).await;
            }
        }
        sleep(GATHERING).await;
    }
}

/// Tells this process what others announce, for as long as it is not dropped.
pub(crate) async fn listen(news: Arc<News>, announcements: Arc<dyn Announcements>) {
    if !news.is_shared() {
        return;
    }
    let mut last = None;
    loop {
        let heard = match last {
            None => announcements.last().await.map(|last| (last, Vec::new())),
            Some(last) => announcements.after(last).await,
        };
        match heard {
            Ok((heard, owners)) => {
                last = Some(heard);
                for owner in owners {
                    news.tell_here(owner);
                }
                sleep(INTERVAL).await;
            }
            Err(error) => {
                tracing::debug!(%error, "announcements are not heard");
                sleep(RETRY).await;
            }
        }
    }
}
