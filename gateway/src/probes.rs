//! `/livez` and `/readyz`, for load balancers that see only the public listener.

use axum::body::Body;
use http::{HeaderValue, Method, Response, header::CONTENT_TYPE};
use platform::serving::Readiness;

use crate::problem::Problem;

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether the process runs.
    Alive,
    /// Whether both services serve.
    Ready,
}

impl Probe {
    /// The methods of both.
    pub(crate) const METHODS: [&'static Method; 1] = [&Method::GET];

    /// The probe at a path, if there is one.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/livez" => Some(Self::Alive),
            "/readyz" => Some(Self::Ready),
            _ => None,
        }
    }

    /// The answer. What exactly is not ready is told on the admin listener only.
    pub(crate) async fn answer(self, readiness: &Readiness) -> Result<Response<Body>, Problem> {
        let text = match self {
            Self::Alive => "alive\n",
            Self::Ready => {
                readiness.check().await.map_err(|wrong| {
                    tracing::debug!(?wrong, "not ready");
                    Problem::new("UNAVAILABLE", "not ready")
                })?;
                "ready\n"
            }
        };
        let mut response = Response::new(Body::from(text));
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, plain);
        Ok(response)
    }
}
