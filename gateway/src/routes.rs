//! The route table: every method with a `google.api.http` annotation that HTTP can carry, read from the
//! descriptors. Requests that stream anything but `google.api.HttpBody`, or that are answered with a stream, have no
//! route.

use std::{collections::HashMap, sync::Arc};

use http::Method;
use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Value};

use crate::{
    error::StartError,
    field_path::FieldPath,
    rpc::{self, Answers, Rpc},
    template::Template,
    update_mask::{MaskRule, Patched},
};

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
    /// The update_mask that it sets.
    pub(crate) mask: MaskRule,
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
            let annotation = annotation
                .as_ref()
                .filter(|annotation| options.has_extension(annotation));
            let (Some(annotation), Some(answers)) = (annotation, Answers::of(&method)) else {
                continue;
            };
            let upstream = upstream(method.parent_service().full_name()).ok_or_else(|| StartError::NoUpstream {
                method: method.full_name().to_owned(),
            })?;
            let rpc = Arc::new(Rpc::read(pool, &method, upstream, answers)?);
            let rules = options.get_extension(annotation);
            let Some(rule) = rules.as_message() else { continue };
            let additional = additional(rule);
            let bindings = std::iter::once(rule).chain(additional.iter().filter_map(Value::as_message));
            let bindings = bindings.map(|rule| route(&rpc, rule)).collect::<Result<Vec<_>, _>>()?;
            if !rpc.put_mask.is_empty() && bindings.iter().all(|route| route.http_method != Method::PUT) {
                return Err(rpc.refuse("it has a put_mask, but no PUT"));
            }
            routes.extend(bindings);
        }
        let patches: Vec<Patched> = routes.iter().filter_map(Patched::of).collect();
        for route in &mut routes {
            if let Some(mask) = patches.iter().find_map(|patched| patched.in_batch(route)) {
                route.mask = mask;
            }
        }
        refuse_ambiguous(&routes)?;
        routes.sort_by_cached_key(|route| route.template.specificity());
        Ok(Self { routes })
    }

    /// The route of a request. A path that ends in a known verb is that verb's alone; `HEAD` is answered as `GET`.
    pub(crate) fn find<'path>(&self, method: &Method, path: &'path str) -> Found<'_, 'path> {
        let Some(path) = path.strip_prefix('/') else {
            return Found::Nothing;
        };
        let parts: Vec<&str> = path.split('/').collect();
        let mut matching: Vec<_> = self
            .routes
            .iter()
            .filter_map(|route| route.template.matches(&parts).map(|segments| (route, segments)))
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

    /// A method that has a route, by its full name.
    pub(crate) fn rpc(&self, method: &str) -> Option<Arc<Rpc>> {
        let route = self
            .routes
            .iter()
            .find(|route| route.rpc.method.full_name() == method)?;
        Some(route.rpc.clone())
    }

    /// All routes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }
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
            FieldPath::single(&request, &variable.field)
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
            "a part of google.api.HttpBody, or of each message of a stream, is not a response body".to_owned(),
        ));
    }
    let is_raw_but_whole = match &body {
        BodyRule::None => false,
        BodyRule::Whole => rpc.max_upload.is_none() && rpc::is_raw(&request),
        BodyRule::Field(field) => field.kind().as_message().is_some_and(rpc::is_raw),
    };
    if is_raw_but_whole {
        // It would be taken for JSON.
        return Err(refuse(
            "a body that is google.api.HttpBody must be a stream of it".to_owned(),
        ));
    }
    let has_a_body = matches!(body, BodyRule::Whole) && ![Method::GET, Method::DELETE].contains(&http_method);
    if rpc.max_upload.is_some() && !(has_a_body && bound.is_empty()) {
        let whole = "an upload is the whole body of a POST, PUT or PATCH, and nothing is taken from its path";
        return Err(refuse(whole.to_owned()));
    }
    let mask = MaskRule::of(&http_method, &request, &body, &rpc.put_mask).map_err(&refuse)?;
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
