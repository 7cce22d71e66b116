//! The route table: every method with a `google.api.http` annotation that HTTP can carry, read from the
//! descriptors. Requests that stream have no route, nor have streams of anything but `google.api.HttpBody`.

use std::{collections::HashMap, num::NonZeroU32, sync::Arc};

use http::{Method, StatusCode, uri::PathAndQuery};
use platform::access;
use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, Value,
};

use crate::{error::StartError, field_path::FieldPath, template::Template, update_mask};

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

/// Where the body of a request goes.
#[derive(Debug)]
pub(crate) enum BodyRule {
    /// The method takes none.
    None,
    /// It is the request message, but for what the path binds.
    Whole,
    /// It is one field of the request message.
    Field(FieldDescriptor),
}

/// One way to call a method over HTTP.
#[derive(Debug)]
pub(crate) struct Route {
    /// The HTTP method.
    pub(crate) http_method: Method,
    /// The path.
    pub(crate) template: Template,
    /// The field that each variable of the path binds, in the order of [`Template::variables`].
    pub(crate) bound: Vec<FieldPath>,
    /// Where the body goes.
    pub(crate) body: BodyRule,
    /// The field that the answer consists of, if it is not the whole response.
    pub(crate) response_body: Option<FieldDescriptor>,
    /// The mask that is made from the body's keys: on PATCH only.
    pub(crate) mask: Option<FieldDescriptor>,
    /// What is called.
    pub(crate) rpc: Arc<Rpc>,
}

/// All routes, the more specific first.
#[derive(Debug)]
pub(crate) struct RouteTable {
    routes: Vec<Route>,
}

/// What the table knows of a request.
#[derive(Debug)]
pub(crate) enum Found<'table, 'path> {
    /// A route, and the segments of the path.
    Route(&'table Route, Vec<&'path str>),
    /// The path is known, the method is not; these are.
    OtherMethods(Vec<&'table Method>),
    /// No route has such a path.
    Nothing,
}

impl RouteTable {
    /// Reads the annotations of all services in the pool. `upstream` finds who serves a service by its full name.
    pub(crate) fn read(pool: &DescriptorPool, upstream: impl Fn(&str) -> Option<usize>) -> Result<Self, StartError> {
        let mut routes = Vec::new();
        let annotation = pool.get_extension_by_name("google.api.http");
        for method in pool
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            let options = method.options();
            let Some(annotation) = annotation
                .as_ref()
                .filter(|annotation| options.has_extension(annotation))
            else {
                continue;
            };
            let Some(answers) = answers(&method) else { continue };
            let upstream = upstream(method.parent_service().full_name()).ok_or_else(|| StartError::NoUpstream {
                method: method.full_name().to_owned(),
            })?;
            let rpc = Arc::new(rpc(pool, &method, upstream, answers)?);
            let rules = options.get_extension(annotation);
            let Some(rule) = rules.as_message() else { continue };
            for rule in std::iter::once(rule).chain(additional(rule).iter().filter_map(Value::as_message)) {
                routes.push(route(&rpc, rule)?);
            }
        }
        refuse_ambiguous(&routes)?;
        routes.sort_by_cached_key(|route| route.template.specificity());
        Ok(Self { routes })
    }

    /// The route of a request. A path that ends in a known verb is that verb's alone; `HEAD` is answered as `GET`.
    pub(crate) fn find<'path>(&self, method: &Method, path: &'path str) -> Found<'_, 'path> {
        let mut matching: Vec<_> = self
            .routes
            .iter()
            .filter_map(|route| route.template.matches(path).map(|segments| (route, segments)))
            .collect();
        if matching.iter().any(|(route, _)| route.template.has_verb()) {
            matching.retain(|(route, _)| route.template.has_verb());
        }
        let wanted = if *method == Method::HEAD { &Method::GET } else { method };
        if let Some(index) = matching.iter().position(|(route, _)| route.http_method == *wanted) {
            let (route, segments) = matching.swap_remove(index);
            return Found::Route(route, segments);
        }
        if matching.is_empty() {
            return Found::Nothing;
        }
        Found::OtherMethods(matching.iter().map(|(route, _)| &route.http_method).collect())
    }

    /// All routes.
    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }
}

/// What a method's answer is over HTTP; `None` if HTTP cannot carry the method.
fn answers(method: &MethodDescriptor) -> Option<Answers> {
    let is_raw = method.output().full_name() == "google.api.HttpBody";
    match (method.is_client_streaming(), method.is_server_streaming(), is_raw) {
        (false, false, false) => Some(Answers::Json),
        (false, false, true) => Some(Answers::Raw),
        (false, true, true) => Some(Answers::RawStream),
        (false, true, false) | (true, ..) => None,
    }
}

/// What `holdfast.options.v1.method` and the method's own options say.
fn rpc(pool: &DescriptorPool, method: &MethodDescriptor, upstream: usize, answers: Answers) -> Result<Rpc, StartError> {
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
    let etag_field = match text("etag_field").as_str() {
        "" => None,
        name => Some(
            bindable(&method.input(), name)
                .ok_or_else(|| refuse(format!("the etag, {name}, is not a field of the request")))?,
        ),
    };
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
    Ok(Rpc {
        path: PathAndQuery::try_from(path).map_err(|error| refuse(error.to_string()))?,
        method: method.clone(),
        upstream,
        success_status,
        location: Some(location).filter(|location| !location.is_empty()),
        etag_field,
        scope: text("scope"),
        cache_seconds,
        answers,
    })
}

/// The fields that a Location template names.
pub(crate) fn fields_of_location(location: &str) -> impl Iterator<Item = &str> {
    location.split('{').skip(1).filter_map(|part| part.split('}').next())
}

/// One binding of a `google.api.HttpRule`.
fn route(rpc: &Arc<Rpc>, rule: &DynamicMessage) -> Result<Route, StartError> {
    let (http_method, pattern) = method_and_pattern(rule);
    let refuse = |problem: String| StartError::Route {
        method: rpc.method.full_name().to_owned(),
        pattern: pattern.clone(),
        problem,
    };
    let http_method = http_method.ok_or_else(|| refuse("it has no HTTP method".to_owned()))?;
    let template = Template::parse(&pattern).map_err(&refuse)?;
    let request = rpc.method.input();
    let bound = template
        .variables()
        .iter()
        .map(|variable| {
            bindable(&request, &variable.field)
                .ok_or_else(|| refuse(format!("{} is not a single value of the request", variable.field)))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let body = match string(rule, "body").as_str() {
        "" => BodyRule::None,
        "*" => BodyRule::Whole,
        name => BodyRule::Field(
            request
                .get_field_by_name(name)
                .ok_or_else(|| refuse(format!("the body, {name}, is not a field of the request")))?,
        ),
    };
    let response_body = match string(rule, "response_body").as_str() {
        "" => None,
        name => Some(
            rpc.method
                .output()
                .get_field_by_name(name)
                .ok_or_else(|| refuse(format!("the response body, {name}, is not a field of the response")))?,
        ),
    };
    if response_body.is_some() && rpc.answers != Answers::Json {
        return Err(refuse(
            "a part of google.api.HttpBody is not a response body".to_owned(),
        ));
    }
    let mask =
        update_mask::field(&request).filter(|_| http_method == Method::PATCH && matches!(body, BodyRule::Field(_)));
    Ok(Route {
        http_method,
        template,
        bound,
        body,
        response_body,
        mask,
        rpc: rpc.clone(),
    })
}

fn method_and_pattern(rule: &DynamicMessage) -> (Option<Method>, String) {
    for (field, method) in [
        ("get", Method::GET),
        ("put", Method::PUT),
        ("post", Method::POST),
        ("delete", Method::DELETE),
        ("patch", Method::PATCH),
    ] {
        if rule.has_field_by_name(field) {
            return (Some(method), string(rule, field));
        }
    }
    let custom = rule.get_field_by_name("custom");
    let Some(custom) = custom.as_ref().and_then(|custom| custom.as_message()) else {
        return (None, String::new());
    };
    // "*" (any method) is not a method name, so it is refused like any other that is none.
    let kind = Some(string(custom, "kind")).filter(|kind| kind != "*");
    (
        kind.and_then(|kind| Method::from_bytes(kind.as_bytes()).ok()),
        string(custom, "path"),
    )
}

fn string(message: &DynamicMessage, field: &str) -> String {
    message
        .get_field_by_name(field)
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn additional(rule: &DynamicMessage) -> Vec<Value> {
    rule.get_field_by_name("additional_bindings")
        .and_then(|bindings| bindings.as_list().map(<[Value]>::to_vec))
        .unwrap_or_default()
}

/// A field that one segment of a path can hold: a single value, and no message but those that are one in JSON.
fn bindable(request: &MessageDescriptor, name: &str) -> Option<FieldPath> {
    FieldPath::resolve(request, name).filter(|path| {
        let leaf = path.leaf();
        let is_message =
            matches!(leaf.kind(), Kind::Message(message) if !message.full_name().starts_with("google.protobuf."));
        !leaf.is_list() && !leaf.is_map() && !is_message
    })
}

fn refuse_ambiguous(routes: &[Route]) -> Result<(), StartError> {
    let mut claims: HashMap<String, &Route> = HashMap::new();
    for route in routes {
        let claim = format!("{} {}", route.http_method, route.template.shape());
        if let Some(first) = claims.insert(claim.clone(), route) {
            return Err(StartError::Ambiguous {
                first: first.rpc.method.full_name().to_owned(),
                second: route.rpc.method.full_name().to_owned(),
                route: claim,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
