//! A body that is passed on as it arrives: a client stream of `google.api.HttpBody`, answered with one message.
//!
//! It is never kept: of each upload there are a few pieces in memory besides the buffers of the connections, and a
//! service that reads slowly slows the client.

use std::{pin::pin, time::Duration};

use axum::body::{Body, HttpBody as _};
use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use http_body_util::BodyExt as _;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};
use tokio::{sync::mpsc, time::timeout};

use crate::{body, deadline, forward::BrokenOff, problem::Problem, received::Received};

/// The most bytes in one message.
const PIECE_BYTES: usize = 64 * 1024;
/// A client that sends nothing for so long has stopped.
const IDLE: Duration = Duration::from_secs(30);

/// The messages of an upload, in order; an error, which resets the call's stream, if it was given up.
pub(crate) type Messages = BoxStream<'static, Result<DynamicMessage, BrokenOff>>;

/// The body of an upload. What is left of it when the answer is known is for the listener to throw away.
pub(crate) struct Upload {
    body: Body,
    max_bytes: usize,
}

/// What is passed to the call. The end is said: a call whose client is gone must not take that for one.
enum Piece {
    Message(DynamicMessage),
    End,
}

impl Upload {
    /// A body of at most so many bytes.
    pub(crate) fn new(body: Body, max_bytes: usize) -> Self {
        Self { body, max_bytes }
    }

    /// Calls with the body as messages like the first (`google.api.HttpBody`), which has its type. If it is too large,
    /// breaks off or stops, that is the error, and the call is cancelled. An answer that comes before the end of the
    /// body is the answer.
    pub(crate) async fn pass_on<Call>(
        mut self,
        first: DynamicMessage,
        call: impl FnOnce(Messages) -> Call,
    ) -> Result<Received, Problem>
    where
        Call: Future<Output = Result<Received, Problem>>,
    {
        if self.is_too_large(self.body.size_hint().lower()) {
            return Err(body::too_large(self.max_bytes));
        }
        let (sender, pieces) = mpsc::channel(1);
        let mut call = pin!(call(messages(pieces)));
        let sent = tokio::select! {
            biased;
            answer = &mut call => return answer,
            sent = self.send(first, sender) => sent,
        };
        match sent {
            Ok(()) => call.await,
            Err(problem) => Err(problem),
        }
    }

    /// Reads the body to its end. A piece is read when there is room for it: it waits for a service that is slow.
    async fn send(&mut self, first: DynamicMessage, sender: mpsc::Sender<Piece>) -> Result<(), Problem> {
        let message = first.descriptor();
        let mut next = first;
        let (mut length, mut is_first) = (0_u64, true);
        loop {
            let read = timeout(IDLE, self.body.frame());
            let Some(frame) = read.await.map_err(|_| deadline::exceeded())? else {
                break;
            };
            let Ok(mut data) = frame.map_err(|_| body::broken())?.into_data() else {
                continue;
            };
            length += data.len() as u64;
            if self.is_too_large(length) {
                return Err(body::too_large(self.max_bytes));
            }
            while !data.is_empty() {
                let piece = data.split_to(data.len().min(PIECE_BYTES));
                next.set_field_by_name("data", Value::Bytes(piece));
                let full = std::mem::replace(&mut next, DynamicMessage::new(message.clone()));
                give(&sender, Piece::Message(full)).await;
                is_first = false;
            }
        }
        if is_first {
            give(&sender, Piece::Message(next)).await;
        }
        give(&sender, Piece::End).await;
        Ok(())
    }

    fn is_too_large(&self, length: u64) -> bool {
        usize::try_from(length).map_or(true, |length| length > self.max_bytes)
    }
}

/// Waits for room. If the call takes no more, it is about to be answered: nothing is left to do here.
async fn give(sender: &mpsc::Sender<Piece>, piece: Piece) {
    if sender.send(piece).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn messages(pieces: mpsc::Receiver<Piece>) -> Messages {
    unfold(Some(pieces), |pieces| async {
        let mut pieces = pieces?;
        match pieces.recv().await {
            Some(Piece::Message(message)) => Some((Ok(message), Some(pieces))),
            Some(Piece::End) => None,
            None => Some((Err(BrokenOff), None)),
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use std::io;

    use bytes::Bytes;
    use futures_util::stream::{self, pending};

    use super::*;
    use crate::testing;

    fn http_body() -> DynamicMessage {
        let table = testing::kitchen();
        let upload = table.iter().find(|route| route.rpc.max_upload.is_some());
        DynamicMessage::new(upload.expect("there is one").rpc.method.input())
    }

    /// A client that stops is given up, and what it sent does not look whole.
    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up() {
        let begun = stream::iter([Ok::<_, io::Error>(Bytes::from_static(b"begun"))]);
        let mut upload = Upload::new(Body::from_stream(begun.chain(pending())), 100);
        let (sender, pieces) = mpsc::channel(8);
        let stopped = upload.send(http_body(), sender).await.expect_err("it stops");
        assert_eq!(stopped.reason, "DEADLINE_EXCEEDED");
        let read: Vec<bool> = messages(pieces).map(|message| message.is_ok()).collect().await;
        assert_eq!(read, [true, false]);
    }

    /// A service that takes nothing is waited for, by the call's own deadline.
    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_slow_is_not_the_clients_fault() {
        let upload = Upload::new(Body::from(vec![b'x'; 10 * PIECE_BYTES]), 10 * PIECE_BYTES);
        let slow = |mut messages: Messages| async move {
            let mut taken = 0;
            while let Some(message) = messages.next().await {
                tokio::time::sleep(2 * IDLE).await;
                assert!(message.is_ok());
                taken += 1;
            }
            assert_eq!(taken, 10);
            Ok(http_body().into())
        };
        assert!(upload.pass_on(http_body(), slow).await.is_ok());
    }
}
