//! Connections: accepted, bounded, drained.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::body::Body;
use futures_util::future::join_all;
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tower::{BoxError, Service as _};

use super::{HttpService, Sockets, greeting::Greeted, sockets::Socket, unread::Unread};
use crate::{gathering::Gathering, tls::ServerTls};

/// Requests in flight get this long to end once the shutdown has begun.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// The largest header section of a request, in bytes.
pub const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Where HTTP is served a larger one is read too, so that the service can say in its own form why it is refused.
const READ_HEADER_BYTES: u32 = 2 * MAX_HEADER_BYTES;
const MAX_CONNECTIONS: usize = 16_384;
const MAX_STREAMS_PER_CONNECTION: u32 = 256;
const MAX_RESET_STREAMS: usize = 64;
/// On a connection of gRPC the callers of a whole gateway come together, and some of them give up.
const MAX_RESET_STREAMS_OF_MANY: usize = 4096;
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the handshake of TLS, for the first bytes of HTTP, and for each header section of HTTP/1.1.
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

/// Among the extensions of a request that came over TLS.
#[derive(Clone, Copy, Debug)]
pub struct OverTls;

/// Serves until the shutdown, then drains: no new connection, GOAWAY on the open ones, and whatever still
/// runs after [`DRAIN_LIMIT`] is dropped. Each socket has its own limit of connections.
pub async fn serve(sockets: impl Into<Sockets>, service: HttpService, protocol: Protocol, shutdown: CancellationToken) {
    let sockets = sockets.into().into_iter();
    join_all(sockets.map(|socket| serve_socket(socket, service.clone(), protocol, &shutdown))).await;
}

async fn serve_socket(socket: Socket, service: HttpService, protocol: Protocol, shutdown: &CancellationToken) {
    let Socket { listener, tls } = socket;
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
        let connection = Connection {
            builder: builder.clone(),
            service: service.clone(),
            address,
            is_over_tls: tls.is_some(),
            drained: graceful.watcher(),
        };
        let (tls, shutdown, cut) = (tls.clone(), shutdown.clone(), cut.clone());
        let task = async move {
            let served = async {
                match tls {
                    None => connection.serve(stream).await,
                    Some(tls) => {
                        // Nothing was asked for yet: a drain does not wait.
                        let shaken = shutdown.run_until_cancelled(shake_hands(&tls, stream)).await;
                        connection.serve(shaken.ok_or("shutting down")??).await
                    }
                }
            };
            if let Some(Err(error)) = cut.run_until_cancelled(served).await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(place);
        };
        match protocol {
            // Many calls share it, and their answers what is written.
            Protocol::Http2 => tokio::spawn(Gathering::new(Box::pin(task))),
            Protocol::Any => tokio::spawn(task),
        };
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = sleep(DRAIN_LIMIT) => tracing::warn!("connections still open at the drain limit were dropped"),
    }
}

async fn shake_hands(tls: &ServerTls, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    timeout(HEADER_READ_TIMEOUT, tls.acceptor().accept(stream)).await?
}

/// A connection, before anything is known of it.
struct Connection {
    builder: Arc<auto::Builder<TokioExecutor>>,
    service: HttpService,
    address: SocketAddr,
    is_over_tls: bool,
    drained: Watcher,
}

impl Connection {
    async fn serve<S>(self, stream: S) -> Result<(), BoxError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(PeerAddress(self.address));
            if self.is_over_tls {
                request.extensions_mut().insert(OverTls);
            }
            answer(self.service.clone(), request)
        });
        let stream = TokioIo::new(Greeted::within(HEADER_READ_TIMEOUT, stream));
        let connection = self.builder.serve_connection(stream, service).into_owned();
        self.drained.watch(connection).await
    }
}

async fn answer(mut service: HttpService, request: Request<Body>) -> Result<http::Response<Body>, Infallible> {
    std::future::poll_fn(|context| service.poll_ready(context)).await?;
    let (request, unread) = Unread::of(request);
    let answer = service.call(request).await?;
    unread.after(&answer).discard().await;
    Ok(answer)
}

fn connection_builder(protocol: Protocol) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let (resets, header_bytes) = match protocol {
        Protocol::Http2 => (MAX_RESET_STREAMS_OF_MANY, MAX_HEADER_BYTES),
        Protocol::Any => (MAX_RESET_STREAMS, READ_HEADER_BYTES),
    };
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS_PER_CONNECTION)
        .max_header_list_size(header_bytes)
        .max_pending_accept_reset_streams(resets)
        .max_local_error_reset_streams(resets)
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_READ_TIMEOUT)
        .max_buf_size(header_bytes as usize);
    match protocol {
        Protocol::Http2 => builder.http2_only(),
        Protocol::Any => builder,
    }
}
