//! Whose tasks changed, as those who wait for it hear of it.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use platform::wire_error::WireError;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use uuid::Uuid;

use crate::{
    latest::{Latest, Reading},
    owner::OwnerId,
    store::Changes,
};

/// More owners are not remembered for the other processes; their followers hear of it with the next heartbeat.
const MAX_UNTOLD: usize = 100_000;

/// So many may follow one owner in a process at once: more than any number of devices and tabs.
const MAX_FOLLOWERS: usize = 1000;

/// Whose tasks changed: told by the store, followed within this process, and collected for the others.
#[derive(Default)]
pub struct News {
    followed: Mutex<HashMap<Uuid, Followed>>,
    untold: Mutex<HashSet<Uuid>>,
    /// Somebody was added to `untold`.
    more: Notify,
    /// Whether other processes want to hear.
    shared: bool,
}

/// An owner whom somebody follows.
#[derive(Default)]
struct Followed {
    /// Counts what was told.
    told: watch::Sender<u64>,
    latest: Arc<Latest>,
}

impl News {
    /// For the only process on its database.
    pub fn within_the_process() -> Arc<Self> {
        Arc::default()
    }

    /// For one of several: what is told is collected for the others.
    pub fn for_others_too() -> Arc<Self> {
        Arc::new(Self {
            shared: true,
            ..Self::default()
        })
    }

    /// Whether other processes want to hear.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// The owner's tasks changed.
    pub(crate) fn tell(&self, owner: OwnerId) {
        self.tell_here(owner.as_uuid());
        if self.shared {
            let mut untold = lock(&self.untold);
            if untold.len() < MAX_UNTOLD {
                untold.insert(owner.as_uuid());
            }
            drop(untold);
            self.more.notify_one();
        }
    }

    /// Another process told that the owner's tasks changed.
    pub(crate) fn tell_here(&self, owner: Uuid) {
        if let Some(followers) = lock(&self.followed).get(&owner) {
            followers.told.send_modify(|told| *told += 1);
        }
    }

    /// The owners that the others are to hear of; waits until there is one.
    pub(crate) async fn untold(&self) -> Vec<Uuid> {
        loop {
            let owners = std::mem::take(&mut *lock(&self.untold));
            if !owners.is_empty() {
                return owners.into_iter().collect();
            }
            self.more.notified().await;
        }
    }

    /// Hears of every change that is told from now on; `None` if a thousand follow the owner already.
    pub(crate) fn follow(self: &Arc<Self>, owner: OwnerId) -> Option<Following> {
        let mut followed = lock(&self.followed);
        let followed = followed.entry(owner.as_uuid()).or_default();
        if followed.told.receiver_count() >= MAX_FOLLOWERS {
            return None;
        }
        Some(Following {
            news: self.clone(),
            owner: owner.as_uuid(),
            told: followed.told.subscribe(),
            latest: followed.latest.clone(),
        })
    }
}

/// One who waits for changes of an owner's tasks.
pub(crate) struct Following {
    news: Arc<News>,
    owner: Uuid,
    told: watch::Receiver<u64>,
    latest: Arc<Latest>,
}

impl Following {
    /// Returns when a change was told since the last time. Can be cut off without missing one.
    pub(crate) async fn changed(&mut self) {
        // The sender stays for as long as anybody follows.
        self.told.changed().await.ok();
    }

    /// What changed after this `change_seq`, maybe after some changes before it, as everything is that was told of by
    /// now. What others who follow the owner read is not read again.
    pub(crate) async fn changes(
        &mut self,
        after_seq: i64,
        read: impl FnOnce() -> Reading,
    ) -> Result<Arc<Changes>, WireError> {
        let told = *self.told.borrow_and_update();
        self.latest.changes(told, after_seq, read).await
    }

    /// Nothing was told of for a while.
    pub(crate) fn tidy(&self) {
        self.latest.tidy(Instant::now());
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut followed = lock(&self.news.followed);
        if let Entry::Occupied(followers) = followed.entry(self.owner)
            && followers.get().told.receiver_count() == 1
        {
            followers.remove();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn person(number: u128) -> OwnerId {
        OwnerId::without_proof(Uuid::from_u128(number))
    }

    #[test]
    fn followers_hear_of_their_owner_only() {
        let news = News::within_the_process();
        let follow = |number| news.follow(person(number)).expect("there is room");
        let mut anna = [follow(1), follow(1)];
        let mut ben = follow(2);
        news.tell(person(1));
        news.tell(person(1));
        for anna in &mut anna {
            assert_eq!(anna.changed().now_or_never(), Some(()));
            assert_eq!(anna.changed().now_or_never(), None, "two in a row are one");
        }
        assert_eq!(ben.changed().now_or_never(), None);
        news.tell_here(Uuid::from_u128(2));
        assert_eq!(ben.changed().now_or_never(), Some(()));
    }

    #[test]
    fn who_went_leaves_nothing() {
        let news = News::within_the_process();
        let (one, other) = (news.follow(person(1)), news.follow(person(1)));
        drop(one);
        assert_eq!(lock(&news.followed).len(), 1);
        drop(other);
        assert_eq!(lock(&news.followed).len(), 0);
        news.tell(person(1));
        assert!(lock(&news.untold).is_empty(), "there is nobody else");
    }

    #[test]
    fn nobody_is_followed_by_too_many() {
        let news = News::within_the_process();
        let mut followers: Vec<_> = (0..MAX_FOLLOWERS).map(|_| news.follow(person(1))).collect();
        assert!(followers.iter().all(Option::is_some));
        assert!(news.follow(person(1)).is_none());
        assert!(news.follow(person(2)).is_some());
        followers.pop();
        assert!(news.follow(person(1)).is_some());
    }

    #[test]
    fn the_others_are_told_of_each_owner_once() {
        let news = News::for_others_too();
        assert_eq!(news.untold().now_or_never(), None);
        for number in [1, 2, 1] {
            news.tell(person(number));
        }
        let mut untold = news.untold().now_or_never().expect("two were told");
        untold.sort();
        assert_eq!(untold, [Uuid::from_u128(1), Uuid::from_u128(2)]);
        assert_eq!(news.untold().now_or_never(), None);
    }
}
