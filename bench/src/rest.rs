//! Calls over HTTP/1.1 and JSON, one at a time on each connection.

use std::{error::Error, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response,
    header::{CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, sync::Mutex};

/// A connection. Clones share it.
#[derive(Clone)]
pub(crate) struct RestClient {
    connection: Arc<Mutex<SendRequest<Full<Bytes>>>>,
    headers: HeaderMap,
}

impl RestClient {
    /// Connects to `127.0.0.1:8080`, for somebody.
    pub(crate) async fn connect(address: &str, bearer: &str) -> Result<Self, Box<dyn Error>> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // It ends with the sender.
        tokio::spawn(connection);
        let client = Self {
            connection: Arc::new(Mutex::new(sender)),
            headers: HeaderMap::from_iter([
                (HOST, HeaderValue::from_static("localhost")),
                (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            ]),
        };
        if bearer.is_empty() {
            return Ok(client);
        }
        client.with_header("authorization", bearer)
    }

    /// The same, with one more header.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Result<Self, Box<dyn Error>> {
        self.headers.insert(name, value.parse()?);
        Ok(self)
    }

    /// The body of an answer; anything but success is an error.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Bytes, Box<dyn Error>> {
        Ok(self.answer(method, path, body).await?.into_body())
    }

    /// An answer; anything but success is an error.
    pub(crate) async fn answer(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Response<Bytes>, Box<dyn Error>> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse()?;
        *request.headers_mut() = self.headers.clone();
        let mut connection = self.connection.lock().await;
        connection.ready().await?;
        let (head, body) = connection.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        if head.status.is_success() {
            return Ok(Response::from_parts(head, body));
        }
        Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)).into())
    }
}
