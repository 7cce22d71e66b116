//! The far end of a gateway: a service that keeps what it was sent and answers what it was told.

use std::{
    collections::VecDeque,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures_util::{Stream, TryStreamExt as _};
use http::{HeaderMap, HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full};
use platform::serving::{self, Protocol};
use prost::Message;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::Status;
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};
use tower::{service_fn, util::BoxCloneSyncService};

use crate::taken::Taken;

/// The compression flag and the length.
const FRAME_HEAD: usize = 5;

/// A call as it arrived at a far end.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) metadata: HeaderMap,
    body: Bytes,
}

impl Call {
    /// The request message.
    pub(crate) fn message<M: Message + Default>(&self) -> M {
        M::decode(self.body.slice(FRAME_HEAD..)).expect("the message decodes")
    }

    /// The request messages as they came, one after the other.
    pub(crate) fn messages(&self) -> Vec<Bytes> {
        let mut rest = self.body.clone();
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let mut head = rest.split_to(FRAME_HEAD);
            assert_eq!(head.get_u8(), 0, "it is not compressed");
            messages.push(rest.split_to(head.get_u32().try_into().expect("a length")));
        }
        messages
    }

    /// All values of one metadata entry.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let values = self.metadata.get_all(name).iter();
        values.map(|value| value.to_str().expect("ASCII")).collect()
    }
}

/// What a far end does with every call but those to its health service.
#[derive(Clone)]
pub(crate) enum Reply {
    /// Answers with a message.
    Message(Bytes),
    /// Answers with a status.
    Status(Status),
    /// Answers as something that is no gRPC service: an HTTP status and nothing else.
    Http(u16),
    /// Answers once with this body, made by [`Reply::stream`].
    Stream(Arc<Mutex<Option<Body>>>),
    /// Begins to answer and breaks the stream.
    Broken,
    /// Never answers.
    Silence,
    /// Lets the test read the request, and say the answer.
    Taken(mpsc::UnboundedSender<Taken>),
}

impl Reply {
    /// A message.
    pub(crate) fn message(message: &impl Message) -> Self {
        Self::Message(message.encode_to_vec().into())
    }

    /// Messages as they come, then this status; none if that is `None`. An error resets the stream.
    pub(crate) fn stream<M: Message>(
        messages: impl Stream<Item = std::io::Result<M>> + Send + 'static,
        status: impl Into<Option<Status>>,
    ) -> Self {
        let frames = messages.map_ok(|message| frame(&message.encode_to_vec().into()));
        let trailers = status.into().map(|status| {
            let mut trailers = HeaderMap::new();
            status.add_header(&mut trailers).expect("a status fits trailers");
            Ok(trailers)
        });
        let body = Body::from_stream(frames).with_trailers(async { trailers });
        Self::Stream(Arc::new(Mutex::new(Some(Body::new(body)))))
    }
}

/// A gRPC server that takes any method, so that no new one needs a line here.
pub(crate) struct FarEnd {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<FarState>>,
    _running: DropGuard,
}

struct FarState {
    /// What it replies first, once each.
    first: VecDeque<Reply>,
    reply: Reply,
    health: ServingStatus,
    calls: Vec<Call>,
}

impl FarEnd {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(FarState {
            first: VecDeque::new(),
            reply: Reply::Message(Bytes::new()),
            health: ServingStatus::Serving,
            calls: Vec::new(),
        }));
        let shutdown = CancellationToken::new();
        let service = service_fn({
            let state = state.clone();
            move |request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            }
        });
        let service = BoxCloneSyncService::new(service);
        tokio::spawn(serving::serve(listener, service, Protocol::Http2, shutdown.clone()));
        Self {
            address,
            state,
            _running: shutdown.drop_guard(),
        }
    }

    /// From now on it replies so.
    pub(crate) fn replies(&self, reply: Reply) {
        self.state.lock().expect("no panic").reply = reply;
    }

    /// It replies so to the next calls, before what it replies to all.
    pub(crate) fn replies_first(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state.lock().expect("no panic").first.extend(replies);
    }

    /// From now on its health service answers so.
    pub(crate) fn has_health(&self, health: ServingStatus) {
        self.state.lock().expect("no panic").health = health;
    }

    /// The calls it got since it was asked last.
    pub(crate) fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().expect("no panic").calls)
    }

    /// The one call it got since it was asked last.
    #[track_caller]
    pub(crate) fn call(&self) -> Call {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }
}

async fn answer(state: &Mutex<FarState>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/grpc.health.v1.Health/Check" {
        let status = state.lock().expect("no panic").health.into();
        return respond(Reply::message(&HealthCheckResponse { status })).await;
    }
    let reply = state.lock().expect("no panic").reply.clone();
    if let Reply::Taken(calls) = reply {
        let (taken, replied) = Taken::new(head.uri.path().to_owned(), head.headers, body);
        calls.send(taken).expect("the test waits for it");
        return respond(replied.await.unwrap_or(Reply::Silence)).await;
    }
    let body = body.collect().await.expect("a whole request").to_bytes();
    let reply = {
        let mut state = state.lock().expect("no panic");
        state.calls.push(Call {
            path: head.uri.path().to_owned(),
            metadata: head.headers,
            body,
        });
        state.first.pop_front().unwrap_or_else(|| state.reply.clone())
    };
    respond(reply).await
}

async fn respond(reply: Reply) -> Response<Body> {
    let body = match reply {
        Reply::Message(message) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", HeaderValue::from_static("0"));
            Body::new(Full::new(frame(&message)).with_trailers(async { Some(Ok(trailers)) }))
        }
        Reply::Status(status) => return status.into_http(),
        Reply::Http(status) => {
            let mut response = Response::new(Body::from("<html></html>"));
            *response.status_mut() = status.try_into().expect("a status");
            return response;
        }
        Reply::Stream(body) => body.lock().expect("no panic").take().expect("the first call"),
        Reply::Broken => Body::from_stream(futures_util::stream::once(async {
            Err::<Bytes, _>(std::io::Error::other("cut"))
        })),
        Reply::Silence | Reply::Taken(_) => std::future::pending().await,
    };
    let mut response = Response::new(body);
    let grpc = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, grpc);
    response
}

/// A message as gRPC frames it: not compressed, its length, itself.
fn frame(message: &Bytes) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + FRAME_HEAD);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).expect("a small message"));
    frame.extend_from_slice(message);
    frame.freeze()
}
