//! What a route calls: one method, with what its options say.

use std::{num::NonZeroU32, sync::Arc};

use http::{StatusCode, uri::PathAndQuery};
use platform::{access, serving::MAX_MESSAGE_BYTES};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, OneofDescriptor};

use crate::{error::StartError, field_path::FieldPath, json_writer::JsonWriter, paging};

/// `ACCESS_PUBLIC` of `holdfast.options.v1.Access`.
const PUBLIC: i32 = 1;

/// `google.protobuf.MethodOptions.IdempotencyLevel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idempotency {
    Unknown,
    NoSideEffects,
    Idempotent,
}

/// What the gateway calls.
#[derive(Debug)]
pub(crate) struct Rpc {
    /// The method as declared.
    pub(crate) method: MethodDescriptor,
    /// `/package.Service/Method`.
    pub(crate) path: PathAndQuery,
    /// Which upstream serves it.
    pub(crate) upstream: usize,
    /// Whether a call that may have arrived can be made again (`idempotency_level`).
    idempotency: Idempotency,
    /// The status of a success.
    pub(crate) success_status: StatusCode,
    /// The template of the Location header of a success, with fields of the response.
    pub(crate) location: Option<String>,
    /// The field of the request that an If-Match header sets.
    pub(crate) etag_field: Option<FieldPath>,
    /// The field of the request that an If-None-Match header sets.
    pub(crate) known_etag_field: Option<FieldPath>,
    /// The field of the request that an Idempotency-Key header sets.
    pub(crate) request_id_field: Option<FieldPath>,
    /// The field of a request that asks only whether it would succeed (AIP-163).
    pub(crate) validate_only: Option<FieldPath>,
    /// The fields that a PUT replaces, by commas; empty: there is no such PUT.
    pub(crate) put_mask: String,
    /// The largest body, in bytes, if the request is a stream of `google.api.HttpBody`; else the request is a message.
    pub(crate) max_upload: Option<usize>,
    /// What its events are, if it answers with [`Answers::Events`].
    pub(crate) events: EventRules,
    /// Whether it takes a person's credential.
    pub(crate) needs_user: bool,
    /// The scope that a caller needs; empty: none.
    pub(crate) scope: String,
    /// For how long anyone may keep a success, in seconds; `None`: not at all.
    pub(crate) cache_seconds: Option<NonZeroU32>,
    /// What a success is made of.
    pub(crate) answers: Answers,
    /// Writes the messages of its answers, if they become JSON.
    pub(crate) json: Option<Arc<JsonWriter>>,
    /// The field of the response that is the entity tag.
    pub(crate) etag: Option<FieldPath>,
    /// The field of the response that has the token of the next page of a list.
    pub(crate) next_page_token: Option<FieldPath>,
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
    /// A stream of other messages: each is an event, or a line.
    Events,
}

/// What the messages of a stream are as Server-Sent Events.
#[derive(Debug, Default)]
pub(crate) struct EventRules {
    /// The oneof of the response whose set field names an event.
    pub(crate) name: Option<OneofDescriptor>,
    /// The field of the response that is the event's id.
    pub(crate) id: Option<FieldPath>,
    /// The field of the request that a Last-Event-ID header sets.
    pub(crate) resume: Option<FieldPath>,
}

impl Answers {
    /// What a method's answer is over HTTP; `None` if HTTP cannot carry the method.
    pub(crate) fn of(method: &MethodDescriptor) -> Option<Self> {
        let takes_messages = method.is_client_streaming();
        if takes_messages && (method.is_server_streaming() || !is_raw(&method.input())) {
            return None;
        }
        Some(match (method.is_server_streaming(), is_raw(&method.output())) {
            (false, false) => Self::Json,
            (false, true) => Self::Raw,
            (true, true) => Self::RawStream,
            (true, false) => Self::Events,
        })
    }
}

/// A text field of a message, by name.
fn text_of(message: &MessageDescriptor, name: &str) -> Option<FieldPath> {
    FieldPath::single(message, name).filter(|field| field.leaf().kind() == Kind::String)
}

/// Whether messages of this type are bytes of a type of their own.
pub(crate) fn is_raw(message: &MessageDescriptor) -> bool {
    message.full_name() == "google.api.HttpBody"
}

impl Rpc {
    /// What `holdfast.options.v1.method` and the method's own options say of a method.
    pub(crate) fn read(
        pool: &DescriptorPool,
        method: &MethodDescriptor,
        upstream: usize,
        answers: Answers,
    ) -> Result<Self, StartError> {
        let rules = Rules {
            method,
            rules: access::method_rules(pool, method),
        };
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        Ok(Self {
            path: PathAndQuery::try_from(path).map_err(|error| rules.refuse(error.to_string()))?,
            method: method.clone(),
            upstream,
            idempotency: rules.idempotency(),
            success_status: rules.success_status()?,
            location: rules.location()?,
            etag_field: rules.text_field("etag_field", &method.input())?,
            known_etag_field: rules.known_etag_field()?,
            request_id_field: rules.text_field("request_id_field", &method.input())?,
            validate_only: FieldPath::single(&method.input(), "validate_only")
                .filter(|field| field.leaf().kind() == Kind::Bool),
            put_mask: rules.text("put_mask"),
            max_upload: rules.max_upload()?,
            events: rules.events(answers)?,
            needs_user: rules.number("access") != PUBLIC,
            scope: rules.text("scope"),
            cache_seconds: rules.cache_seconds(answers)?,
            answers,
            json: matches!(answers, Answers::Json | Answers::Events)
                .then(|| Arc::new(JsonWriter::new(&method.output()))),
            etag: text_of(&method.output(), "etag"),
            next_page_token: text_of(&method.output(), paging::NEXT_PAGE_TOKEN),
        })
    }

    /// Whether a call with this message, which may have arrived, can be made again and comes to the same. Not if it asks for
    /// a version, which the first may have changed.
    pub(crate) fn may_be_repeated(&self, message: &DynamicMessage) -> bool {
        let etag = self.etag_field.as_ref().and_then(|field| field.get(message));
        match self.idempotency {
            Idempotency::Unknown => false,
            Idempotency::NoSideEffects => true,
            Idempotency::Idempotent => etag.is_none_or(|etag| etag.as_str().is_none_or(str::is_empty)),
        }
    }

    /// Whether a call with this message only asks whether it would succeed.
    pub(crate) fn only_validates(&self, message: &DynamicMessage) -> bool {
        let asked = self.validate_only.as_ref().and_then(|field| field.get(message));
        asked.is_some_and(|asked| asked.as_bool() == Some(true))
    }

    /// Why the gateway refuses to start: something about the method as a whole.
    pub(crate) fn refuse(&self, problem: &str) -> StartError {
        refuse(&self.method, problem.to_owned())
    }
}

/// The `holdfast.options.v1.MethodRules` of a method.
struct Rules<'a> {
    method: &'a MethodDescriptor,
    rules: Option<DynamicMessage>,
}

impl Rules<'_> {
    fn text(&self, rule: &str) -> String {
        let value = self.rules.as_ref().and_then(|rules| rules.get_field_by_name(rule));
        value
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    fn number(&self, rule: &str) -> i32 {
        let value = self.rules.as_ref().and_then(|rules| rules.get_field_by_name(rule));
        value
            .and_then(|value| value.as_i32().or_else(|| value.as_enum_number()))
            .unwrap_or(0)
    }

    /// The string field that a rule names.
    fn text_field(&self, rule: &str, message: &MessageDescriptor) -> Result<Option<FieldPath>, StartError> {
        match self.text(rule).as_str() {
            "" => Ok(None),
            name => FieldPath::single(message, name)
                .filter(|path| path.leaf().kind() == Kind::String)
                .map(Some)
                .ok_or_else(|| {
                    let message = message.name();
                    self.refuse(format!("the {rule}, {name}, is not a string field of {message}"))
                }),
        }
    }

    fn idempotency(&self) -> Idempotency {
        let options = self.method.options();
        let level = options.get_field_by_name("idempotency_level");
        match level.and_then(|level| level.as_enum_number()) {
            Some(1) => Idempotency::NoSideEffects,
            Some(2) => Idempotency::Idempotent,
            _ => Idempotency::Unknown,
        }
    }

    fn known_etag_field(&self) -> Result<Option<FieldPath>, StartError> {
        let field = self.text_field("known_etag_field", &self.method.input())?;
        if field.is_some() && text_of(&self.method.output(), "etag").is_none() {
            return Err(self.refuse("a known_etag_field is for a response with an etag".to_owned()));
        }
        Ok(field)
    }

    fn success_status(&self) -> Result<StatusCode, StartError> {
        match self.number("success_status") {
            0 => Ok(StatusCode::OK),
            status => u16::try_from(status)
                .ok()
                .and_then(|status| StatusCode::from_u16(status).ok())
                .filter(StatusCode::is_success)
                .ok_or_else(|| self.refuse(format!("{status} is not the status of a success"))),
        }
    }

    fn location(&self) -> Result<Option<String>, StartError> {
        let location = self.text("location");
        let unknown = fields_of_location(&location)
            .find(|field| FieldPath::resolve(&self.method.output(), field).is_none())
            .map(|field| format!("the location names {field}, which the response does not have"));
        match unknown {
            Some(unknown) => Err(self.refuse(unknown)),
            None => Ok(Some(location).filter(|location| !location.is_empty())),
        }
    }

    fn cache_seconds(&self, answers: Answers) -> Result<Option<NonZeroU32>, StartError> {
        let has_no_side_effects = self.idempotency() == Idempotency::NoSideEffects;
        let seconds = self.number("cache_seconds");
        let cache_seconds = u32::try_from(seconds).map(NonZeroU32::new).map_err(|_| {
            self.refuse(format!(
                "{seconds} is not a number of seconds for which to keep an answer"
            ))
        })?;
        // A stream's hash would be known only at its end.
        let is_whole = matches!(answers, Answers::Json | Answers::Raw);
        if cache_seconds.is_some() && !(is_whole && has_no_side_effects && self.number("access") == PUBLIC) {
            let whose = "only the answer of a public method without side effects, and no stream, may be kept";
            return Err(self.refuse(whose.to_owned()));
        }
        Ok(cache_seconds)
    }

    fn max_upload(&self) -> Result<Option<usize>, StartError> {
        let given = self.number("max_body_bytes");
        if !self.method.is_client_streaming() {
            return match given {
                0 => Ok(None),
                _ => Err(self.refuse("only an upload has max_body_bytes; any other body is a message".to_owned())),
            };
        }
        if ["etag_field", "request_id_field"]
            .iter()
            .any(|rule| !self.text(rule).is_empty())
        {
            return Err(self.refuse("an upload has no field for a header".to_owned()));
        }
        match usize::try_from(given) {
            Ok(0) => Ok(Some(MAX_MESSAGE_BYTES)),
            Ok(bytes) => Ok(Some(bytes)),
            Err(_) => Err(self.refuse(format!("{given} is not a number of bytes"))),
        }
    }

    fn events(&self, answers: Answers) -> Result<EventRules, StartError> {
        let (input, output) = (self.method.input(), self.method.output());
        let name = self.text("event_oneof");
        let events = EventRules {
            name: output
                .oneofs()
                .find(|oneof| oneof.name() == name && !oneof.is_synthetic()),
            id: self.text_field("event_id_field", &output)?,
            resume: self.text_field("resume_field", &input)?,
        };
        if !name.is_empty() && events.name.is_none() {
            return Err(self.refuse(format!("the event_oneof, {name}, is not a oneof of the response")));
        }
        if answers == Answers::Events {
            // The last event, or line, of a stream that ends early.
            return match output.fields().find(|field| field.json_name() == "error") {
                Some(_) => Err(self.refuse("a field named error could be taken for the end of the stream".to_owned())),
                None => Ok(events),
            };
        }
        if events.name.is_some() || events.id.is_some() || events.resume.is_some() {
            return Err(self.refuse("only a stream of messages has events".to_owned()));
        }
        Ok(events)
    }

    fn refuse(&self, problem: String) -> StartError {
        refuse(self.method, problem)
    }
}

fn refuse(method: &MethodDescriptor, problem: String) -> StartError {
    StartError::Route {
        method: method.full_name().to_owned(),
        pattern: String::new(),
        problem,
    }
}

/// The fields that a Location template names.
pub(crate) fn fields_of_location(location: &str) -> impl Iterator<Item = &str> {
    location.split('{').skip(1).filter_map(|part| part.split('}').next())
}
