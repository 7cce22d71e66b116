//! The admin listener: `/livez`, `/readyz` and `/metrics`. Never public.

use std::{io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::util::BoxCloneSyncService;

use super::{Protocol, Readiness, serve};
use crate::metrics::{self, Metrics};

const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves the admin listener until the shutdown.
pub async fn serve_admin(listener: TcpListener, readiness: Readiness, metrics: Metrics, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .with_state(readiness)
        .route("/metrics", get(read_metrics))
        .with_state(metrics);
    serve(listener, BoxCloneSyncService::new(router), Protocol::Any, shutdown).await;
}

async fn read_metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.text())
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, String) {
    match readiness.check().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(wrong) => (StatusCode::SERVICE_UNAVAILABLE, wrong.join("\n") + "\n"),
    }
}

/// Asks an admin listener whether its process is ready: what it answered, or why it could not be asked.
pub async fn probe(address: SocketAddr) -> io::Result<bool> {
    let asked = async {
        let mut connection = TcpStream::connect(address).await?;
        connection
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = String::new();
        connection.take(8192).read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200 "))
    };
    timeout(PROBE_TIMEOUT, asked).await?
}
