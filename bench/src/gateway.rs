//! P5: what the gateway costs beside Envoy's transcoder, each as the only process on its core, before the same services.

use std::{env, error::Error, fs};

use http::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    cluster::{Cluster, Person},
    cores,
    figures::{CALLERS, ratios},
    load::{Effort, closed},
    report::Report,
    rest::RestClient,
    running::Running,
};

const TASKS: usize = 100;
/// Where Envoy is, if it was installed.
const ENVOY: &str = "ENVOY";

/// Both calls.
pub(crate) async fn measure(report: &mut Report, effort: Effort) -> Result<(), Box<dyn Error>> {
    let cluster = Cluster::start(cores::LOADING, None).await?;
    let person = cluster.person("ada", TASKS).await?;
    let (gateway, address) = cluster.gateway(cores::SERVING)?;
    let directory = TempDir::new()?;
    let envoy = match env::var(ENVOY) {
        Ok(program) => Some(envoy(&program, &cluster, &directory)?),
        Err(_) => None,
    };
    let page = "/v1/tasks?pageSize=50".to_owned();
    let first = RestClient::connect(&address, &person.bearer).await?;
    let listed = first.call(Method::GET, &page, None).await?;
    let listed: serde_json::Value = serde_json::from_slice(&listed)?;
    let id = listed["tasks"][0]["id"].as_str().ok_or("no task is listed")?;
    for (name, path, most, most_of_envoy) in [
        ("get", format!("/v1/tasks/{id}"), 20.0, 0.5),
        ("page of 50", page, 70.0, 1.0 / 3.0),
    ] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            ours.push(call(effort, &gateway, &address, &path, &person).await?);
            if let Some((envoy, address)) = &envoy {
                theirs.push(call(effort, envoy, address, &path, &person).await?);
            }
        }
        report.budget("P5", &format!("gateway, {name}"), "us", &ours, most);
        if theirs.is_empty() {
            continue;
        }
        report.figure(&format!("Envoy's transcoder, {name}"), "us", &theirs);
        let name = format!("gateway, {name}: to Envoy's transcoder");
        report.budget("P5", &name, "times", &ratios(&ours, &theirs), most_of_envoy);
    }
    Ok(())
}

/// The CPU time of a call, in microseconds.
async fn call(
    effort: Effort,
    server: &Running,
    address: &str,
    path: &str,
    person: &Person,
) -> Result<f64, Box<dyn Error>> {
    let mut callers = Vec::new();
    for _ in 0..CALLERS {
        callers.push(RestClient::connect(address, &person.bearer).await?);
    }
    let called = closed(effort, &[server], &callers, async |client| {
        client.call(Method::GET, path, None).await?;
        Ok(())
    })
    .await?;
    Ok(called.cpu)
}

/// Envoy on the core that serves, and its address.
fn envoy(program: &str, cluster: &Cluster, directory: &TempDir) -> Result<(Running, String), Box<dyn Error>> {
    let descriptors = directory.path().join("descriptors.pb");
    fs::write(&descriptors, proto::FILE_DESCRIPTOR_SET)?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let upstream = cluster.task_address.rsplit(':').next().unwrap_or_default();
    let upstream: u16 = upstream.parse()?;
    let socket = |port: u16| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let transcoder = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
        "proto_descriptor": descriptors,
        "services": ["holdfast.task.v1.TaskService"],
        // As the gateway writes them.
        "print_options": {"always_print_primitive_fields": true}
    });
    let manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench",
        "route_config": {"virtual_hosts": [{
            "name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "task"}}]
        }]},
        "http_filters": [
            {"name": "envoy.filters.http.grpc_json_transcoder", "typed_config": transcoder},
            {"name": "envoy.filters.http.router", "typed_config":
                {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}
        ]
    });
    let http2 = json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}}
    }});
    let configuration = json!({"static_resources": {
        "listeners": [{"address": socket(port), "filter_chains": [{"filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]}]}],
        "clusters": [{
            "name": "task", "type": "STATIC", "typed_extension_protocol_options": http2,
            "load_assignment": {"cluster_name": "task", "endpoints": [{"lb_endpoints": [
                {"endpoint": {"address": socket(upstream)}}
            ]}]}
        }]
    }});
    let path = directory.path().join("envoy.json");
    fs::write(&path, configuration.to_string())?;
    let mut command = cores::on(cores::SERVING, program);
    command.args(["--concurrency", "1", "--log-level", "error", "--config-path"]);
    let running = Running::start(command.arg(path))?;
    let address = format!("127.0.0.1:{port}");
    // It does not say when it is ready.
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while std::net::TcpStream::connect(&address).is_err() {
        if std::time::Instant::now() > until {
            return Err("Envoy does not listen".into());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok((running, address))
}
