//! The paths of browser sessions, which no contract has: what they take and tell is that of the methods behind them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

type Paths = BTreeMap<String, Map<String, Value>>;

/// Adds them to paths that have those of the methods.
pub(super) fn add(paths: &mut Paths) {
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
        for response in operation["responses"]
            .as_object_mut()
            .into_iter()
            .flat_map(Map::values_mut)
        {
            if let Some(schema) = response.pointer_mut("/content/application~1json/schema") {
                *schema = answer.clone();
            }
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
    let ended = json!({
        "operationId": "session_logout",
        "tags": ["Session"],
        "summary": "Signs out",
        "description": "Ends the session of the cookies, which go. Success too if there is none.",
        "parameters": [],
        "responses": {
            "204": {"description": "Signed out"},
            "default": {"$ref": "#/components/responses/Problem"},
        },
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
