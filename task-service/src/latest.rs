//! What changed last among an owner's tasks, read once for all who follow them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared, WeakShared},
};
use platform::wire_error::WireError;
use tokio::time::Instant;

use crate::{pages::READ_AT_ONCE, store::Changes};

/// What takes more memory is not kept for those who ask later: there may be many owners.
const MAX_KEPT_BYTES: usize = 64 * 1024;
/// Who is told of a change asks sooner.
const KEPT: Duration = Duration::from_secs(10);

/// Reads at most [`READ_AT_ONCE`] changes.
pub(crate) type Reading = BoxFuture<'static, Result<Arc<Changes>, WireError>>;

/// The last reading of an owner's changes.
#[derive(Default)]
pub(crate) struct Latest(Mutex<Option<Last>>);

struct Last {
    /// How often changes had been told of before it was read.
    told: u64,
    /// It has what changed after this `change_seq`.
    after_seq: i64,
    state: State,
}

enum State {
    /// Those who wait drive it; when all of them have gone, it ends.
    Reading(WeakShared<Reading>),
    Read(Arc<Changes>, Instant),
}

enum Found {
    Reading(Shared<Reading>),
    Read(Arc<Changes>),
}

impl Latest {
    /// What changed after `after_seq`, as it is after so many tellings or later; there may be earlier changes before it.
    /// It is read if nobody has done so, or does.
    pub(crate) async fn changes(
        &self,
        told: u64,
        after_seq: i64,
        read: impl FnOnce() -> Reading,
    ) -> Result<Arc<Changes>, WireError> {
        let reading = match self.find_or_read(told, after_seq, read) {
            Found::Read(changes) => return Ok(changes),
            Found::Reading(reading) => reading,
        };
        let read = reading.await;
        self.keep(told, after_seq, &read);
        read
    }

    /// Gives back the memory of what nobody asks for any more.
    pub(crate) fn tidy(&self, now: Instant) {
        let mut last = self.lock();
        if let Some(State::Read(_, at)) = last.as_ref().map(|last| &last.state)
            && now.duration_since(*at) > KEPT
        {
            *last = None;
        }
    }

    fn find_or_read(&self, told: u64, after_seq: i64, read: impl FnOnce() -> Reading) -> Found {
        let mut last = self.lock();
        if let Some(found) = last.as_ref().and_then(|last| last.find(told, after_seq)) {
            return found;
        }
        let reading = read().shared();
        *last = reading.downgrade().map(|reading| Last {
            told,
            after_seq,
            state: State::Reading(reading),
        });
        Found::Reading(reading)
    }

    fn keep(&self, told: u64, after_seq: i64, read: &Result<Arc<Changes>, WireError>) {
        let mut kept = self.lock();
        // Another reading may have begun meanwhile.
        let Some(last) = kept
            .as_mut()
            .filter(|last| (last.told, last.after_seq) == (told, after_seq))
        else {
            return;
        };
        match read {
            Ok(changes) if bytes(changes) <= MAX_KEPT_BYTES => {
                last.state = State::Read(changes.clone(), Instant::now());
            }
            _ => *kept = None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Last>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn find(&self, told: u64, after_seq: i64) -> Option<Found> {
        if self.told < told || self.after_seq > after_seq {
            return None;
        }
        match &self.state {
            State::Reading(reading) if self.after_seq == after_seq => reading.upgrade().map(Found::Reading),
            State::Read(changes, _) if reaches_beyond(changes, after_seq) => Some(Found::Read(changes.clone())),
            _ => None,
        }
    }
}

/// Whether all changes after this one begin in it.
fn reaches_beyond(changes: &Changes, after_seq: i64) -> bool {
    let is_all = changes.tasks.len() < READ_AT_ONCE;
    is_all || changes.tasks.last().is_some_and(|last| last.change_seq > after_seq)
}

fn bytes(changes: &Changes) -> usize {
    changes.tasks.iter().map(crate::task::Task::encoded_bytes).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use futures_util::future::{join_all, ready};
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        due::Due,
        task::{Content, Priority, Task},
    };

    fn changes(change_seqs: impl IntoIterator<Item = i64>, title_bytes: usize) -> Changes {
        let task = |change_seq| Task {
            id: uuid::Uuid::nil(),
            version: 1,
            change_seq,
            content: Content {
                title: "t".repeat(title_bytes),
                description: String::new(),
                completed: false,
                priority: Priority::Medium,
                tags: Vec::new(),
                due: None::<Due>,
            },
            create_time: platform::clock::Timestamp::from_micros(0),
            update_time: platform::clock::Timestamp::from_micros(0),
            complete_time: None,
            delete_time: None,
        };
        Changes {
            tasks: change_seqs.into_iter().map(task).collect(),
            read_seq: 0,
            purged_seq: 0,
        }
    }

    #[derive(Default)]
    struct Store {
        readings: AtomicUsize,
    }

    impl Store {
        fn read(&self, result: Result<Changes, WireError>) -> Reading {
            self.readings.fetch_add(1, Relaxed);
            ready(result.map(Arc::new)).boxed()
        }

        fn readings(&self) -> usize {
            self.readings.load(Relaxed)
        }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_read_once() {
        let (latest, store) = (Latest::default(), Store::default());
        let (answer, answered) = oneshot::channel();
        let mut answered = Some(answered);
        let asking = (0..100).map(|_| {
            let answered = answered.take();
            latest.changes(1, 4, || {
                store.readings.fetch_add(1, Relaxed);
                let answered = answered.expect("one reading is enough");
                async { Ok(answered.await.expect("it is answered")) }.boxed()
            })
        });
        let (read, ()) = tokio::join!(join_all(asking), async {
            answer.send(Arc::new(changes([5], 1))).expect("somebody waits");
        });
        assert!(read.iter().all(|read| read.as_ref().unwrap().tasks.len() == 1));
        let later = latest.changes(1, 4, || store.read(Ok(changes([], 1)))).await.unwrap();
        assert_eq!((later.tasks.len(), store.readings()), (1, 1));
    }

    #[tokio::test]
    async fn what_is_older_or_begins_later_is_read_again() {
        let (latest, store) = (Latest::default(), Store::default());
        for (told, after_seq, readings) in [(1, 4, 1), (1, 5, 1), (1, 3, 2), (1, 4, 2), (2, 4, 3), (1, 4, 3)] {
            let read = || store.read(Ok(changes([6, 7], 1)));
            latest.changes(told, after_seq, read).await.unwrap();
            assert_eq!(store.readings(), readings, "{told}, {after_seq}");
        }
    }

    #[tokio::test]
    async fn a_full_reading_ends_with_its_last_change() {
        let (latest, store) = (Latest::default(), Store::default());
        let last = i64::try_from(READ_AT_ONCE).unwrap();
        for (after_seq, readings) in [(0, 1), (last - 1, 1), (last, 2)] {
            let read = || store.read(Ok(changes(1..=last, 1)));
            latest.changes(1, after_seq, read).await.unwrap();
            assert_eq!(store.readings(), readings, "{after_seq}");
        }
    }

    #[tokio::test]
    async fn neither_failures_nor_much_is_kept() {
        let (latest, store) = (Latest::default(), Store::default());
        let failure = || store.read(Err(WireError::unavailable("the database is away")));
        latest.changes(1, 4, failure).await.unwrap_err();
        let much = || store.read(Ok(changes([5], MAX_KEPT_BYTES)));
        latest.changes(1, 4, much).await.unwrap();
        let little = || store.read(Ok(changes([5], 1)));
        latest.changes(1, 4, little).await.unwrap();
        latest.changes(1, 4, little).await.unwrap();
        assert_eq!(store.readings(), 3);
    }

    #[tokio::test]
    async fn a_reading_ends_when_nobody_waits_for_it() {
        let (latest, store) = (Latest::default(), Store::default());
        let (answer, answered) = oneshot::channel::<()>();
        let endless = || {
            async {
                answered.await.ok();
                unreachable!("nobody waits")
            }
            .boxed()
        };
        assert!(latest.changes(1, 4, endless).now_or_never().is_none());
        assert!(answer.is_closed(), "the reading is still there");
        latest.changes(1, 4, || store.read(Ok(changes([5], 1)))).await.unwrap();
        assert_eq!(store.readings(), 1);
    }

    #[tokio::test]
    async fn what_nobody_asks_for_goes() {
        let (latest, store) = (Latest::default(), Store::default());
        let read = || store.read(Ok(changes([5], 1)));
        latest.changes(1, 4, read).await.unwrap();
        latest.tidy(Instant::now());
        latest.changes(1, 4, read).await.unwrap();
        assert_eq!(store.readings(), 1);
        latest.tidy(Instant::now() + KEPT);
        latest.changes(1, 4, read).await.unwrap();
        assert_eq!(store.readings(), 2);
    }
}
