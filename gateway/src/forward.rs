//! The call: a message of the pool to an upstream, and the answer back, whole or as a stream.

use std::{error::Error, net::IpAddr, sync::Arc};

use bytes::Bytes;
use futures_util::stream::{BoxStream, try_unfold};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header::AUTHORIZATION};
use platform::{
    entropy::SystemEntropy,
    service_credential::{CLIENT_ADDRESS_METADATA, CLIENT_USER_AGENT_METADATA, METADATA as SERVICE_TOKEN_METADATA},
    serving::{REQUEST_ID, TraceContext},
};
use prost::Message as _;
use prost_reflect::DynamicMessage;
use tokio::time::{Instant, timeout_at};
use tonic::{
    Code, ConnectError, Request, Status, Streaming,
    body::Body,
    client::{Grpc, GrpcService},
    metadata::MetadataMap,
    transport::{self, Channel},
};
use tower::{BoxError, ServiceExt as _};
use tracing::Span;

use crate::{
    client,
    codec::{DynamicDecoder, EncodedCodec, UploadCodec},
    deadline::{self, Deadline, MARGIN},
    problem::Problem,
    received::Received,
    rpc::Rpc,
    upload::Messages,
    upstreams::Upstreams,
};

/// The largest answer, in bytes. A page ends at 3 MiB; this leaves room for larger single messages.
pub(crate) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Room for what a call says, with what tonic adds.
const MOST_METADATA: usize = 12;

/// What a call says of its client, apart from the message. Nothing of the client's headers goes on but what is
/// named here: above all no `x-holdfast-*`, by which services believe the gateway.
pub(crate) fn metadata(
    headers: &HeaderMap,
    request_id: &str,
    trace: Option<&TraceContext>,
    address: Option<IpAddr>,
    service_token: Option<HeaderValue>,
) -> MetadataMap {
    let mut metadata = HeaderMap::with_capacity(MOST_METADATA);
    if let Some(trace) = trace {
        trace.write(&mut metadata, &SystemEntropy);
    }
    // All of them: that two credentials are one too many is for the service to say.
    for credential in headers.get_all(AUTHORIZATION) {
        metadata.append(AUTHORIZATION, credential.clone());
    }
    // Not kept by the connection in place of what comes again (RFC 7541, section 7.1.3).
    let once = |text: &str| {
        let mut value = HeaderValue::from_str(text).ok()?;
        value.set_sensitive(true);
        Some(value)
    };
    let ours = [
        (REQUEST_ID, once(request_id)),
        (HeaderName::from_static(SERVICE_TOKEN_METADATA), service_token),
        (
            HeaderName::from_static(CLIENT_ADDRESS_METADATA),
            address.and_then(|address| HeaderValue::from_str(&address.to_string()).ok()),
        ),
        (
            HeaderName::from_static(CLIENT_USER_AGENT_METADATA),
            client::user_agent(headers),
        ),
    ];
    for (name, value) in ours {
        if let Some(value) = value {
            metadata.insert(name, value);
        }
    }
    MetadataMap::from_headers(metadata)
}

/// Calls a method and waits for its answer, until the deadline.
pub(crate) async fn unary(
    upstreams: &Upstreams,
    rpc: &Rpc,
    message: &DynamicMessage,
    metadata: MetadataMap,
    deadline: Deadline,
) -> Result<Received, Problem> {
    let encoded = Bytes::from(message.encode_to_vec());
    let call = || unary_once(upstreams, rpc, encoded.clone(), metadata.clone(), deadline);
    let retries = upstreams.retries(rpc.upstream);
    retries.run(rpc.may_be_repeated(message), deadline, call).await
}

async fn unary_once(
    upstreams: &Upstreams,
    rpc: &Rpc,
    message: Bytes,
    metadata: MetadataMap,
    deadline: Deadline,
) -> Result<Received, Problem> {
    let (channel, upstream) = upstreams.get(rpc.upstream);
    let mut request = Request::from_parts(metadata, tonic::Extensions::default(), message);
    request.set_timeout(deadline.remaining());
    let call = async {
        let mut grpc = client(channel);
        grpc.ready().await.map_err(Status::from_error)?;
        grpc.unary(request, rpc.path.clone(), EncodedCodec(DynamicDecoder::of(rpc)))
            .await
    };
    answered(call, rpc, upstream, deadline).await
}

/// Calls a method with a stream of messages, which is read as fast as the service reads, and waits for its answer,
/// until the deadline. If the stream breaks off, so does the call.
pub(crate) async fn uploading(
    upstreams: &Upstreams,
    rpc: &Rpc,
    messages: Messages,
    metadata: MetadataMap,
    deadline: Deadline,
) -> Result<Received, Problem> {
    let (place, upstream) = upstreams.streams(rpc.upstream)?;
    let mut request = Request::from_parts(metadata, tonic::Extensions::default(), messages);
    request.set_timeout(deadline.remaining());
    let call = async {
        let mut grpc = client(place.channel.clone());
        grpc.ready().await.map_err(Status::from_error)?;
        grpc.client_streaming(request, rpc.path.clone(), UploadCodec(DynamicDecoder::of(rpc)))
            .await
    };
    answered(call, rpc, upstream, deadline).await
}

async fn answered(
    call: impl Future<Output = Result<tonic::Response<Received>, Status>>,
    rpc: &Rpc,
    upstream: &'static str,
    deadline: Deadline,
) -> Result<Received, Problem> {
    match timeout_at(deadline.end() + MARGIN, call).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) => Err(failure(&status, rpc, upstream, Some(deadline.end()))),
        Err(_) => Err(deadline::exceeded()),
    }
}

/// A stream of messages that has begun.
pub(crate) struct Begun {
    /// The first message; `None` if there is none.
    pub(crate) first: Option<Received>,
    /// The others, each fetched when it is asked for; dropping this cancels the call. It ends with an error if it
    /// breaks off or the client's own deadline passes.
    pub(crate) rest: BoxStream<'static, Result<Received, Status>>,
    /// What can explain that error.
    pub(crate) origin: Origin,
}

/// Where a stream comes from. The rest of it is read after the request was answered, out of its span.
pub(crate) struct Origin {
    /// What was called.
    pub(crate) rpc: Arc<Rpc>,
    upstream: &'static str,
    end: Option<Instant>,
    span: Span,
}

impl Origin {
    /// The error for the client, where it can still be told.
    pub(crate) fn explain(&self, status: &Status) -> Problem {
        self.span
            .in_scope(|| failure(status, &self.rpc, self.upstream, self.end))
    }

    /// The error where the client cannot be told; then it is in the log.
    pub(crate) fn cut(&self, status: &Status) -> BrokenOff {
        let (upstream, method) = (self.upstream, self.rpc.method.full_name());
        self.span
            .in_scope(|| tracing::warn!(upstream, rpc.method = method, %status, "an answer broke off"));
        BrokenOff
    }
}

/// Why a body ends before it is whole.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub(crate) struct BrokenOff;

/// Calls a method that answers with a stream, and waits for the first message, until the deadline.
pub(crate) async fn streaming(
    upstreams: &Upstreams,
    rpc: &Arc<Rpc>,
    message: &DynamicMessage,
    metadata: MetadataMap,
    deadline: Deadline,
) -> Result<Begun, Problem> {
    let encoded = Bytes::from(message.encode_to_vec());
    let call = || streaming_once(upstreams, rpc, encoded.clone(), metadata.clone(), deadline);
    let retries = upstreams.retries(rpc.upstream);
    retries.run(rpc.may_be_repeated(message), deadline, call).await
}

async fn streaming_once(
    upstreams: &Upstreams,
    rpc: &Arc<Rpc>,
    message: Bytes,
    metadata: MetadataMap,
    deadline: Deadline,
) -> Result<Begun, Problem> {
    let (place, upstream) = upstreams.streams(rpc.upstream)?;
    let mut request = Request::from_parts(metadata, tonic::Extensions::default(), message);
    let end = deadline.stream_end();
    if let Some(end) = end {
        request.set_timeout(end.saturating_duration_since(Instant::now()));
    }
    let call = async {
        let mut grpc = client(place.channel.clone());
        grpc.ready().await.map_err(Status::from_error)?;
        let codec = EncodedCodec(DynamicDecoder::of(rpc));
        let answer = grpc.server_streaming(request, rpc.path.clone(), codec).await?;
        let mut messages = answer.into_inner();
        Ok((messages.message().await?, messages))
    };
    let (first, messages) = match timeout_at(deadline.end() + MARGIN, call).await {
        Ok(Ok(begun)) => begun,
        Ok(Err(status)) => return Err(failure(&status, rpc, upstream, Some(deadline.end()))),
        Err(_) => return Err(deadline::exceeded()),
    };
    let rest = try_unfold((messages, place), move |(mut messages, place)| async move {
        let next = next(&mut messages, end).await?;
        Ok(next.map(|message| (message, (messages, place))))
    });
    Ok(Begun {
        first,
        rest: Box::pin(rest),
        origin: Origin {
            rpc: rpc.clone(),
            upstream,
            end,
            span: Span::current(),
        },
    })
}

async fn next(messages: &mut Streaming<Received>, end: Option<Instant>) -> Result<Option<Received>, Status> {
    let Some(end) = end else {
        return messages.message().await;
    };
    timeout_at(end + MARGIN, messages.message())
        .await
        .unwrap_or_else(|_| Err(Status::deadline_exceeded("the deadline passed")))
}

fn client(channel: Channel) -> Grpc<impl GrpcService<Body, ResponseBody = Body, Error = BoxError, Future: Send>> {
    Grpc::new(channel.map_result(refuse_other_than_ok)).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// A gRPC service answers 200, errors too. Any other status comes from something between it and us, and its
/// page must not be read as gRPC.
fn refuse_other_than_ok<B>(
    answer: Result<Response<B>, transport::Error>,
) -> Result<Response<B>, Box<dyn Error + Send + Sync>> {
    let answer = answer?;
    match answer.status() {
        StatusCode::OK => Ok(answer),
        other => Err(Status::unavailable(format!("HTTP status {other}")).into()),
    }
}

/// Whether there was no connection on which the call could have been made.
fn is_unconnected(status: &Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// A status in the contract's form is the service's answer. Any other was made on the way, by a transport or by
/// something that is not our service: then it is never the client's credentials that are at fault.
///
/// `end` is when the call's time is up.
fn failure(status: &Status, rpc: &Rpc, upstream: &'static str, end: Option<Instant>) -> Problem {
    if let Some(answered) = Problem::of_status(status, rpc) {
        return answered;
    }
    let (code, method) = (status.code(), rpc.method.full_name());
    let made_here = status.source().is_some();
    if code == Code::DeadlineExceeded || (code == Code::Cancelled && end.is_some_and(|end| end <= Instant::now())) {
        return deadline::exceeded();
    }
    if code == Code::Unavailable || made_here {
        tracing::warn!(upstream, rpc.method = method, %status, "the upstream does not answer");
        if is_unconnected(status) {
            return Problem::not_sent();
        }
        return Problem::new("UNAVAILABLE", "the service does not answer just now");
    }
    tracing::error!(upstream, rpc.method = method, %status, "the upstream answered outside the contract");
    match code {
        Code::Unimplemented => Problem::new("METHOD_UNKNOWN", "the service does not have this method yet"),
        _ => Problem::internal(),
    }
}
