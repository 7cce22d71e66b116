use platform::access;

use super::*;
use crate::{testing, upstreams};

fn found(table: &RouteTable, method: &str, path: &str) -> String {
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    match table.find(&method, path) {
        Found::Route(route, _) => route.rpc.method.name().to_owned(),
        Found::OtherMethods(methods) => {
            let names: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
            format!("405 {}", names.join(" "))
        }
        Found::Nothing => "404".to_owned(),
    }
}

#[test]
fn every_annotated_method_of_the_contracts_that_http_can_carry_has_a_route() {
    let pool = access::descriptor_pool();
    let annotation = pool.get_extension_by_name("google.api.http").expect("the annotation");
    let table = RouteTable::read(&pool, upstreams::serving).expect("the contracts can be served");
    let mut annotated = 0;
    for method in pool
        .services()
        .flat_map(|service| service.methods().collect::<Vec<_>>())
    {
        if method.options().has_extension(&annotation) && Answers::of(&method).is_some() {
            annotated += 1;
            assert!(
                table.iter().any(|route| route.rpc.method == method),
                "{} has no route",
                method.full_name()
            );
        }
    }
    assert!(annotated >= 13, "the contracts have methods");
}

#[test]
fn the_contract_has_these_routes() {
    let table = RouteTable::read(&access::descriptor_pool(), upstreams::serving).expect("the contracts can be served");
    for (method, path, expected) in [
        ("POST", "/v1/auth/register", "Register"),
        ("GET", "/.well-known/jwks.json", "GetJwks"),
        ("GET", "/v1/account:export", "ExportAccount"),
        ("GET", "/v1/tasks", "ListTasks"),
        ("POST", "/v1/tasks", "CreateTask"),
        ("GET", "/v1/tasks/a", "GetTask"),
        ("HEAD", "/v1/tasks/a", "GetTask"),
        ("PATCH", "/v1/tasks/a", "UpdateTask"),
        ("DELETE", "/v1/tasks/a", "DeleteTask"),
        ("POST", "/v1/tasks/a:complete", "CompleteTask"),
        ("POST", "/v1/tasks/a:reopen", "ReopenTask"),
        ("GET", "/v1/tasks/a:complete", "405 POST"),
        ("POST", "/v1/tasks/a", "405 GET PATCH PUT DELETE"),
        ("PUT", "/v1/tasks/a", "UpdateTask"),
        ("PATCH", "/v1/tasks/a/complete", "ToggleTask"),
        ("POST", "/v1/tasks:batchCreate", "BatchCreateTasks"),
        ("GET", "/v1/taskStats", "GetTaskStats"),
        ("GET", "/v1/tasks:sync", "SyncTasks"),
        ("GET", "/v1/tasks:watch", "WatchTasks"),
        ("GET", "/v1/tasks:export", "ExportTasks"),
        ("POST", "/v1/tasks:import", "ImportTasks"),
        ("GET", "/v1/tasks/", "404"),
        ("GET", "/v1/tasks/a/b", "404"),
        ("GET", "/v2/tasks", "404"),
        ("GET", "*", "404"),
    ] {
        let found = found(&table, method, path);
        let (mut found, mut expected): (Vec<_>, Vec<_>) = (found.split(' ').collect(), expected.split(' ').collect());
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{method} {path}");
    }
}

#[test]
fn additional_bindings_and_streams_are_routes() {
    let table = testing::kitchen();
    assert_eq!(found(&table, "GET", "/v1/sinks/1"), "Find");
    assert_eq!(found(&table, "GET", "/v1/rooms/a/sinks/b"), "Find");
    assert_eq!(found(&table, "GET", "/v1/rooms/a/all"), "Find");
    assert_eq!(found(&table, "GET", "/v1/sinks:export"), "Export");
    assert_eq!(found(&table, "GET", "/v1/sinks/a:draw"), "Draw");
    assert_eq!(found(&table, "GET", "/v1/sinks:follow"), "Follow");
    assert_eq!(found(&table, "POST", "/v1/sinks:import"), "Import");
    for streams in [
        "rpc Talk(stream Sink) returns (Sink)",
        "rpc Talk(stream google.api.HttpBody) returns (stream Sink)",
    ] {
        let talk = format!(r#"{streams} {{ option (google.api.http) = {{post: "/v1/sinks:talk" body: "*"}}; }}"#);
        let table = testing::routes(&talk).expect("it is left out");
        assert_eq!(found(&table, "POST", "/v1/sinks:talk"), "404", "{streams}");
    }
    assert!(table.iter().all(|route| route.rpc.method.name() != "Unannotated"));
}

#[test]
fn a_literal_goes_before_a_variable_whatever_the_order() {
    let table = testing::routes(
        r#"
        rpc Any(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks/{string_value}"}; }
        rpc Count(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks/count"}; }
        rpc Remove(Sink) returns (Sink) { option (google.api.http) = {delete: "/v1/sinks/{string_value}"}; }
        "#,
    )
    .expect("these are different routes");
    assert_eq!(found(&table, "GET", "/v1/sinks/count"), "Count");
    assert_eq!(found(&table, "GET", "/v1/sinks/other"), "Any");
    assert_eq!(found(&table, "DELETE", "/v1/sinks/count"), "Remove");
}

#[test]
fn two_claims_to_the_same_requests_are_refused() {
    let refused = testing::routes(
        r#"
        rpc One(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks/{string_value}"}; }
        rpc Two(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks/{int32_value}"}; }
        "#,
    )
    .expect_err("they are the same");
    assert_eq!(
        refused.to_string(),
        "kitchen.v1.Kitchen.One and kitchen.v1.Kitchen.Two both claim GET /v1/sinks/*"
    );
    assert!(
        testing::routes(
            r#"
            rpc One(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks/{string_value}"}; }
            rpc Two(Sink) returns (Sink) { option (google.api.http) = {delete: "/v1/sinks/{string_value}"}; }
            rpc Six(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks/{string_value}:six"}; }
            "#,
        )
        .is_ok()
    );
}

#[test]
fn a_raw_body_is_a_stream() {
    for (request, body) in [("google.api.HttpBody", "*"), ("Raw", "body")] {
        let take = format!(
            r#"rpc Take({request}) returns (Sink) {{ option (google.api.http) = {{post: "/v1/raw" body: "{body}"}}; }}"#
        );
        let refused = testing::routes(&take).expect_err(request).to_string();
        assert!(refused.contains("must be a stream"), "{refused}");
    }
}

#[test]
fn an_annotation_that_cannot_be_served_is_named() {
    for (http, named) in [
        (r#"get: "/v1/{name=**}/all""#, "/v1/{name=**}/all"),
        (r#"get: "/v1/sinks/{nothing}""#, "nothing"),
        (r#"get: "/v1/sinks/{strings}""#, "strings"),
        (r#"get: "/v1/sinks/{child}""#, "child"),
        (r#"post: "/v1/sinks" body: "nothing""#, "nothing"),
        (r#"get: "/v1/sinks" response_body: "nothing""#, "nothing"),
        (r#"custom {kind: "*" path: "/v1/sinks"}"#, "HTTP method"),
    ] {
        let method = format!("rpc Bad(Sink) returns (Sink) {{ option (google.api.http) = {{{http}}}; }}");
        let refused = testing::routes(&method).expect_err(http).to_string();
        assert!(
            refused.contains("kitchen.v1.Kitchen.Bad") && refused.contains(named),
            "{refused}"
        );
    }
    for rules in [
        r#"location: "/v1/sinks/{nothing}""#,
        "success_status: 404",
        "success_status: 70000",
        r#"etag_field: "int32_value""#,
        "access: ACCESS_PUBLIC cache_seconds: -1",
        "access: ACCESS_USER cache_seconds: 1",
        "cache_seconds: 1",
    ] {
        let method = format!(
            r#"rpc Bad(Sink) returns (Sink) {{
                option idempotency_level = NO_SIDE_EFFECTS;
                option (google.api.http) = {{get: "/v1/sinks"}};
                option (holdfast.options.v1.method) = {{{rules}}};
            }}"#
        );
        assert!(testing::routes(&method).is_err(), "{rules}");
    }
}

#[test]
fn an_answer_may_be_kept_if_it_is_whole_and_changes_nothing() {
    let table = |output: &str, level: &str| {
        testing::routes(&format!(
            r#"rpc Get(Sink) returns ({output}) {{
                option idempotency_level = {level};
                option (google.api.http) = {{get: "/v1/sinks"}};
                option (holdfast.options.v1.method) = {{access: ACCESS_PUBLIC cache_seconds: 60}};
            }}"#
        ))
    };
    let kept = table("Sink", "NO_SIDE_EFFECTS").expect("it may be kept");
    let seconds: Vec<_> = kept.iter().filter_map(|route| route.rpc.cache_seconds).collect();
    assert_eq!(seconds.iter().map(|seconds| seconds.get()).collect::<Vec<_>>(), [60]);
    for (output, level) in [
        ("Sink", "IDEMPOTENT"),
        ("stream google.api.HttpBody", "NO_SIDE_EFFECTS"),
        ("stream Sink", "NO_SIDE_EFFECTS"),
    ] {
        let refused = table(output, level).expect_err(level).to_string();
        assert!(
            refused.contains("kitchen.v1.Kitchen.Get") && refused.contains("may be kept"),
            "{refused}"
        );
    }
}

#[test]
fn a_part_of_raw_bytes_or_of_an_event_is_no_response_body() {
    for (output, part) in [("google.api.HttpBody", "data"), ("Sink", "child")] {
        let refused = testing::routes(&format!(
            r#"rpc Bad(Sink) returns (stream {output}) {{
                option (google.api.http) = {{get: "/v1/sinks" response_body: "{part}"}};
            }}"#
        ));
        let refused = refused.expect_err("it is the whole body").to_string();
        assert!(refused.contains("google.api.HttpBody"), "{refused}");
    }
}

#[test]
fn an_upload_is_a_whole_body_within_a_limit() {
    let table = |http: &str, rules: &str| {
        testing::routes(&format!(
            r"rpc Import(stream google.api.HttpBody) returns (Sink) {{
                option (google.api.http) = {{{http}}};
                option (holdfast.options.v1.method) = {{{rules}}};
            }}"
        ))
    };
    let post = r#"post: "/v1/sinks:import" body: "*""#;
    for (rules, most) in [("", 2 * 1024 * 1024), ("max_body_bytes: 7", 7)] {
        let table = table(post, rules).expect("it can be served");
        let limits: Vec<_> = table.iter().map(|route| route.rpc.max_upload).collect();
        assert_eq!(limits, [Some(most)]);
    }
    for (http, rules, named) in [
        (r#"post: "/v1/sinks:import""#, "", "whole body"),
        (r#"post: "/v1/sinks:import" body: "data""#, "", "whole body"),
        (r#"get: "/v1/sinks:import" body: "*""#, "", "whole body"),
        (r#"post: "/v1/sinks/{content_type}" body: "*""#, "", "path"),
        (post, "max_body_bytes: -1", "-1"),
        (post, r#"etag_field: "content_type""#, "header"),
        (post, r#"request_id_field: "content_type""#, "header"),
        (post, r#"put_mask: "data""#, "put_mask"),
        (post, r#"resume_field: "content_type""#, "stream of messages"),
    ] {
        let refused = table(http, rules).expect_err(http).to_string();
        assert!(
            refused.contains("kitchen.v1.Kitchen.Import") && refused.contains(named),
            "{refused}"
        );
    }
    let message = r#"rpc Make(Sink) returns (Sink) {
        option (google.api.http) = {post: "/v1/sinks" body: "*"};
        option (holdfast.options.v1.method) = {max_body_bytes: 7};
    }"#;
    let refused = testing::routes(message).expect_err("it is no upload").to_string();
    assert!(refused.contains("max_body_bytes"), "{refused}");
}

#[test]
fn the_rules_of_events_must_fit() {
    let refused = |output: &str, rules: &str| {
        let method = format!(
            r#"rpc Follow(Sink) returns ({output}) {{
                option (google.api.http) = {{get: "/v1/sinks:follow"}};
                option (holdfast.options.v1.method) = {{{rules}}};
            }}"#
        );
        testing::routes(&method).err().map(|refused| refused.to_string())
    };
    let good = r#"event_oneof: "choice" event_id_field: "child.name" resume_field: "string_value""#;
    assert_eq!(refused("stream Sink", good), None);
    for (output, rules, named) in [
        ("stream Sink", r#"event_oneof: "child""#, "child"),
        // The oneof that an optional field brings along is none of the contract's.
        ("stream Sink", r#"event_oneof: "_maybe""#, "_maybe"),
        ("stream Sink", r#"event_id_field: "nothing""#, "nothing"),
        ("stream Sink", r#"event_id_field: "int32_value""#, "int32_value"),
        ("stream Sink", r#"resume_field: "strings""#, "strings"),
        ("stream Failure", "", "error"),
        ("Sink", r#"event_oneof: "choice""#, "stream"),
        ("Sink", r#"event_id_field: "etag""#, "stream"),
        ("stream google.api.HttpBody", r#"resume_field: "etag""#, "stream"),
    ] {
        let refused = refused(output, rules).unwrap_or_else(|| panic!("{output} {rules}"));
        assert!(
            refused.contains("kitchen.v1.Kitchen.Follow") && refused.contains(named),
            "{refused}"
        );
    }
}

#[test]
fn a_put_of_a_masked_method_needs_a_mask_that_fits() {
    let refused = |request: &str, http: &str, put_mask: &str| {
        let method = format!(
            r#"rpc Change({request}) returns (Sink) {{
                option (google.api.http) = {{{http}}};
                option (holdfast.options.v1.method) = {{put_mask: "{put_mask}"}};
            }}"#
        );
        testing::routes(&method).err().map(|refused| refused.to_string())
    };
    let put = r#"put: "/v1/sinks" body: "sink""#;
    for good in ["int32_value", "int32_value,child.age,counts"] {
        assert_eq!(refused("ChangeRequest", put, good), None, "{good}");
    }
    for (request, http, put_mask, named) in [
        ("ChangeRequest", put, "", "needs a put_mask"),
        ("ChangeRequest", put, "nothing", "nothing"),
        ("ChangeRequest", put, "int32_value,", r#""""#),
        ("ChangeRequest", put, "int32Value", "int32Value"),
        ("ChangeRequest", put, "child.nothing", "child.nothing"),
        ("ChangeRequest", put, "child,child.age", "child.age twice"),
        (
            "ChangeRequest",
            r#"put: "/v1/sinks" body: "*""#,
            "int32_value",
            "one field",
        ),
        (
            "ChangeRequest",
            r#"put: "/v1/sinks" body: "validate_only""#,
            "int32_value",
            "a message",
        ),
        (
            "ChangeRequest",
            r#"patch: "/v1/sinks" body: "sink""#,
            "int32_value",
            "no PUT",
        ),
        ("Sink", r#"put: "/v1/sinks" body: "child""#, "name", "no update_mask"),
    ] {
        let refused = refused(request, http, put_mask).unwrap_or_else(|| panic!("{http} {put_mask}"));
        assert!(
            refused.contains("kitchen.v1.Kitchen.Change") && refused.contains(named),
            "{refused}"
        );
    }
}

#[test]
fn a_method_that_no_upstream_serves_is_refused() {
    let pool = testing::pool(r#"rpc Get(Sink) returns (Sink) { option (google.api.http) = {get: "/v1/sinks"}; }"#);
    let refused = RouteTable::read(&pool, upstreams::serving).expect_err("nobody serves a kitchen");
    assert!(matches!(refused, StartError::NoUpstream { method } if method == "kitchen.v1.Kitchen.Get"));
}
