//! What a route calls: one method, with what its options say.

use std::num::NonZeroU32;

use http::{StatusCode, uri::PathAndQuery};
use platform::access;
use prost_reflect::{DescriptorPool, MethodDescriptor};

use crate::{error::StartError, field_path::FieldPath};

/// What the gateway calls.
#[derive(Debug)]
pub(crate) struct Rpc {
    /// The method as declared.
    pub(crate) method: MethodDescriptor,
    /// `/package.Service/Method`.
    pub(crate) path: PathAndQuery,
    /// Which upstream serves it.
    pub(crate) upstream: usize,
    /// The status of a success.
    pub(crate) success_status: StatusCode,
    /// The template of the Location header of a success, with fields of the response.
    pub(crate) location: Option<String>,
    /// The field of the request that an If-Match header sets.
    pub(crate) etag_field: Option<FieldPath>,
    /// The field of the request that an Idempotency-Key header sets.
    pub(crate) request_id_field: Option<FieldPath>,
    /// The fields that a PUT replaces, by commas; empty: there is no such PUT.
    pub(crate) put_mask: String,
    /// The scope that a caller needs; empty: none.
    pub(crate) scope: String,
    /// For how long anyone may keep a success, in seconds; `None`: not at all.
    pub(crate) cache_seconds: Option<NonZeroU32>,
    /// What a success is made of.
    pub(crate) answers: Answers,
}

/// What a success is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A message, written as JSON.
    Json,
    /// A `google.api.HttpBody`: its bytes, of the type it says.
    Raw,
    /// A stream of them: the bytes one after the other, of the type that the first one says.
    RawStream,
}

impl Answers {
    /// What a method's answer is over HTTP; `None` if HTTP cannot carry the method.
    pub(crate) fn of(method: &MethodDescriptor) -> Option<Self> {
        let is_raw = method.output().full_name() == "google.api.HttpBody";
        match (method.is_client_streaming(), method.is_server_streaming(), is_raw) {
            (false, false, false) => Some(Self::Json),
            (false, false, true) => Some(Self::Raw),
            (false, true, true) => Some(Self::RawStream),
            (false, true, false) | (true, ..) => None,
        }
    }
}

impl Rpc {
    /// What `holdfast.options.v1.method` and the method's own options say of a method.
    pub(crate) fn read(
        pool: &DescriptorPool,
        method: &MethodDescriptor,
        upstream: usize,
        answers: Answers,
    ) -> Result<Self, StartError> {
        const NO_SIDE_EFFECTS: i32 = 1;
        const PUBLIC: i32 = 1;
        let rules = access::method_rules(pool, method);
        let rule = |name: &str| rules.as_ref().and_then(|rules| rules.get_field_by_name(name));
        let text = |name: &str| {
            rule(name)
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        let refuse = |problem: String| StartError::Route {
            method: method.full_name().to_owned(),
            pattern: String::new(),
            problem,
        };

        let status = rule("success_status").and_then(|status| status.as_i32()).unwrap_or(0);
        let success_status = match status {
            0 => StatusCode::OK,
            status => u16::try_from(status)
                .ok()
                .and_then(|status| StatusCode::from_u16(status).ok())
                .filter(StatusCode::is_success)
                .ok_or_else(|| refuse(format!("{status} is not the status of a success")))?,
        };
        let location = text("location");
        for field in fields_of_location(&location) {
            if FieldPath::resolve(&method.output(), field).is_none() {
                return Err(refuse(format!(
                    "the location names {field}, which the response does not have"
                )));
            }
        }
        let field = |rule: &str| match text(rule).as_str() {
            "" => Ok(None),
            name => FieldPath::single(&method.input(), name)
                .map(Some)
                .ok_or_else(|| refuse(format!("the {rule}, {name}, is not a field of the request"))),
        };
        let (etag_field, request_id_field) = (field("etag_field")?, field("request_id_field")?);
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let has_no_side_effects = method
            .options()
            .get_field_by_name("idempotency_level")
            .and_then(|level| level.as_enum_number())
            == Some(NO_SIDE_EFFECTS);
        let is_public = rule("access").and_then(|access| access.as_enum_number()) == Some(PUBLIC);
        let seconds = rule("cache_seconds").and_then(|seconds| seconds.as_i32()).unwrap_or(0);
        let cache_seconds = u32::try_from(seconds).map(NonZeroU32::new).map_err(|_| {
            refuse(format!(
                "{seconds} is not a number of seconds for which to keep an answer"
            ))
        })?;
        // A stream's hash would be known only at its end.
        let may_be_kept = is_public && has_no_side_effects && answers != Answers::RawStream;
        if cache_seconds.is_some() && !may_be_kept {
            let whose = "only the answer of a public method without side effects, and no stream, may be kept";
            return Err(refuse(whose.to_owned()));
        }
        Ok(Self {
            path: PathAndQuery::try_from(path).map_err(|error| refuse(error.to_string()))?,
            method: method.clone(),
            upstream,
            success_status,
            location: Some(location).filter(|location| !location.is_empty()),
            etag_field,
            request_id_field,
            put_mask: text("put_mask"),
            scope: text("scope"),
            cache_seconds,
            answers,
        })
    }
}

impl Rpc {
    /// Why the gateway refuses to start: something about the method as a whole.
    pub(crate) fn refuse(&self, problem: &str) -> StartError {
        StartError::Route {
            method: self.method.full_name().to_owned(),
            pattern: String::new(),
            problem: problem.to_owned(),
        }
    }
}

/// The fields that a Location template names.
pub(crate) fn fields_of_location(location: &str) -> impl Iterator<Item = &str> {
    location.split('{').skip(1).filter_map(|part| part.split('}').next())
}
