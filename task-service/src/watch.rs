//! What changes from now on, as it happens.

use std::{collections::VecDeque, sync::Arc, time::Duration};

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
        let progress = known.unwrap_or(Progress {
            seq: position.last_seq,
            from_nothing: false,
        });
        progress.check(position.purged_seq, position.last_seq)?;
        let watch = Watch {
            tasks: self.tasks.clone(),
            polling: self.news.is_shared(),
            owner,
            progress,
            following,
            end: Box::pin(end(self.standing.clone().end(caller.clone()), self.shutdown.clone())),
            pending: VecDeque::new(),
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
    /// Read, and not taken yet.
    pending: VecDeque<Task>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was said.
    New,
    /// There may be changes that were not read.
    Behind,
    /// Everything was read.
    Current,
}

impl Watch {
    async fn next(&mut self) -> Result<Told, WireError> {
        let heartbeat = Instant::now() + HEARTBEAT;
        if self.state == State::New {
            self.state = State::Behind;
            return Ok(self.told(None));
        }
        loop {
            // An ended session hears no more, however much is pending.
            if let Some(error) = now(&mut self.end) {
                return Err(error);
            }
            if let Some(task) = self.pending.pop_front() {
                self.progress.seq = task.change_seq;
                return Ok(self.told(Some(task)));
            }
            if self.state == State::Behind {
                self.read().await?;
                continue;
            }
            tokio::select! {
                () = self.following.changed() => self.state = State::Behind,
                error = &mut self.end => return Err(error),
                () = sleep_until(heartbeat) => {
                    if self.polling {
                        self.read().await?;
                    }
                    if self.pending.is_empty() {
                        return Ok(self.told(None));
                    }
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), WireError> {
        let changes = self.tasks.changes(self.owner, self.progress, READ_AT_ONCE).await?;
        if changes.tasks.len() < READ_AT_ONCE {
            self.state = State::Current;
        }
        self.pending = changes.tasks.into();
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
