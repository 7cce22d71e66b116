//! The examples of the OpenAPI document, called one after the other as they stand there. What no example can know is put in:
//! tokens, and the id of a session.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;
use platform::testing::Workspace;
use serde_json::{Value, json};

use crate::{
    process::{Process, command},
    rest::Rest,
};

const EXAMPLES: &str = include_str!("../../../gateway/src/openapi/examples.json");
/// A link that only an operator can make, a stream without an end, and what is as another operation.
const WITHOUT: [&str; 6] = [
    "AuthService_ResetPassword_post",
    "TaskService_WatchTasks_get",
    "session_login",
    "session_logout",
    "session_register",
    "session_show",
];

/// What is known only once it was answered.
#[derive(Default)]
struct Known {
    access_token: String,
    refresh_token: String,
    other_session: String,
}

impl Known {
    fn learn(&mut self, answer: &Value) {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(token) = text(&answer["tokens"]["accessToken"]) {
            self.access_token = token;
            self.refresh_token = text(&answer["tokens"]["refreshToken"]).unwrap();
        }
        let sessions = answer["sessions"].as_array().into_iter().flatten();
        if let Some(other) = sessions
            .filter(|session| session["current"] == false)
            .find_map(|session| text(&session["id"]))
        {
            self.other_session = other;
        }
    }
}

fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (&**path, &**method, operation))
    })
}

/// Whether an answer is as the example says, but for what is different each time.
fn assert_alike(name: &str, expected: &Value, answer: &Value) {
    match (expected, answer) {
        (Value::Object(expected), Value::Object(answer)) => {
            let names = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(expected), names(answer), "{name}");
            for (name, expected) in expected {
                assert_alike(name, expected, &answer[name]);
            }
        }
        (Value::Array(expected), Value::Array(answer)) => {
            assert_eq!(expected.len(), answer.len(), "{name}: {answer:?}");
            for (expected, answer) in expected.iter().zip(answer) {
                assert_alike(name, expected, answer);
            }
        }
        (Value::String(expected), Value::String(answer)) => {
            let is_ours = expected.starts_with("01a1fdcd-");
            let differs_each_time = match name {
                "id" => !is_ours,
                "etag" => expected.len() > 8,
                "ipAddress" | "userAgent" => return,
                "dateTime" => false,
                _ => name.ends_with("Token") || name.ends_with("Time") || ["kid", "x", "y"].contains(&name),
            };
            assert_eq!(expected.is_empty(), answer.is_empty(), "{name}");
            assert!(
                differs_each_time || expected == answer,
                "{name}: {answer} in place of {expected}"
            );
        }
        (expected, answer) => assert_eq!(expected, answer, "{name}"),
    }
}

#[tokio::test]
async fn every_example_is_what_happens() {
    let workspace = Workspace::new();
    let mut command = command(&workspace.path().join("data"));
    let process = Process::start_as(command.env("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8"));
    let rest = Rest::new(process.gateway);
    let document: Value = serde_json::from_str(&rest.get("/openapi.json", None).await.text).unwrap();
    let examples: Vec<Value> = serde_json::from_str(EXAMPLES).unwrap();

    let named: BTreeSet<&str> = examples
        .iter()
        .map(|example| example["operation"].as_str().unwrap())
        .collect();
    let all = operations(&document).map(|(_, _, operation)| operation["operationId"].as_str().unwrap());
    let without: Vec<&str> = all.filter(|id| !named.contains(id)).collect();
    assert_eq!(BTreeSet::from_iter(without), BTreeSet::from(WITHOUT));

    let mut known = Known::default();
    for example in &examples {
        let id = example["operation"].as_str().unwrap();
        let found = operations(&document).find(|(_, _, operation)| operation["operationId"] == id);
        let (path, method, operation) = found.unwrap_or_else(|| panic!("{id} is no operation"));
        let (mut path, mut query, mut headers) = (path.to_owned(), Vec::new(), Vec::new());
        let mut unused: BTreeSet<&String> = example["parameters"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.keys())
            .collect();
        for parameter in operation["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let value = &example["parameters"][name];
            assert_eq!(value, &parameter["example"], "{id}: {name}");
            if value.is_null() {
                continue;
            }
            unused.remove(&name.to_owned());
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match parameter["in"].as_str().unwrap() {
                "path" if name == "sessionId" => path = path.replace("{sessionId}", &known.other_session),
                "path" => path = path.replace(&format!("{{{name}}}"), &value),
                "query" => query.push(format!("{name}={}", value.replace('<', "%3C").replace(' ', "%20"))),
                _ => headers.push((name.to_lowercase(), value)),
            }
        }
        assert!(unused.is_empty(), "{id} has no {unused:?}");
        if !query.is_empty() {
            path = format!("{path}?{}", query.join("&"));
        }
        if operation["security"] != json!([]) {
            headers.push(("authorization".to_owned(), format!("Bearer {}", known.access_token)));
        }
        let body = match &example["body"] {
            Value::Null => Bytes::new(),
            Value::String(text) => {
                headers.push(("content-type".to_owned(), "text/csv".to_owned()));
                text.clone().into()
            }
            json => {
                let mut json = json.clone();
                if let Some(token) = json.get_mut("refreshToken") {
                    *token = known.refresh_token.clone().into();
                }
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
                json.to_string().into()
            }
        };
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let method: Method = method.to_uppercase().parse().unwrap();
        let answer = rest.send(method, &path, &headers, body).await;
        let said = &operation["responses"][answer.status.to_string()];
        assert!(answer.status < 300 && said.is_object(), "{id}: {answer:?}");
        if let Some(expected) = example.get("answer") {
            let json: Value = serde_json::from_str(&answer.text).unwrap();
            assert_alike(id, expected, &json);
            assert_eq!(said["content"]["application/json"]["example"], *expected, "{id}");
            known.learn(&json);
        }
        let contents = operation["requestBody"]["content"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values());
        for content in contents {
            assert_eq!(content["example"], example["body"], "{id}");
        }
    }
    process.kill();
}
