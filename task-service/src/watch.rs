//! What changes from now on, as it happens.

use std::{sync::Arc, time::Duration};

use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{BoxStream, StreamExt as _, try_unfold},
};
use platform::{
    verification::{Caller, Refusal, Standing},
    wire_error::WireError,
};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::{
    error::TaskError,
    news::{Following, News},
    owner::OwnerId,
    pages::READ_AT_ONCE,
    store::Changes,
    sync::Progress,
    task::Task,
    tasks::Tasks,
};

/// A message is sent at least so often; proxies cut streams that are silent for a minute.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// What is told of an owner's tasks.
#[derive(Debug)]
pub(crate) struct Told {
    /// A task as it is now, deleted or not; `None` if nothing happened.
    pub(crate) task: Option<Task>,
    /// Where to go on after it.
    pub(crate) sync_token: String,
}

/// Makes watches.
pub(crate) struct Watching {
    pub(crate) tasks: Arc<Tasks>,
    news: Arc<News>,
    standing: Standing,
    shutdown: CancellationToken,
}

impl Watching {
    pub(crate) fn new(tasks: Arc<Tasks>, news: Arc<News>, standing: Standing, shutdown: CancellationToken) -> Self {
        Self {
            tasks,
            news,
            standing,
            shutdown,
        }
    }

    /// What changes after a sync token, or from now on, until the caller's token ends or the shutdown begins. What is
    /// not taken is not read.
    pub(crate) async fn watch(
        &self,
        caller: &Caller,
        sync_token: &str,
    ) -> Result<BoxStream<'static, Result<Told, WireError>>, WireError> {
        let owner = OwnerId::of(caller);
        // Before the position is read, so that nothing falls in between.
        let following = self.news.follow(owner).ok_or(TaskError::TooManyWatches)?;
        let known = self.tasks.progress(owner, sync_token)?;
        let position = self.tasks.store.position(owner).await.map_err(TaskError::from)?;
        let progress = known.unwrap_or(Progress::up_to(position.last_seq));
        progress.check(position.purged_seq, position.last_seq)?;
        let watch = Watch {
            tasks: self.tasks.clone(),
            polling: self.news.is_shared(),
            owner,
            progress,
            following,
            end: Box::pin(end(self.standing.clone().end(caller.clone()), self.shutdown.clone())),
            read: None,
            state: State::New,
        };
        let told = try_unfold(watch, async |mut watch| {
            let told = watch.next().await?;
            Ok(Some((told, watch)))
        });
        Ok(told.boxed())
    }
}

/// Returns when a watch must end, and why.
async fn end(standing: impl Future<Output = Refusal>, shutdown: CancellationToken) -> WireError {
    tokio::select! {
        refusal = standing => refusal.into(),
        () = shutdown.cancelled() => WireError::unavailable("the server is stopping"),
    }
}

struct Watch {
    tasks: Arc<Tasks>,
    /// Whether changes may be made that the news do not tell of in time.
    polling: bool,
    owner: OwnerId,
    progress: Progress,
    following: Following,
    end: BoxFuture<'static, WireError>,
    /// Read, and not all of it taken yet.
    read: Option<Arc<Changes>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said.
    New,
    /// Nothing was read. What others read may be older than what the client knows of.
    Begun,
    /// There may be changes that were not read.
    Behind,
    /// Everything was read.
    Current,
}

impl Watch {
    async fn next(&mut self) -> Result<Told, WireError> {
        let heartbeat = Instant::now() + HEARTBEAT;
        if self.state == State::New {
            self.state = State::Begun;
            return Ok(self.told(None));
        }
        loop {
            // An ended session hears no more, however much is pending.
            if let Some(error) = now(&mut self.end) {
                return Err(error);
            }
            if let Some(task) = self.take() {
                return Ok(self.told(Some(task)));
            }
            match self.state {
                State::New | State::Begun => {
                    self.look().await?;
                    continue;
                }
                State::Behind => {
                    self.read().await?;
                    continue;
                }
                State::Current => {}
            }
            tokio::select! {
                () = self.following.changed() => self.state = State::Behind,
                error = &mut self.end => return Err(error),
                () = sleep_until(heartbeat) => {
                    self.following.tidy();
                    if self.polling {
                        self.look().await?;
                    }
                    if self.read.is_none() {
                        return Ok(self.told(None));
                    }
                }
            }
        }
    }

    /// The next of the tasks that were read.
    fn take(&mut self) -> Option<Task> {
        let changes = self.read.as_ref()?;
        let next = changes
            .tasks
            .partition_point(|task| task.change_seq <= self.progress.seq);
        let Some(task) = changes.tasks.get(next).cloned() else {
            self.read = None;
            return None;
        };
        self.progress.seq = task.change_seq;
        Some(task)
    }

    /// Reads what was told of, together with the others who follow.
    async fn read(&mut self) -> Result<(), WireError> {
        let (tasks, owner, seq) = (self.tasks.clone(), self.owner, self.progress.seq);
        let read = move || async move {
            let read = tasks.store.changes(owner, seq, READ_AT_ONCE).await;
            read.map(Arc::new).map_err(WireError::from)
        };
        let changes = self.following.changes(seq, || read().boxed()).await?;
        if self.progress.missed(changes.purged_seq) {
            return Err(TaskError::SyncTokenExpired.into());
        }
        if changes.tasks.len() < READ_AT_ONCE {
            self.state = State::Current;
        }
        self.read = Some(changes);
        Ok(())
    }

    /// Reads what is there, whether it was told of or not.
    async fn look(&mut self) -> Result<(), WireError> {
        let changes = self.tasks.changes(self.owner, self.progress, READ_AT_ONCE).await?;
        self.state = if changes.tasks.len() < READ_AT_ONCE {
            State::Current
        } else {
            State::Behind
        };
        if !changes.tasks.is_empty() {
            self.read = Some(Arc::new(changes));
        }
        Ok(())
    }

    fn told(&self, task: Option<Task>) -> Told {
        Told {
            task,
            sync_token: self.tasks.sync_token(self.owner, self.progress.seq),
        }
    }
}

/// The output of a future that is ready; it goes on waiting otherwise.
fn now<T>(future: &mut BoxFuture<'static, T>) -> Option<T> {
    future.as_mut().now_or_never()
}
