//! Browser HTTP and JSON to gRPC, from the descriptors. No database, no signing keys, no business rule, and no
//! account or task by name: a new annotated RPC of a known package needs no line here.
//!
//! A request walks through the files in this order:
//!
//! 1. [`config`] — what the gateway is told; [`error`] — why it may refuse to start.
//! 2. `service` — all middleware in one function; `compression`, `decompression`; `request_head` — what every request must
//!    be; `probes` — `/livez`, `/readyz`; `documents` — its own
//!    pages: `pages` — the files of `web/`, `sent_text` — how scripts and styles are sent; `openapi` — the document of the routes.
//! 3. `routes` — the route table, read from `google.api.http`; `template` — one path pattern; `rpc` — what is called.
//! 4. `deadline`, `body` — how long the request may take, and what it carries, within limits; `upload` — what is
//!    passed on as it arrives.
//! 5. `binding` — path, query and body into one message; `json` (text to a tree), `json_message` (a tree to a
//!    message), `scalar` (one value from text), `field_path` (`task.id`), `update_mask` (what a PATCH changes),
//!    `nesting` (how deep messages may be in each other), `percent` (URI escapes).
//! 6. `conditions` — `If-Match`, `If-None-Match`; `idempotency` — `Idempotency-Key`; `resume` — `Last-Event-ID`;
//!    `preferences` — `Prefer`; `paging` — `Link`.
//! 7. `browser_sessions` — by what the call is made, where that is in `cookies`; `refreshes` — renewed once for all tabs;
//!    `cross_site`, `scheme`, `cors` — what other sites' pages may, and from where a session may begin.
//!    `grpc` — gRPC and gRPC-Web, which are passed on as they are.
//! 8. `upstreams`, `stream_channels`, `client`, `service_token`, `forward`, `codec` — where it goes, for whom, from whom,
//!    and the call itself;
//!    `retries` — made again where nothing answered;
//!    `received` — what comes back, made JSON by `json_writer`.
//! 9. `answer` — the success, as JSON; `raw_body` — as the bytes of `google.api.HttpBody`, streamed or not; `events` —
//!    as a stream of messages, in the form that `accept` finds; `outgoing` — until they are taken; `problem`, `error_table` — everything else, as
//!    problem+json; `security_headers`.
//!
//! Requests that stream anything but `google.api.HttpBody`, or that are answered with a stream, get no route.

pub mod config;
pub mod error;

mod accept;
mod answer;
mod binding;
mod body;
mod browser_sessions;
mod client;
mod codec;
mod compression;
mod conditions;
mod cookies;
mod cors;
mod cross_site;
mod deadline;
mod decompression;
mod documents;
mod error_table;
mod events;
mod field_path;
mod forward;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grpc;
mod idempotency;
mod json;
mod json_message;
mod json_writer;
mod nesting;
mod openapi;
mod outgoing;
mod pages;
mod paging;
mod percent;
mod preferences;
mod probes;
mod problem;
mod raw_body;
mod received;
mod refreshes;
mod request_head;
mod resume;
mod retries;
mod routes;
mod rpc;
mod scalar;
mod scheme;
mod security_headers;
mod sent_text;
mod service;
mod service_token;
mod stream_channels;
mod template;
#[cfg(test)]
mod testing;
mod update_mask;
mod upload;
mod upstreams;

pub use config::Config;
pub use error::StartError;

use platform::serving::{self, Protocol, Sockets};
use tokio_util::sync::CancellationToken;

/// Serves HTTP until the shutdown, then drains. Fails at once if the contracts have a route that cannot be
/// served; adds its checks (both services answer SERVING) to the configuration's readiness.
pub async fn serve(sockets: impl Into<Sockets>, config: Config, shutdown: CancellationToken) -> Result<(), StartError> {
    let service = service::http_service(config, shutdown.clone()).await?;
    serving::serve(sockets, service, Protocol::Any, shutdown).await;
    Ok(())
}
