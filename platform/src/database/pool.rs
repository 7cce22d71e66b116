//! Connections that stay open from one operation to the next.
//!
//! sqlx's own pool asks a connection whether it is alive each time that it is given back: a round trip for every operation.
//! Here one is asked only when something went wrong on it, or when it was not used for a while.

use std::{fmt::Display, time::Duration};

use deadpool::managed::{self, Manager, Metrics, Object, QueueMode, RecycleError, RecycleResult};
use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use tokio::time::timeout;

use super::{Engine, StoreError};

/// A connection that is asked must answer in this time.
const PING_TIMEOUT: Duration = Duration::from_secs(1);

/// How connections are opened and kept.
pub(super) struct Keeping<E: Engine> {
    /// Opens one.
    pub(super) open: Box<dyn Fn() -> BoxFuture<'static, Result<E::Connection, sqlx::Error>> + Send + Sync>,
    /// How many there are at most.
    pub(super) most: usize,
    /// How long an operation waits for one, its opening included.
    pub(super) wait: Duration,
    /// One that is older is replaced when it is asked for.
    pub(super) max_age: Duration,
    /// One that was last taken longer ago is asked whether it is alive.
    pub(super) trusted_for: Duration,
}

/// What the pool knows of connections.
struct Opener<E: Engine>(Keeping<E>);

impl<E: Engine> Manager for Opener<E> {
    type Type = E::Connection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<E::Connection, sqlx::Error> {
        (self.0.open)().await
    }

    async fn recycle(&self, connection: &mut E::Connection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() > self.0.max_age {
            return Err(RecycleError::message("it is old"));
        }
        if metrics.last_used() <= self.0.trusted_for || is_alive::<E>(connection).await {
            return Ok(());
        }
        Err(RecycleError::message("it does not answer"))
    }
}

async fn is_alive<E: Engine>(connection: &mut E::Connection) -> bool {
    matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))
}

/// Connections to one database.
pub(super) struct Pool<E: Engine> {
    connections: managed::Pool<Opener<E>>,
    wait: Duration,
}

impl<E: Engine> Clone for Pool<E> {
    fn clone(&self) -> Self {
        Self {
            connections: self.connections.clone(),
            wait: self.wait,
        }
    }
}

impl<E: Engine> Pool<E> {
    /// None is open yet.
    pub(super) fn new(keeping: Keeping<E>) -> Result<Self, StoreError> {
        let wait = keeping.wait;
        let most = keeping.most;
        // The one last used first, so that those that are not needed grow old.
        let connections = managed::Pool::builder(Opener(keeping))
            .max_size(most)
            .queue_mode(QueueMode::Lifo);
        Ok(Self {
            connections: connections.build().map_err(unavailable)?,
            wait,
        })
    }

    /// A connection, for one operation. Whatever keeps it from being had, the database cannot be used just now.
    pub(super) async fn take(&self) -> Result<Lease<E>, StoreError> {
        let status = self.connections.status();
        let taken = if status.available == 0 && status.size < status.max_size {
            // Opened on a task of its own: cut off in its middle, the opening would be paid for in vain.
            let pool = self.clone();
            let opened = tokio::spawn(async move { pool.wait_for_one().await });
            opened.await.map_err(unavailable)?
        } else {
            self.wait_for_one().await
        };
        taken.map(|connection| Lease {
            connection: Some(connection),
            is_at_rest: false,
        })
    }

    async fn wait_for_one(&self) -> Result<Object<Opener<E>>, StoreError> {
        let taken = timeout(self.wait, self.connections.get()).await;
        taken.map_err(unavailable)?.map_err(unavailable)
    }

    /// Closes the connections that are not in use now, and each other one when it is given back.
    pub(super) async fn close(&self) {
        let idle = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        for connection in idle {
            // It is of no use any more, however it ends.
            connection.close().await.ok();
        }
    }
}

fn unavailable(cause: impl Display) -> StoreError {
    StoreError::Unavailable(cause.to_string())
}

/// A connection out of a pool. One on which something was left unfinished, or failed, must answer before it goes back.
pub(super) struct Lease<E: Engine> {
    connection: Option<Object<Opener<E>>>,
    is_at_rest: bool,
}

impl<E: Engine> Lease<E> {
    pub(super) fn connection(&mut self) -> &mut E::Connection {
        #[expect(clippy::expect_used, reason = "it is taken out only when the lease ends")]
        self.connection.as_mut().expect("a lease has its connection")
    }

    /// The operation came to its end, and left the connection ready for the next one, or perhaps not.
    pub(super) fn end(mut self, is_at_rest: bool) {
        self.is_at_rest = is_at_rest;
    }

    /// Ends the connection with the lease: it was left in the middle of something.
    pub(super) fn discard(mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}

impl<E: Engine> Drop for Lease<E> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if !self.is_at_rest {
            tokio::spawn(async move {
                if !is_alive::<E>(&mut connection).await {
                    drop(Object::take(connection));
                }
            });
        }
    }
}
