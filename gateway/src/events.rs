//! Streams of messages: Server-Sent Events (WHATWG HTML, section 9.2), or a JSON text on each line (NDJSON).
//!
//! Whatever ends a stream early is its last event, `error`, with what a problem+json body has; the last line of NDJSON
//! is `{"error": ...}` then. So neither is ever taken for an end that the service meant.

use std::{convert::Infallible, sync::Arc};

use axum::body::{Body, Bytes};
use futures_util::{
    StreamExt as _,
    stream::{self, BoxStream, unfold},
};
use http::{HeaderMap, HeaderValue};
use platform::entropy::{Entropy, random_bytes};
use prost_reflect::Value;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    accept, answer,
    forward::{Begun, Origin},
    problem::Problem,
    received::Received,
};

/// The event of a message that has no field of the oneof that names events.
const UNNAMED: &str = "heartbeat";
/// A client that lost its stream comes back after this many milliseconds and up to as many more as [`SPREAD_MS`].
const RETRY_MS: u64 = 1_000;
/// So that the clients of a replica that ends do not all come at once.
const SPREAD_MS: u64 = 2_000;

/// How the messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `text/event-stream`.
    ServerSentEvents,
    /// `application/x-ndjson`.
    Lines,
}

impl Form {
    const OFFERS: [(&str, Self); 2] = [
        ("text/event-stream", Self::ServerSentEvents),
        ("application/x-ndjson", Self::Lines),
    ];

    /// The form that the client prefers; NOT_ACCEPTABLE if it takes neither.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        accept::preferred(headers, &Self::OFFERS).ok_or_else(|| {
            let [(events, _), (lines, _)] = Self::OFFERS;
            Problem::new("NOT_ACCEPTABLE", format!("there is only {events} and {lines}"))
        })
    }

    /// The Content-Type.
    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::ServerSentEvents => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        })
    }
}

/// What a stream needs to know of the request that it answers.
pub(crate) struct Context {
    pub(crate) form: Form,
    pub(crate) request_id: Arc<str>,
    /// Ends the stream as UNAVAILABLE: the client finds another replica.
    pub(crate) shutdown: CancellationToken,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// A body that writes messages as they come. A message is asked for when the client has taken the one before.
pub(crate) fn body(context: Context, begun: Begun) -> Body {
    let start = context.start();
    let reader = Reader {
        messages: stream::iter(begun.first.map(Ok)).chain(begun.rest).boxed(),
        origin: begun.origin,
        context,
    };
    let written = unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(written) => Some((written?, Some(reader))),
            Err(problem) => Some((reader.context.end(&problem), None)),
        }
    });
    let start = stream::iter(start).map(Bytes::from);
    Body::from_stream(start.chain(written.map(Bytes::from)).map(Ok::<_, Infallible>))
}

struct Reader {
    messages: BoxStream<'static, Result<Received, Status>>,
    origin: Origin,
    context: Context,
}

impl Reader {
    /// The next message as it is written; `None` at the end that the service meant.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let next = tokio::select! {
            biased;
            () = self.context.shutdown.cancelled() => {
                return Err(Problem::new("UNAVAILABLE", "the gateway is shutting down"));
            }
            next = self.messages.next() => next,
        };
        match next {
            None => Ok(None),
            Some(Err(status)) => Err(self.origin.explain(&status)),
            Some(Ok(message)) => {
                let json = answer::json(&self.origin.rpc, None, &message)?;
                Ok(Some(match self.context.form {
                    Form::Lines => line(&json),
                    Form::ServerSentEvents => {
                        event(self.name(&message).as_deref(), self.id(&message).as_deref(), &json)
                    }
                }))
            }
        }
    }

    /// The event's name, if the method's events have names.
    fn name(&self, message: &Received) -> Option<String> {
        let oneof = self.origin.rpc.events.name.as_ref()?;
        let set = oneof.fields().find(|field| message.has(field));
        Some(set.map_or_else(|| UNNAMED.to_owned(), |field| field.name().to_owned()))
    }

    /// The event's id. One that is empty leaves the client with the id that it has; one that no line can hold is left
    /// out, so that the client resumes from earlier.
    fn id(&self, message: &Received) -> Option<String> {
        let Some(Value::String(id)) = message.value(self.origin.rpc.events.id.as_ref()?) else {
            return None;
        };
        (!id.is_empty() && !id.contains(['\0', '\r', '\n'])).then_some(id)
    }
}

impl Context {
    /// What stands before the first message.
    fn start(&self) -> Option<String> {
        let retry = || format!("retry: {}\n\n", self.jittered(RETRY_MS));
        (self.form == Form::ServerSentEvents).then(retry)
    }

    /// What stands after the last message of a stream that ends early.
    fn end(&self, problem: &Problem) -> Vec<u8> {
        let json = problem.to_json(&self.request_id);
        if self.form == Form::Lines {
            return line(&[&b"{\"error\":"[..], &json, b"}"].concat());
        }
        let retry = problem.retry_delay().map(|delay| {
            let least = u64::try_from(delay.as_millis()).unwrap_or(RETRY_MS);
            format!("retry: {}\n", self.jittered(least.max(RETRY_MS)))
        });
        let mut written = retry.unwrap_or_default().into_bytes();
        written.extend(event(Some("error"), None, &json));
        written
    }

    fn jittered(&self, least: u64) -> u64 {
        least + u64::from(u16::from_le_bytes(random_bytes(&*self.entropy))) % SPREAD_MS
    }
}

/// A line of NDJSON. JSON texts hold no line breaks: within strings they are escaped.
fn line(json: &[u8]) -> Vec<u8> {
    [json, b"\n"].concat()
}

fn event(name: Option<&str>, id: Option<&str>, json: &[u8]) -> Vec<u8> {
    let mut event = Vec::with_capacity(json.len() + 64);
    for (field, value) in [("event", name), ("id", id)] {
        if let Some(value) = value {
            event.extend_from_slice(format!("{field}: {value}\n").as_bytes());
        }
    }
    event.extend_from_slice(b"data: ");
    event.extend_from_slice(json);
    event.extend_from_slice(b"\n\n");
    event
}
