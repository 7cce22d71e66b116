//! Several gateways before the same services, which know nothing of each other.

use std::{collections::BTreeSet, fs};

use futures_util::future::join_all;
use http::Method;
use platform::testing::Workspace;
use serde_json::json;

use crate::{
    process::{Process, ServiceProcess, command},
    rest::{Answer, Rest},
};

const ACCESS: &str = "__Host-holdfast-access";
const REFRESH: &str = "__Host-holdfast-refresh";

/// What an answer puts into a cookie.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").iter();
    let mut values = cookies.filter_map(|cookie| {
        let (given, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
        (given == name).then(|| rest.split(';').next().unwrap().to_owned())
    });
    values.next()
}

/// BR-07: requests of one browser that meet different gateways, all with the same cookies, whose access token has ended.
#[tokio::test]
async fn twenty_tabs_over_three_gateways_sign_nobody_out() {
    let workspace = Workspace::new();
    let data = workspace.path().join("data");
    let process = Process::start_as(&mut command(&data));
    let environment = [
        ("HOLDFAST_AUTH_ADDR", format!("http://{}", process.auth)),
        ("HOLDFAST_TASK_ADDR", format!("http://{}", process.task)),
        (
            "HOLDFAST_SERVICE_KEY",
            fs::read_to_string(data.join("service.key")).unwrap().trim().to_owned(),
        ),
    ];
    let others: Vec<_> = (0..2)
        .map(|number| {
            let own = workspace.path().join(format!("gateway {number}"));
            ServiceProcess::start("gateway", &own, &environment)
        })
        .collect();
    others.iter().for_each(ServiceProcess::ready);
    let addresses = others.iter().map(|gateway| gateway.address).chain([process.gateway]);
    let gateways: Vec<_> = addresses.map(Rest::new).collect();

    let account = json!({"email": "grace@example.com", "password": "correct horse battery staple"});
    let registered = gateways[0]
        .post("/session/register", &[("sec-fetch-site", "same-origin")], &account)
        .await;
    assert_eq!(registered.status, 201, "{registered:?}");
    let mut refresh = cookie(&registered, REFRESH).unwrap();
    for _ in 0..5 {
        let cookies = format!("{REFRESH}={refresh}");
        let headers = [("cookie", &*cookies), ("sec-fetch-site", "same-origin")];
        let tabs =
            (0..20).map(|tab| gateways[tab % gateways.len()].send(Method::GET, "/v1/tasks", &headers, "".into()));
        let answers = join_all(tabs).await;
        assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
        let successors: BTreeSet<_> = answers.iter().map(|answer| cookie(answer, REFRESH)).collect();
        let successor = successors.first().cloned().flatten().unwrap();
        assert_eq!(successors.len(), 1, "one chain");
        assert_ne!(successor, refresh);
        let access = answers
            .iter()
            .filter_map(|answer| cookie(answer, ACCESS))
            .collect::<Vec<_>>();
        assert_eq!(access.len(), 20);
        refresh = successor;
    }
    process.kill();
}
