//! The Dockerfile, docker-compose.yml and what they need say of the binaries and their settings what is so.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use platform::{
    configuration::{DataCommand, Listener, Program, command},
    testing::Workspace,
};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value};
use standalone::ADMIN_LISTEN;

use crate::process;

const PROGRAM: Program = Program {
    name: "holdfast",
    about: "",
    needs: &[],
    listeners: &[Listener::Auth, Listener::Task, Listener::Gateway],
    peers: &[],
    admin_listen: ADMIN_LISTEN,
};

/// The contract's services: where each serves, and which of the secrets it cannot do without.
const SERVICES: [(&str, &str, u16, &[&str]); 3] = [
    (
        "auth-service",
        "HOLDFAST_AUTH_LISTEN",
        50051,
        &[
            "HOLDFAST_AUTH_DATABASE_URL",
            "HOLDFAST_MASTER_KEY",
            "HOLDFAST_SERVICE_KEY",
        ],
    ),
    (
        "task-service",
        "HOLDFAST_TASK_LISTEN",
        50052,
        &["HOLDFAST_TASK_DATABASE_URL", "HOLDFAST_SERVICE_KEY"],
    ),
    ("gateway", "HOLDFAST_GATEWAY_LISTEN", 8080, &["HOLDFAST_SERVICE_KEY"]),
];

/// Settings that say where a process is and what it keeps there. The others are for people to choose.
const OF_THE_DEPLOYMENT: [&str; 7] = ["_LISTEN", "_ADDR", "_URL", "_KEY", "_FILE", "_DIR", "_POOLER"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The compose file as Compose reads it: aliases and merges resolved.
fn compose() -> Value {
    let text = text("docker-compose.yml");
    json(&Yaml::load_from_str(&text).unwrap()[0])
}

fn json(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::String(value)) => Value::from(&**value),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => {
            let mut own = Map::new();
            let mut merged = Map::new();
            for (key, value) in entries {
                match (key.as_str().unwrap(), json(value)) {
                    ("<<", Value::Object(fields)) => merged = fields,
                    (key, value) => drop(own.insert(key.to_owned(), value)),
                }
            }
            merged.extend(own);
            Value::Object(merged)
        }
        other => panic!("not used in a compose file: {other:?}"),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

fn strings(value: &Value) -> Vec<&str> {
    let items = value.as_array().into_iter().flatten();
    items.map(|item| item.as_str().unwrap()).collect()
}

/// A variable's value where nothing is set: `${NAME:-default}` is the default.
fn unset(value: &str) -> String {
    let Some((before, rest)) = value.split_once("${") else {
        return value.to_owned();
    };
    let (variable, after) = rest.split_once('}').unwrap();
    let (_, default) = variable.split_once(":-").unwrap_or((variable, ""));
    format!("{before}{default}{after}")
}

/// The services that run a binary of ours.
fn ours(compose: &Value) -> Vec<(&str, &Value)> {
    let ours: Vec<_> = entries(&compose["services"])
        .filter(|(name, _)| *name != "postgres")
        .collect();
    assert_eq!(ours.len(), 5, "three services, two migrations");
    ours
}

fn environment(service: &Value) -> impl Iterator<Item = (&str, &str)> {
    entries(&service["environment"])
        .map(|(name, value)| (name, value.as_str().unwrap_or_else(|| panic!("{name} is not quoted"))))
}

fn settings() -> BTreeSet<String> {
    let command = command::<DataCommand>(&PROGRAM);
    let names = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str());
    names.map(str::to_owned).collect()
}

/// The binaries that `cargo build` makes: those of the default members.
fn binaries() -> BTreeSet<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let members = manifest
        .lines()
        .find_map(|line| line.strip_prefix("default-members = "));
    let members: Vec<String> = serde_json::from_str(members.unwrap()).unwrap();
    let members = members.iter().map(|member| root().join(member));
    let with_main = members.filter(|member| member.join("src/main.rs").exists());
    let binary = |member: PathBuf| {
        let manifest = fs::read_to_string(member.join("Cargo.toml")).unwrap();
        let section = manifest.split_once("[[bin]]").unwrap_or(("", &manifest)).1;
        let name = section.lines().find_map(|line| line.strip_prefix("name = "));
        name.unwrap().trim_matches('"').to_owned()
    };
    with_main.map(binary).collect()
}

#[test]
fn every_variable_is_a_setting_and_every_choice_is_passed_on() {
    let compose = compose();
    let settings = settings();
    for (service, definition) in ours(&compose) {
        for (name, value) in environment(definition) {
            assert!(settings.contains(name), "{service}: {name} is not a setting");
            if value.contains('$') {
                assert_eq!(value, format!("${{{name}:-}}"), "{service}: {name} passes on another");
            }
        }
        for name in &settings {
            let choice = !OF_THE_DEPLOYMENT.iter().any(|ending| name.ends_with(ending));
            assert!(
                !choice || definition["environment"].get(name).is_some(),
                "{service}: {name} is not passed on"
            );
        }
    }
}

#[test]
fn every_command_is_one_of_the_binaries() {
    let compose = compose();
    let command = command::<DataCommand>(&PROGRAM);
    let binaries = binaries();
    for (name, service) in ours(&compose) {
        let [binary, action] = strings(&service["command"])[..] else {
            panic!("{name}: a binary and what it does");
        };
        assert!(binaries.contains(binary), "{name}: there is no {binary}");
        assert!(
            command.find_subcommand(action).is_some(),
            "{name}: {binary} has no {action}"
        );
        if let Some(database) = name.strip_suffix("-migrate") {
            assert_eq!((binary, action), (&*format!("{database}-service"), "migrate"), "{name}");
            assert_eq!(service["restart"], "no", "{name}");
        } else {
            assert_eq!((binary, action), (name, "serve"));
            assert_eq!(
                strings(&service["healthcheck"]["test"]),
                ["CMD", binary, "healthcheck"],
                "{name}"
            );
            assert_eq!(service["restart"], "unless-stopped", "{name}");
        }
    }
}

#[test]
fn every_address_is_the_contracts_and_only_the_gateway_is_published() {
    let compose = compose();
    for (name, service) in entries(&compose["services"]) {
        let ports: Vec<_> = strings(&service["ports"]).into_iter().map(unset).collect();
        if name == "gateway" {
            assert_eq!(ports, ["127.0.0.1:8080:8080"]);
            assert!(strings(&service["networks"]).contains(&"outside"));
        } else {
            assert!(ports.is_empty(), "{name} is published: {ports:?}");
            assert!(
                !strings(&service["networks"]).is_empty(),
                "{name} is in the default network"
            );
            for network in strings(&service["networks"]) {
                assert_eq!(
                    compose["networks"][network]["internal"], true,
                    "{name}: {network} leads outside"
                );
            }
        }
        assert!(service.get("network_mode").is_none(), "{name}");
        // Where it is by default, loopback, nothing but its own health check gets at it.
        assert!(service["environment"].get("HOLDFAST_ADMIN_LISTEN").is_none(), "{name}");
    }
    for (name, service) in ours(&compose) {
        for (variable, value) in environment(service) {
            if variable.ends_with("_LISTEN") {
                let (_, _, port, _) = SERVICES
                    .iter()
                    .find(|(owner, listen, ..)| (*owner, *listen) == (name, variable))
                    .unwrap_or_else(|| panic!("{name} has no use for {variable}"));
                assert_eq!(value, format!("0.0.0.0:{port}"), "{name}");
            }
            if variable.ends_with("_ADDR") {
                let (host, ..) = SERVICES
                    .iter()
                    .find(|(_, listen, ..)| listen.trim_end_matches("_LISTEN") == variable.trim_end_matches("_ADDR"))
                    .unwrap();
                let listen = compose["services"][host]["environment"][variable.replace("_ADDR", "_LISTEN")].clone();
                let port = listen.as_str().unwrap().rsplit_once(':').unwrap().1;
                assert_eq!(value, format!("http://{host}:{port}"), "{name}");
                let meet = |network| strings(&service["networks"]).contains(network);
                assert!(
                    strings(&compose["services"][host]["networks"]).iter().any(meet),
                    "{name}"
                );
            }
        }
    }
    let given = |service: &str, variable: &str| compose["services"][service]["environment"].get(variable).is_some();
    for (name, listen, ..) in SERVICES {
        assert!(given(name, listen), "{name} can be reached by itself only");
    }
    assert!(given("task-service", "HOLDFAST_AUTH_ADDR"));
    assert!(given("gateway", "HOLDFAST_AUTH_ADDR") && given("gateway", "HOLDFAST_TASK_ADDR"));
}

#[test]
fn every_container_may_do_as_little_as_it_can() {
    let compose = compose();
    for (name, service) in entries(&compose["services"]) {
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(strings(&service["cap_drop"]), ["ALL"], "{name}");
        assert_eq!(strings(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        assert!(
            service.get("cap_add").is_none() && service.get("privileged").is_none(),
            "{name}"
        );
        let user = service["user"].as_str().unwrap_or_default();
        assert_eq!(
            user,
            if name == "postgres" { "postgres" } else { "10001:10001" },
            "{name}"
        );
        assert!(name == "postgres" || service.get("volumes").is_none(), "{name}");
    }
}

#[test]
fn everything_waits_for_what_it_needs() {
    let compose = compose();
    let waits = |service: &str| -> Vec<(String, String)> {
        let depends_on = entries(&compose["services"][service]["depends_on"]);
        depends_on
            .map(|(on, how)| (on.to_owned(), how["condition"].as_str().unwrap().to_owned()))
            .collect()
    };
    let (healthy, completed) = ("service_healthy", "service_completed_successfully");
    for (service, needed) in [
        ("auth-migrate", vec![("postgres", healthy)]),
        ("task-migrate", vec![("postgres", healthy)]),
        ("auth-service", vec![("auth-migrate", completed)]),
        ("task-service", vec![("task-migrate", completed)]),
        ("gateway", vec![("auth-service", healthy), ("task-service", healthy)]),
    ] {
        let needed: Vec<_> = needed
            .into_iter()
            .map(|(on, how)| (on.to_owned(), how.to_owned()))
            .collect();
        assert_eq!(waits(service), needed, "{service}");
    }
    let built = ours(&compose)
        .into_iter()
        .filter(|(_, service)| service.get("build").is_some());
    assert_eq!(built.count(), 1, "builds of one image get in each other's way");
}

/// Makes the secrets, and returns where they are.
pub(crate) fn make_secrets(workspace: &Workspace) -> PathBuf {
    let directory = workspace.path().join("secrets");
    let made = process::run(Command::new(root().join("scripts/compose-secrets")).arg(&directory));
    assert!(made.status.success(), "{made:?}");
    directory
}

#[test]
fn secrets_come_from_files_and_are_made_once() {
    let workspace = Workspace::new();
    let directory = make_secrets(&workspace);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700, "the directory is what closes");
    let files = || -> BTreeSet<(String, String)> {
        let files = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path());
        files
            .map(|file| {
                let name = file.file_name().unwrap().to_str().unwrap().to_owned();
                (name, fs::read_to_string(file).unwrap())
            })
            .collect()
    };
    let first = files();
    make_secrets(&workspace);
    assert_eq!(files(), first, "the second time changes nothing");
    assert!(
        first.contains(&(".gitignore".to_owned(), "*\n".to_owned())),
        "git ignores them"
    );

    let compose = compose();
    let defined: BTreeSet<_> = entries(&compose["secrets"]).map(|(name, _)| name).collect();
    let names: BTreeSet<_> = first
        .iter()
        .map(|(name, _)| &**name)
        .filter(|name| *name != ".gitignore")
        .collect();
    assert_eq!(names, defined);
    for (name, secret) in entries(&compose["secrets"]) {
        assert_eq!(secret["file"], format!("./deploy/compose/secrets/{name}"));
        // Whoever runs in the container is not the owner of the file outside.
        assert_eq!(mode(&directory.join(name)), 0o444, "{name}");
    }

    for (name, service) in entries(&compose["services"]) {
        let given: BTreeSet<_> = strings(&service["secrets"]).into_iter().collect();
        let used: BTreeSet<_> = environment(service)
            .filter_map(|(variable, value)| {
                if let Some(file) = value.strip_prefix("/run/secrets/") {
                    assert!(variable.ends_with("_FILE"), "{name}: {variable} is no file");
                    return Some(file);
                }
                let secret = ["_KEY", "_URL", "PASSWORD"].iter().any(|end| variable.ends_with(end));
                assert!(!secret, "{name}: {variable} stands in the compose file");
                None
            })
            .collect();
        if name == "postgres" {
            assert!(given.is_superset(&used));
        } else {
            assert_eq!(given, used, "{name}");
        }
    }
    for (name, _, _, needs) in SERVICES {
        let given: BTreeSet<_> = environment(&compose["services"][name])
            .filter_map(|(variable, value)| Some((variable.strip_suffix("_FILE")?.to_owned(), value.to_owned())))
            .collect();
        let wanted: BTreeSet<_> = needs
            .iter()
            .map(|need| {
                let secret = need.trim_start_matches("HOLDFAST_").to_lowercase();
                ((*need).to_owned(), format!("/run/secrets/{secret}"))
            })
            .collect();
        assert_eq!(given, wanted, "{name}");
    }
    for database in ["auth", "task"] {
        let job = &compose["services"][format!("{database}-migrate")]["environment"];
        let owner = format!("/run/secrets/{database}_owner_database_url");
        let variable = format!("HOLDFAST_{}_DATABASE_URL_FILE", database.to_uppercase());
        assert_eq!(job[variable], owner, "the owner migrates");
    }
}

#[test]
fn every_value_is_one_that_the_binaries_take() {
    let workspace = Workspace::new();
    let secrets = make_secrets(&workspace);
    for (name, service) in ours(&compose()) {
        let mut healthcheck = process::command(workspace.path());
        for (variable, value) in environment(service) {
            let value = unset(value).replace("/run/secrets", secrets.to_str().unwrap());
            healthcheck.env(variable, value);
        }
        takes_its_settings(name, &mut healthcheck);
    }
}

/// Nobody is there to be asked, but what the command was told is checked first.
fn takes_its_settings(name: &str, command: &mut Command) {
    let asked = process::run(command.env("HOLDFAST_ADMIN_LISTEN", "127.0.0.1:1").arg("healthcheck"));
    let told = String::from_utf8_lossy(&asked.stderr);
    assert_eq!(asked.status.code(), Some(1), "{name}: {told}");
    assert!(told.contains("no answer at 127.0.0.1:1"), "{name}: {told}");
}

#[test]
fn the_image_has_every_binary_and_is_built_from_every_crate() {
    let dockerfile = text("Dockerfile").replace("\\\n", " ");
    let instructions: Vec<(&str, &str)> = dockerfile.lines().filter_map(|line| line.split_once(' ')).collect();
    let all = |name: &'static str| {
        let of_name = instructions.iter().filter(move |(instruction, _)| *instruction == name);
        of_name.map(|(_, arguments)| arguments.trim())
    };

    let workspace = text("Cargo.toml");
    let value = |key: &str| workspace.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    let rust = format!("rust:{}-slim", value("rust-version = ").trim_matches('"'));
    let stages: Vec<_> = all("FROM").collect();
    for stage in &stages[..stages.len() - 1] {
        assert!(stage.starts_with(&rust) || *stage == "sources AS manifests", "{stage}");
    }
    assert!(stages.last().unwrap().starts_with("debian:"), "{stages:?}");

    let copied = all("COPY").next_back().unwrap().split_whitespace();
    let copied: BTreeSet<_> = copied
        .filter_map(|path| path.strip_prefix("/build/target/release/").map(str::to_owned))
        .collect();
    assert_eq!(copied, binaries());

    let kept = text(".dockerignore");
    let members = value("members = ").trim_matches(['[', ']']).split(", ");
    for member in members.chain([".cargo"]) {
        let member = member.trim_matches('"');
        assert!(
            kept.lines().any(|line| line.strip_prefix('!') == Some(member)),
            "{member} is not built"
        );
    }
    assert_eq!(kept.lines().find(|line| !line.starts_with('#')), Some("*"));

    let settings = settings();
    let workspace = Workspace::new();
    let mut healthcheck = process::command(workspace.path());
    let variables = all("ENV").flat_map(str::split_whitespace);
    for variable in variables {
        let (name, value) = variable.split_once('=').unwrap();
        assert!(settings.contains(name), "{name} is not a setting");
        healthcheck.env(name, value);
    }
    takes_its_settings("the image", &mut healthcheck);
    assert_eq!(all("USER").collect::<Vec<_>>(), ["10001:10001"]);
    assert_eq!(all("CMD").collect::<Vec<_>>(), [r#"["holdfast", "serve"]"#]);
    let healthcheck = all("HEALTHCHECK").next().unwrap();
    assert!(
        healthcheck.ends_with(r#"CMD ["holdfast", "healthcheck"]"#),
        "{healthcheck}"
    );
}
