//! Tasks that let others go first: what those have for them is then done at once, above all written by one system call.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::Executor;

/// A future that was woken, and has to wait until everything that is ready to run has run.
pub(crate) struct Gathering<F> {
    future: F,
    waits: bool,
}

impl<F> Gathering<F> {
    /// The same future.
    pub(crate) fn new(future: F) -> Self {
        Self { future, waits: false }
    }
}

impl<F: Future + Unpin> Future for Gathering<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if self.waits {
            self.waits = false;
            // Tokio puts a task that wakes itself behind all others.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.waits = true;
        Pin::new(&mut self.future).poll(context)
    }
}

/// Spawns such tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GatheringExecutor;

impl<F> Executor<F> for GatheringExecutor
where
    F: Future<Output = ()> + Unpin + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(Gathering::new(future));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
    };

    use tokio::{sync::mpsc, task::yield_now};

    use super::*;

    /// Ten senders run after the first of them has woken the receiver, which finds what all of them sent.
    #[tokio::test]
    async fn what_is_sent_meanwhile_is_found_at_once() {
        let (sender, mut receiver) = mpsc::unbounded_channel::<()>();
        let polls = Arc::new(AtomicUsize::new(0));
        let counted = polls.clone();
        GatheringExecutor.execute(Box::pin(poll_fn(move |context| {
            counted.fetch_add(1, SeqCst);
            loop {
                match receiver.poll_recv(context) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })));
        yield_now().await;
        assert_eq!(polls.load(SeqCst), 1, "it waits for something");
        for _ in 0..10 {
            let sender = sender.clone();
            tokio::spawn(async move { sender.send(()) });
        }
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(polls.load(SeqCst), 2);
    }
}
