//! The HTTP interface as an OpenAPI document (3.1), made from the same routes that answer, so that it cannot say
//! anything else.

use std::{collections::BTreeMap, sync::OnceLock};

use axum::body::{Body, Bytes};
use http::{
    HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use prost_reflect::DescriptorPool;
use serde_json::{Map, Value, json};

use crate::routes::RouteTable;

mod comments;
mod errors;
mod examples;
mod operations;
mod schemas;
mod sessions;

use comments::Comments;
use examples::Examples;
use schemas::Schemas;

/// The document, as it is sent. It is made when it is asked for first: few ask, and the making takes memory.
#[derive(Default)]
pub(crate) struct OpenApi(OnceLock<Bytes>);

impl OpenApi {
    /// Where it is.
    pub(crate) const PATH: &'static str = "/openapi.json";

    /// The answer for these routes. It is asked for anew each time, because it changes with the binary.
    pub(crate) fn answer(&self, contracts: &DescriptorPool, routes: &RouteTable) -> Response<Body> {
        let text = self.0.get_or_init(|| document(contracts, routes).to_string().into());
        let mut response = Response::new(Body::from(text.clone()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// The document, as JSON.
fn document(contracts: &DescriptorPool, routes: &RouteTable) -> Value {
    let comments = Comments::of(contracts);
    let mut schemas = Schemas::new(&comments);
    #[expect(clippy::expect_used, reason = "what was built in is read by a test")]
    let examples = Examples::read().expect("examples");
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for route in routes.iter() {
        let method = route.http_method.as_str().to_lowercase();
        let operation = operations::operation(route, &comments, &examples, &mut schemas);
        paths
            .entry(operations::path(route))
            .or_default()
            .insert(method, operation);
    }
    sessions::add(&mut paths, routes, &comments);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Holdfast",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Accounts and each person's own tasks.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": with_problem(schemas.into_mentioned()),
            "headers": headers(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "__Host-holdfast-access",
                    "description": "Set by POST /session; renewed by itself.",
                },
            },
        },
    })
}

fn headers() -> Value {
    let header = |description: &str| json!({"description": description, "schema": {"type": "string"}});
    json!({
        "ETag": header("The version of the answer, in quotes (RFC 9110, section 8.8.3)."),
        "Link": header("Where the next page is: `<...>; rel=\"next\"` (RFC 8288). Absent on the last page."),
        "Location": header("Where what was created is."),
        "Retry-After": header("After how many seconds to try again."),
        "WWW-Authenticate": header("The challenge (RFC 6750, section 3)."),
    })
}

fn with_problem(mut schemas: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let text = |description: &str| json!({"type": "string", "description": description});
    let problem = json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail", "reason", "requestId"],
        "properties": {
            "type": text("`urn:holdfast:error:` and the reason."),
            "title": text("The reason in words."),
            "status": {"type": "integer", "description": "The HTTP status."},
            "detail": text("What is wrong, for a person."),
            "reason": text("What is wrong, for a program: part of the contract."),
            "requestId": text("By which the logs know the request."),
            "errors": {
                "type": "array",
                "description": "The fields at fault.",
                "items": {
                    "type": "object",
                    "required": ["field", "description"],
                    "properties": {
                        "field": text("The path of the field in the request message, or the name of a header or parameter."),
                        "description": text("What is wrong with it."),
                    },
                },
            },
        },
    });
    schemas.insert("Problem".to_owned(), problem);
    schemas
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn real() -> Value {
        let contracts = platform::access::descriptor_pool();
        let routes = RouteTable::read(&contracts, crate::upstreams::serving).expect("the routes are good");
        document(&contracts, &routes)
    }

    fn references(value: &Value, found: &mut HashSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    found.insert(reference.to_owned());
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(elements) => elements.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = real();
        let mut found = HashSet::new();
        references(&document, &mut found);
        assert!(found.len() > 20, "{found:?}");
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some_and(Value::is_object), "{reference}");
        }
    }

    #[test]
    fn operations_are_told_apart_and_say_what_they_take() {
        let document = real();
        let paths = document["paths"].as_object().expect("paths");
        let mut ids = HashSet::new();
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().expect("methods") {
                let id = operation["operationId"].as_str().expect("an id");
                assert!(ids.insert(id.to_owned()), "{id}");
                assert_ne!(operation["summary"], "", "{method} {path}");
                let parameters = operation["parameters"].as_array().expect("parameters");
                let named: HashSet<&str> = parameters
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .filter_map(|parameter| parameter["name"].as_str())
                    .collect();
                let in_path: HashSet<&str> = path
                    .split('{')
                    .skip(1)
                    .filter_map(|part| part.split('}').next())
                    .collect();
                assert_eq!(named, in_path, "{method} {path}");
            }
        }
        let update = &paths["/v1/tasks/{id}"]["patch"];
        assert_eq!(
            update["requestBody"]["content"]["application/json"]["schema"]["$ref"],
            "#/components/schemas/holdfast.task.v1.Task"
        );
        assert_eq!(update["security"], json!([{"bearer": []}, {"session": []}]));
        assert_eq!(paths["/v1/auth/login"]["post"]["security"], json!([]));
        for (path, method) in [
            ("/session", "post"),
            ("/session", "get"),
            ("/session", "delete"),
            ("/session/register", "post"),
        ] {
            assert!(paths[path][method].is_object(), "{method} {path}");
        }
        assert!(
            !paths["/session"]["post"].to_string().contains("Tokens"),
            "{}",
            paths["/session"]["post"]
        );
        let created = &paths["/v1/tasks"]["post"]["responses"]["201"];
        assert!(created.is_object(), "{created}");
        let list: Vec<&str> = paths["/v1/tasks"]["get"]["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        assert!(list.contains(&"pageToken") && list.contains(&"orderBy"), "{list:?}");
    }

    #[test]
    fn fields_say_what_the_contract_says_of_them() {
        let document = real();
        let password = &document["components"]["schemas"]["holdfast.auth.v1.RegisterRequest"]["properties"]["password"];
        let description = password["description"].as_str().expect("a description");
        assert!(description.contains("at least 12 characters"), "{description}");
    }
}
