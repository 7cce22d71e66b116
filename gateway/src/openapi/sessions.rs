//! The paths of browser sessions, which no contract has: what they take and tell is that of the methods behind them.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::{comments::Comments, errors::Errors};
use crate::routes::{Found, RouteTable};

type Paths = BTreeMap<String, Map<String, Value>>;

/// What another site's page, and a page without TLS, is told.
const OF_BEGINNING: [&str; 2] = ["CROSS_SITE_REQUEST", "SECURE_ORIGIN_REQUIRED"];
const OF_ENDING: [&str; 4] = ["CROSS_SITE_REQUEST", "DEADLINE_EXCEEDED", "INTERNAL", "UNAVAILABLE"];

/// Adds them to paths that have those of the methods, which are the paths of these routes.
pub(super) fn add(paths: &mut Paths, routes: &RouteTable, comments: &Comments) {
    for (path, like, name) in [
        ("/session", "/v1/auth/login", "session_login"),
        ("/session/register", "/v1/auth/register", "session_register"),
    ] {
        let Some(operation) = paths.get(like).and_then(|methods| methods.get("post")) else {
            continue;
        };
        let mut operation = with_name(operation, name);
        operation["description"] = format!("As {like}, but the tokens become cookies.").into();
        let answer =
            json!({"type": "object", "properties": {"user": {"$ref": "#/components/schemas/holdfast.auth.v1.User"}}});
        let responses = operation["responses"].as_object_mut();
        for response in responses.into_iter().flat_map(Map::values_mut) {
            if let Some(content) = response.pointer_mut("/content/application~1json") {
                *content = json!({"schema": answer});
            }
        }
        if let Found::Route(route, _) = routes.find(&Method::POST, like)
            && let Some(responses) = operation["responses"].as_object_mut()
        {
            let mut errors = Errors::of(route, comments);
            errors.add_all(&OF_BEGINNING);
            responses.extend(errors.responses());
        }
        paths
            .entry(path.to_owned())
            .or_default()
            .insert("post".to_owned(), operation);
    }
    let shown = paths.get("/v1/auth/session").and_then(|methods| methods.get("get"));
    let shown = shown.map(|operation| with_name(operation, "session_show"));
    let session = paths.entry("/session".to_owned()).or_default();
    session.extend(shown.map(|operation| ("get".to_owned(), operation)));
    let mut errors = Errors::default();
    errors.add_all(&OF_ENDING);
    let mut responses = errors.responses();
    responses.insert("204".to_owned(), json!({"description": "Signed out"}));
    let ended = json!({
        "operationId": "session_logout",
        "tags": ["Session"],
        "summary": "Signs out",
        "description": "Ends the session of the cookies, which go. Success too if there is none.",
        "parameters": [],
        "responses": responses,
        "security": [],
    });
    session.insert("delete".to_owned(), ended);
}

fn with_name(operation: &Value, name: &str) -> Value {
    let mut operation = operation.clone();
    operation["operationId"] = name.into();
    operation["tags"] = json!(["Session"]);
    operation
}
