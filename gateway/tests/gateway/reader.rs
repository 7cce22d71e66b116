//! A client that reads as it likes, and streams that tell when they are let go.

use std::io;

use futures_util::{Stream, StreamExt as _, stream};
use platform::wire_error::WireError;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::world::World;

/// A connection with one request on it.
pub(crate) struct Reader(pub(crate) TcpStream);

impl Reader {
    pub(crate) async fn send(world: &World, line: &str, headers: &str) -> Self {
        let mut stream = TcpStream::connect(world.gateway).await.expect("the gateway listens");
        let head = format!("{line} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.expect("it takes the head");
        Self(stream)
    }

    /// Reads until it has read this.
    pub(crate) async fn until(&mut self, wanted: &str) -> String {
        let mut read = Vec::new();
        while !read.windows(wanted.len()).any(|window| window == wanted.as_bytes()) {
            let byte = self.0.read_u8().await.expect("there is more");
            read.push(byte);
        }
        String::from_utf8_lossy(&read).into_owned()
    }
}

/// A stream, and a token that is cancelled when it is dropped.
pub(crate) fn watched<T: Send + 'static>(
    stream: impl Stream<Item = T> + Send + 'static,
) -> (impl Stream<Item = T> + Send + 'static, CancellationToken) {
    let dropped = CancellationToken::new();
    let guard = dropped.clone().drop_guard();
    let stream = stream.map(move |item| {
        let _ = &guard;
        item
    });
    (stream, dropped)
}

/// These messages, one after the other.
pub(crate) fn all<M: Clone + Send + 'static>(
    messages: &[M],
) -> impl Stream<Item = io::Result<M>> + Send + 'static + use<M> {
    stream::iter(messages.to_vec()).map(Ok)
}

/// An error in the contract's form.
pub(crate) fn refused(code: Code, reason: &'static str) -> Status {
    WireError::new(code, reason, "for a reason").into()
}

pub(crate) fn ok() -> Status {
    Status::ok("")
}
