//! The clients that the README shows, made as it shows: by its own commands, in a copy of what a clone has of them.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use platform::testing::Workspace;
use prost::Message as _;
use prost_types::compiler::CodeGeneratorRequest;
use serde_json::json;

use crate::{
    process::{Process, run},
    rest::Rest,
};

/// Where the clients are, in the repository and in a copy of it.
const CLIENTS: &str = "standalone/tests/clients";
/// How the README has the tools installed, which `scripts/test` did.
const PYTHON_INSTALL: &str = "python3 -m venv venv && . venv/bin/activate && pip install -r requirements.txt\n";
const NODE_INSTALL: &str = "npm install\n";
/// Where the README's clients look for the gateway.
const GATEWAY: &str = "127.0.0.1:8080";

/// Where a tool is.
fn installed(variable: &str) -> PathBuf {
    let path = env::var_os(variable).unwrap_or_else(|| panic!("scripts/test installs it and sets {variable}"));
    let path = PathBuf::from(path);
    assert!(path.exists(), "{variable} is {}, which is not there", path.display());
    path
}

/// The programs of the virtual environment, Python among them.
fn python() -> PathBuf {
    installed("PYTHON_CLIENTS").join("bin")
}

/// The directory that `buf` is in.
fn buf() -> PathBuf {
    installed("BUF").parent().unwrap().to_owned()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A copy of the contract and the clients, and of nothing that was generated or installed.
struct Copy(Workspace);

impl Copy {
    fn new() -> Self {
        let copy = Self(Workspace::new());
        // What is generated or installed is in directories, whose names have no dot.
        let files = format!("buf.yaml proto/google proto/holdfast {CLIENTS}/*/*.*");
        let target = copy.0.path().display();
        shell(
            &repository(),
            &[],
            &format!("cp --parents --recursive {files} '{target}'"),
        );
        copy
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn client(&self, name: &str) -> PathBuf {
        self.path().join(CLIENTS).join(name)
    }
}

/// Runs commands with these directories before the others that commands are looked for in, and returns what they
/// print.
fn shell(directory: &Path, tools: &[PathBuf], commands: &str) -> String {
    let output = run(Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(directory)
        .env("PATH", with(tools)));
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{commands}\n{stdout}{stderr}");
    stdout.into_owned()
}

fn with(tools: &[PathBuf]) -> OsString {
    let path = env::var_os("PATH").unwrap();
    env::join_paths(tools.iter().cloned().chain(env::split_paths(&path))).unwrap()
}

/// The commands that the README has for a client, but for the one that installs what `scripts/test` has installed.
fn commands(client: &str, install: &str) -> String {
    let readme = fs::read_to_string(repository().join("README.md")).unwrap();
    let (_, clients) = readme.split_once("\n## Clients\n").unwrap();
    let (_, told) = clients.split_once(&format!("\n**{client}.**")).unwrap();
    let (_, commands) = told.split_once("\n```sh\n").unwrap();
    let (commands, _) = commands.split_once("```").unwrap();
    assert!(commands.contains(install), "{commands}");
    commands.replace(install, "")
}

/// Makes a client call this gateway, not the one at the port that gateways have by default.
fn readdress(process: &Process, file: &Path) {
    let program = fs::read_to_string(file).unwrap();
    assert!(program.contains(GATEWAY), "{program}");
    fs::write(file, program.replace(GATEWAY, &process.gateway.to_string())).unwrap();
}

/// The person whom the README's tour has registered.
async fn register_ada(process: &Process) {
    let ada = json!({"email": "ada@example.com", "password": "correct horse battery staple"});
    let registered = Rest::new(process.gateway).post("/v1/auth/register", &[], &ada).await;
    assert_eq!(registered.status, 201, "{registered:?}");
}

/// Through the gateway, with nothing but its address.
#[test]
fn python_completes_the_tour_by_reflection_alone() {
    let (workspace, copy) = (Workspace::new(), Copy::new());
    let process = Process::start(workspace.path());
    let tour = format!("python reflection.py {}", process.gateway);
    let told = shell(&copy.client("python"), &[python()], &tour);
    assert_eq!(told, "The tour is complete.\n");
    process.kill();
}

/// At the services themselves.
#[tokio::test(flavor = "multi_thread")]
async fn python_completes_the_tour_with_what_the_readme_generates() {
    let (workspace, copy) = (Workspace::new(), Copy::new());
    let process = Process::start(workspace.path());
    register_ada(&process).await;
    let directory = copy.client("python");
    readdress(&process, &directory.join("call.py"));
    let told = shell(copy.path(), &[python()], &commands("Python", PYTHON_INSTALL));
    assert_eq!(told, "Try Python\nINVALID_ARGUMENT FIELD_INVALID\n");

    let tour = format!(
        "PYTHONPATH=generated python generated.py {} {}",
        process.auth, process.task
    );
    let told = shell(&directory, &[python()], &tour);
    assert_eq!(told, "The tour is complete.\n");
    process.kill();
}

/// Through the gateway: by gRPC-Web over HTTP/1.1, and by gRPC.
#[tokio::test(flavor = "multi_thread")]
async fn typescript_completes_the_tour_with_what_the_readme_generates() {
    let (workspace, copy) = (Workspace::new(), Copy::new());
    let process = Process::start(workspace.path());
    register_ada(&process).await;
    let directory = copy.client("typescript");
    readdress(&process, &directory.join("call.ts"));
    let modules = installed("NODE_CLIENTS").join("node_modules");
    symlink(modules, directory.join("node_modules")).unwrap();
    let told = shell(copy.path(), &[buf()], &commands("TypeScript", NODE_INSTALL));
    assert_eq!(told, "Try TypeScript\nInvalidArgument FIELD_INVALID\n");

    let tour = format!("node build/tour.js http://{}", process.gateway);
    let told = shell(&directory, &[], &tour);
    assert_eq!(
        told,
        "The tour over gRPC-Web is complete.\nThe tour over gRPC is complete.\n"
    );
    process.kill();
}

/// What the plugins for Go are asked for. They need Go, and do not run here.
#[test]
fn the_plugins_for_go_are_asked_for_packages_of_the_module() {
    let copy = Copy::new();
    let plugins = copy.path().join("plugins");
    fs::create_dir(&plugins).unwrap();
    // Each keeps the request. An empty answer is one without files.
    shell(
        &plugins,
        &[],
        r#"for plugin in protoc-gen-go protoc-gen-go-grpc; do
               printf '#!/bin/sh\nexec cat >"$0.request"\n' >$plugin
               chmod +x $plugin
           done"#,
    );
    shell(&copy.client("go"), &[buf(), plugins.clone()], "buf generate");
    for plugin in ["protoc-gen-go", "protoc-gen-go-grpc"] {
        let request = fs::read(plugins.join(format!("{plugin}.request"))).unwrap();
        let request = CodeGeneratorRequest::decode(&*request).unwrap();
        assert_eq!(request.parameter(), "paths=source_relative");
        let package = |name: &str| {
            let file = request.proto_file.iter().find(|file| file.name() == name).unwrap();
            file.options.as_ref().unwrap().go_package().to_owned()
        };
        assert_eq!(
            package("holdfast/task/v1/task.proto"),
            "example.com/tour/generated/holdfast/task/v1;taskv1"
        );
        assert_eq!(
            package("google/api/httpbody.proto"),
            "google.golang.org/genproto/googleapis/api/httpbody;httpbody"
        );
        let generated = &request.file_to_generate;
        assert!(
            generated.iter().all(|file| file.starts_with("holdfast/")),
            "{generated:?}"
        );
        assert!(generated.iter().any(|file| file == "holdfast/auth/v1/auth.proto"));
    }
}
