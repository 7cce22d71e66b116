//! A client of what speaks HTTP: the gateway, an admin listener.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::time::timeout;

/// Longer than anything that is answered in order.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Rest {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Rest {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
    }

    pub(crate) async fn get(&self, path: &str, access_token: Option<&str>) -> Answer {
        let authorization = access_token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", &**value)).collect();
        self.send(Method::GET, path, &headers, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [headers, &[(header::CONTENT_TYPE.as_str(), "application/json")]].concat();
        self.send(Method::POST, path, &headers, body.to_string().into()).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let sent = self.client.request(request.body(Full::from(body)).unwrap());
        let response = timeout(DEADLINE, sent).await.unwrap().unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = timeout(DEADLINE, response.into_body().collect()).await.unwrap();
        let text = String::from_utf8(body.unwrap().to_bytes().into()).unwrap();
        Answer { status, headers, text }
    }
}

impl Answer {
    /// What a problem names as its reason.
    pub(crate) fn reason(&self) -> Option<String> {
        let problem: Value = serde_json::from_str(&self.text).ok()?;
        problem["reason"].as_str().map(str::to_owned)
    }
}
