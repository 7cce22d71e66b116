//! What the fuzz targets (`fuzz/`) reach that is private. Compiled with `--cfg fuzzing` only, which cargo-fuzz sets.

use http::{Method, Uri};
use prost::bytes::Bytes;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use crate::{
    binding,
    json_writer::JsonWriter,
    problem::Problem,
    received::Received,
    routes::{Found, RouteTable},
};

/// Writes the messages of one type as JSON.
pub struct Writer {
    message: MessageDescriptor,
    writer: JsonWriter,
}

impl Writer {
    /// A writer for messages of this type.
    pub fn new(message: MessageDescriptor) -> Self {
        let writer = JsonWriter::new(&message);
        Self { message, writer }
    }

    /// A message in one pass over the wire; `None` if reflection must write it.
    pub fn in_one_pass(&self, wire: &[u8]) -> Option<Vec<u8>> {
        self.writer.write(wire)
    }

    /// A message by reflection; `None` if it does not decode or has no JSON form.
    pub fn by_reflection(&self, wire: &[u8]) -> Option<Vec<u8>> {
        json(&self.message, None, wire)
    }

    /// A message as it is answered; `None` if it does not decode or has no JSON form.
    pub fn answer(&self, wire: &[u8]) -> Option<Vec<u8>> {
        json(&self.message, Some(&self.writer), wire)
    }
}

fn json(message: &MessageDescriptor, writer: Option<&JsonWriter>, wire: &[u8]) -> Option<Vec<u8>> {
    let received = Received::new(message, writer, Bytes::copy_from_slice(wire)).ok()?;
    Some(received.json().ok()?.to_vec())
}

/// Why a request was refused.
#[derive(Debug)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The machine reason.
    pub reason: String,
    /// One sentence, or several.
    pub detail: String,
    /// The fields at fault, and what is wrong with each.
    pub fields: Vec<(String, String)>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let fields = problem.violations.into_iter();
        Self {
            status: problem.status.as_u16(),
            reason: problem.reason,
            detail: problem.detail,
            fields: fields
                .map(|violation| (violation.field, violation.description))
                .collect(),
        }
    }
}

/// The routes of a contract.
pub struct Routes(RouteTable);

impl Routes {
    /// Of all services in the pool.
    pub fn read(pool: &DescriptorPool) -> Result<Self, crate::StartError> {
        RouteTable::read(pool, |_| Some(0)).map(Self)
    }

    /// The request message of a call, such as `GET /v1/tasks?pageSize=1`; `None` if that has no route or is an upload.
    pub fn bind(&self, line: &str, body: &[u8]) -> Option<Result<DynamicMessage, Refused>> {
        let (method, uri) = line.split_once(' ')?;
        let (method, uri): (Method, Uri) = (method.parse().ok()?, uri.parse().ok()?);
        let Found::Route(route, segments) = self.0.find(&method, uri.path()) else {
            return None;
        };
        if route.rpc.max_upload.is_some() {
            return None;
        }
        Some(binding::bind(route, &segments, uri.query(), body).map_err(Refused::from))
    }
}
