//! A call whose request a test reads itself, as slowly as it likes.

use axum::body::Body;
use bytes::{Buf as _, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use prost::Message;
use tokio::sync::oneshot;

use crate::far_end::Reply;

/// A call that has begun.
pub(crate) struct Taken {
    pub(crate) path: String,
    pub(crate) metadata: HeaderMap,
    body: Body,
    read: BytesMut,
    reply: oneshot::Sender<Reply>,
}

/// The request was cut: it did not end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut;

impl Taken {
    /// A call, and what it will be answered.
    pub(crate) fn new(path: String, metadata: HeaderMap, body: Body) -> (Self, oneshot::Receiver<Reply>) {
        let (reply, replied) = oneshot::channel();
        let taken = Self {
            path,
            metadata,
            body,
            read: BytesMut::new(),
            reply,
        };
        (taken, replied)
    }

    /// The next message; `None` at an orderly end.
    pub(crate) async fn message<M: Message + Default>(&mut self) -> Result<Option<M>, Cut> {
        loop {
            let length = self.read.get(1..5).map(|mut length| length.get_u32() as usize + 5);
            if let Some(length) = length.filter(|length| *length <= self.read.len()) {
                let message = self.read.split_to(length);
                return Ok(Some(M::decode(&message[5..]).expect("the message decodes")));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.read.extend_from_slice(&frame.into_data().expect("data")),
                Some(Err(_)) => return Err(Cut),
                None if self.read.is_empty() => return Ok(None),
                None => panic!("the request ended within a message"),
            }
        }
    }

    /// All messages up to an orderly end.
    pub(crate) async fn messages<M: Message + Default>(&mut self) -> Result<Vec<M>, Cut> {
        let mut messages = Vec::new();
        while let Some(message) = self.message().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    /// Answers, whatever of the request is left.
    pub(crate) fn reply(self, reply: Reply) {
        self.reply.send(reply).ok();
    }

    /// Waits until nobody wants an answer any more.
    pub(crate) async fn let_go(&mut self) {
        self.reply.closed().await;
    }
}
