//! The contracts say of every method who may call it and how HTTP reaches it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeSet, HashSet};

use platform::{
    access::{Access, AccessTable, descriptor_pool, method_rules},
    verification::SCOPE,
};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value};

fn methods(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    let methods: Vec<_> = pool
        .services()
        .filter(|service| service.package_name().starts_with("holdfast."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    assert!(methods.len() >= 13, "the contracts were not read");
    methods
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).unwrap().as_str().unwrap().to_owned()
}

/// AP-05: a method that declares no access fails here, before anybody wonders why it answers UNIMPLEMENTED.
#[test]
fn ap_05_every_method_declares_its_access() {
    let pool = descriptor_pool();
    let services: Vec<String> = pool.services().map(|service| service.full_name().to_owned()).collect();
    let services: Vec<&str> = services.iter().map(String::as_str).collect();
    let table = AccessTable::for_services(&services);
    for method in methods(&pool) {
        let path = path(&method);
        let rules = table.get(&path).unwrap_or_else(|| panic!("{path} declares no access"));
        assert_eq!(rules.streaming, method.is_server_streaming(), "{path}");
    }
}

#[test]
fn the_table_holds_the_services_asked_for_and_those_of_every_service() {
    let table = AccessTable::for_services(&["holdfast.task.v1.TaskService"]);
    let access = |path: &str| table.get(path).map(|rules| rules.access.clone());
    assert_eq!(
        access("/holdfast.task.v1.TaskService/GetTask"),
        Some(Access::User {
            scope: "tasks:read".to_owned()
        })
    );
    assert_eq!(access("/holdfast.auth.v1.AuthService/Login"), None);
    for open in [
        "/grpc.health.v1.Health/Check",
        "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ] {
        assert_eq!(access(open), Some(Access::Public), "{open}");
    }
    for unknown in [
        "",
        "/",
        "holdfast.task.v1.TaskService/GetTask",
        "/holdfast.task.v1.TaskService/gettask",
    ] {
        assert_eq!(access(unknown), None, "{unknown}");
    }
}

/// What anyone may call is listed here, so that the list grows only on purpose.
#[test]
fn ap_05_few_methods_are_public_and_no_task_method_is() {
    let pool = descriptor_pool();
    let mut public = Vec::new();
    for method in methods(&pool) {
        let service = method.parent_service();
        let table = AccessTable::for_services(&[service.full_name()]);
        if table.get(&path(&method)).map(|rules| &rules.access) == Some(&Access::Public) {
            public.push(format!("{}/{}", service.name(), method.name()));
        }
    }
    public.sort();
    assert_eq!(
        public,
        ["GetJwks", "Login", "Logout", "Refresh", "Register", "ResetPassword"]
            .map(|name| format!("AuthService/{name}"))
    );
}

/// PW-09, PW-10, PW-14: no question or hint stands in for a password, none expires, and only its person chooses one.
#[test]
fn pw_14_passwords_are_chosen_by_who_has_them() {
    let pool = descriptor_pool();
    let mut with_password = BTreeSet::new();
    for message in pool
        .all_messages()
        .filter(|message| message.full_name().starts_with("holdfast."))
    {
        for field in message.fields() {
            let name = field.name();
            for word in ["hint", "question", "password_expire"] {
                assert!(!name.contains(word), "{}.{name}", message.name());
            }
            if name.contains("password") {
                with_password.insert(format!("{}.{name}", message.name()));
            }
        }
    }
    let expected = [
        "ChangePasswordRequest.current_password",
        "ChangePasswordRequest.new_password",
        "DeleteAccountRequest.password",
        "LoginRequest.password",
        "RegisterRequest.password",
        "ResetPasswordRequest.new_password",
    ];
    assert_eq!(with_password.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

/// OA-05: a person's method names one scope that tokens carry; the others name none.
#[test]
fn oa_05_scopes_are_those_that_tokens_carry() {
    let pool = descriptor_pool();
    let known: HashSet<&str> = SCOPE.split(' ').collect();
    for method in methods(&pool) {
        let path = path(&method);
        let table = AccessTable::for_services(&[method.parent_service().full_name()]);
        match &table.get(&path).expect("a declared access").access {
            Access::User { scope } => assert!(known.contains(scope.as_str()), "{path}: {scope:?}"),
            Access::Public | Access::Service => {
                let rules = method_rules(&pool, &method).unwrap();
                assert_eq!(text(&rules, "scope"), "", "{path}");
            }
        }
    }
}

#[test]
fn every_http_rule_is_well_formed() {
    let pool = descriptor_pool();
    let http = pool.get_extension_by_name("google.api.http").unwrap();
    let mut routes = HashSet::new();
    for method in methods(&pool) {
        let path = path(&method);
        let options = method.options();
        let rules = method_rules(&pool, &method).unwrap();
        if rules.get_field_by_name("access").unwrap().as_enum_number() == Some(3) {
            assert!(!options.has_extension(&http), "{path} is for services, not for HTTP");
            continue;
        }
        assert!(options.has_extension(&http), "{path} has no google.api.http rule");
        let rule = options.get_extension(&http).as_message().unwrap().clone();
        for rule in [rule.clone()].into_iter().chain(additional(&rule)) {
            let (verb, template) = verb_and_template(&rule).unwrap_or_else(|| panic!("{path} has no HTTP pattern"));
            assert!(
                routes.insert((verb, shape(&template))),
                "{path}: {verb} {template} is taken"
            );
            assert!(is_path(&template), "{path}: {template}");
            let input = method.input();
            for variable in variables(&template) {
                assert!(is_text_field(&input, &variable), "{path}: no string field {variable}");
            }
            let body = text(&rule, "body");
            match verb {
                "get" | "delete" => assert_eq!(body, "", "{path}: {verb} has no body"),
                _ if body == "*" => {}
                _ => {
                    let field = input.get_field_by_name(&body);
                    let message = field.is_some_and(|field| field.kind().as_message().is_some() && !field.is_list());
                    assert!(message, "{path}: the body {body:?} is no message of the request");
                }
            }
            assert_eq!(text(&rule, "response_body"), "", "{path}: nobody reads response_body");
        }
    }
}

#[test]
fn success_statuses_and_locations_can_be_answered() {
    let pool = descriptor_pool();
    for method in methods(&pool) {
        let path = path(&method);
        let rules = method_rules(&pool, &method).unwrap();
        let status = rules.get_field_by_name("success_status").unwrap().as_i32().unwrap();
        assert!(status == 0 || (200..300).contains(&status), "{path}: {status}");
        let location = text(&rules, "location");
        if !location.is_empty() {
            assert!(status == 201 && is_path(&location), "{path}: {location}");
            for variable in variables(&location) {
                let found = is_text_field(&method.output(), &variable);
                assert!(found, "{path}: the answer has no string field {variable}");
            }
        }
    }
}

fn additional(rule: &DynamicMessage) -> Vec<DynamicMessage> {
    let bindings = rule.get_field_by_name("additional_bindings").unwrap();
    let bindings = bindings.as_list().unwrap();
    bindings.iter().filter_map(Value::as_message).cloned().collect()
}

fn verb_and_template(rule: &DynamicMessage) -> Option<(&'static str, String)> {
    ["get", "put", "post", "delete", "patch"]
        .into_iter()
        .find(|verb| rule.has_field_by_name(verb))
        .map(|verb| (verb, text(rule, verb)))
}

/// Absolute, without empty segments, queries, wildcards or unbalanced braces.
fn is_path(template: &str) -> bool {
    let segments = template
        .strip_prefix('/')
        .map(|rest| rest.split('/').collect::<Vec<_>>());
    segments.is_some_and(|segments| {
        segments.iter().all(|segment| {
            let variable = segment.starts_with('{');
            !segment.is_empty()
                && !segment.contains(['?', '#', '*', '=', ' '])
                && segment.matches('{').count() == usize::from(variable)
                && segment.matches('}').count() == usize::from(variable)
        })
    })
}

fn variables(template: &str) -> Vec<String> {
    template
        .split('{')
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap().to_owned())
        .collect()
}

/// The template with its variables unnamed: two of one shape match the same requests.
fn shape(template: &str) -> String {
    variables(template)
        .iter()
        .fold(template.to_owned(), |shape, variable| shape.replace(variable, ""))
}

/// Whether a dotted path leads to a single string field.
fn is_text_field(message: &MessageDescriptor, path: &str) -> bool {
    let (name, rest) = path
        .split_once('.')
        .map_or((path, None), |(name, rest)| (name, Some(rest)));
    message.get_field_by_name(name).is_some_and(|field| {
        !field.is_list()
            && match (field.kind(), rest) {
                (Kind::String, None) => true,
                (Kind::Message(inner), Some(rest)) => is_text_field(&inner, rest),
                _ => false,
            }
    })
}
