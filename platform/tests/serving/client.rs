//! The client: calls written by hand.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Request, StatusCode, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use proto::task::v1::{GetTaskRequest, Task};
use tokio::net::TcpStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// A gRPC call, written by hand.
pub(crate) struct Call {
    path: &'static str,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Call {
    pub(crate) fn of(path: &'static str) -> Self {
        Self {
            path,
            headers: Vec::new(),
            body: Bytes::new(),
        }
        .message(&GetTaskRequest::default())
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn message(self, message: &impl prost::Message) -> Self {
        let bytes = message.encode_to_vec();
        let length = u32::try_from(bytes.len()).unwrap();
        self.frame(length, &bytes)
    }

    /// A frame that says a length and holds some bytes.
    pub(crate) fn frame(mut self, length: u32, bytes: &[u8]) -> Self {
        self.body = [&[0], &length.to_be_bytes()[..], bytes].concat().into();
        self
    }

    fn into_request(self) -> Request<Full<Bytes>> {
        let mut request = Request::post(format!("http://test{}", self.path))
            .version(Version::HTTP_2)
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body)).unwrap()
    }
}

/// One HTTP/2 connection.
#[derive(Clone)]
pub(crate) struct Client(SendRequest<Full<Bytes>>);

pub(crate) async fn connect(address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(1 << 20)
        .handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    Client(sender)
}

impl Client {
    /// The whole answer; an error if the connection broke.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, hyper::Error> {
        let response = self.0.clone().send_request(call.into_request()).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            trailers,
            body: body.to_bytes(),
        })
    }

    pub(crate) async fn answer(&self, call: Call) -> Answer {
        self.call(call).await.unwrap()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) trailers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn grpc_status(&self) -> Status {
        Status::from_header_map(&self.trailers)
            .or_else(|| Status::from_header_map(&self.headers))
            .expect("every answer has a grpc-status")
    }

    /// Code and reason, after a look at the form that every error has.
    fn error(&self) -> (Code, String) {
        let status = self.grpc_status();
        assert_eq!(self.status, StatusCode::OK, "gRPC errors are HTTP successes");
        let information = status.get_error_details().error_info().cloned();
        let information = information.unwrap_or_else(|| panic!("{status:?} has no ErrorInfo"));
        assert_eq!(information.domain, "holdfast");
        (status.code(), information.reason)
    }

    #[track_caller]
    pub(crate) fn is(&self, code: Code, reason: &str) {
        assert_eq!(self.error(), (code, reason.to_owned()));
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) -> Task {
        assert_eq!(self.grpc_status().code(), Code::Ok, "{:?}", self.grpc_status());
        Task::decode(&self.body[5..]).unwrap()
    }
}
