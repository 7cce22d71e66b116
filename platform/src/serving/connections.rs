//! Connections: accepted, bounded, drained.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::{HttpService, greeting::Greeted};

/// Requests in flight get this long to end once the shutdown has begun.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// The largest header section of a request, in bytes.
pub const MAX_HEADER_BYTES: u32 = 32 * 1024;
const MAX_CONNECTIONS: usize = 16_384;
const MAX_STREAMS_PER_CONNECTION: u32 = 256;
const MAX_RESET_STREAMS: usize = 64;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the first bytes of a connection, and for each header section of HTTP/1.1.
const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 with prior knowledge: gRPC.
    Http2,
    /// HTTP/1.1, and HTTP/2 with prior knowledge.
    Any,
}

/// The address of the connection's other end, among a request's extensions.
#[derive(Clone, Copy, Debug)]
pub struct PeerAddress(pub SocketAddr);

/// Serves until the shutdown, then drains: no new connection, GOAWAY on the open ones, and whatever still
/// runs after [`DRAIN_LIMIT`] is dropped.
pub async fn serve(listener: TcpListener, service: HttpService, protocol: Protocol, shutdown: CancellationToken) {
    let builder = Arc::new(connection_builder(protocol));
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    // No connection outlives this future, however it ends.
    let cut = CancellationToken::new();
    let _cut_at_the_end = cut.clone().drop_guard();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = async {
                // The semaphore is never closed; waiting for a place leaves new connections in the backlog.
                let place = places.clone().acquire_owned().await.ok();
                (listener.accept().await, place)
            } => accepted,
        };
        let (stream, address, place) = match accepted {
            (Ok((stream, address)), place) => (stream, address, place),
            (Err(error), _) => {
                // Out of file descriptors, most often: connections that end give some back.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_RETRY).await;
                continue;
            }
        };
        // Small answers leave at once; a socket that refuses this option is already gone.
        stream.set_nodelay(true).ok();
        let service = hyper::service::service_fn({
            let service = service.clone();
            move |request| answer(service.clone(), request, address)
        });
        let stream = TokioIo::new(Greeted::within(HEADER_READ_TIMEOUT, stream));
        let connection = graceful.watch(builder.serve_connection(stream, service).into_owned());
        let cut = cut.clone();
        tokio::spawn(async move {
            if let Some(Err(error)) = cut.run_until_cancelled(connection).await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = sleep(DRAIN_LIMIT) => tracing::warn!("connections still open at the drain limit were dropped"),
    }
}

async fn answer(
    mut service: HttpService,
    request: Request<Incoming>,
    address: SocketAddr,
) -> Result<http::Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(PeerAddress(address));
    std::future::poll_fn(|context| service.poll_ready(context)).await?;
    service.call(request).await
}

fn connection_builder(protocol: Protocol) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(MAX_RESET_STREAMS)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    match protocol {
        Protocol::Http2 => builder.http2_only(),
        Protocol::Any => builder,
    }
}
