//! A hundred sessions end in each second, in every way in which people end them: within a second of the
//! acknowledgement nobody takes their unexpired access tokens any more (SE-04), and that stays so.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use platform::testing::{Workspace, address_of, postgres_database};
use proto::auth::v1::{
    LoginRequest, LogoutRequest, RegisterRequest, RevokeOtherSessionsRequest, RevokeSessionRequest, Tokens,
    auth_service_client::AuthServiceClient,
};
use tokio::{task::JoinSet, time::sleep};
use tonic::transport::Channel;

use crate::{
    PASSWORD, bearer, channel, part_of,
    process::{Process, ServiceProcess, command},
    quantile,
    verifiers::Verifiers,
};

const ACCOUNTS: usize = 100;
/// So many sessions of each account are ended in each of the three ways.
const EACH_WAY: usize = 10;
const BETWEEN_ENDINGS: Duration = Duration::from_millis(10);
/// One in so many is measured.
const SAMPLED: usize = 4;
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
/// How many sign in at once beforehand.
const VISITORS: usize = 6;

/// Somebody with a session that stays and some that do not.
struct Person {
    kept: Tokens,
    ended: Vec<Tokens>,
}

#[derive(Clone, Copy)]
enum Ending {
    Logout(usize),
    Revoke(usize),
    /// The last sessions of an account, in one call.
    RevokeOthers,
}

/// What is known of the sessions afterwards.
struct Known {
    ended: Vec<String>,
    kept: Vec<String>,
}

impl Known {
    async fn check(&self, verifiers: &Verifiers) {
        for token in &self.ended {
            verifiers.refuse(token).await;
        }
        for token in &self.kept {
            verifiers.take(token).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_are_refused_within_a_second_on_sqlite() {
    let workspace = Workspace::new();
    let start = || {
        let mut command = command(workspace.path());
        for (name, value) in settings() {
            command.env(name, value);
        }
        Process::start_as(&mut command)
    };
    let process = start();
    let verifiers = Verifiers::new(&[process.task], process.gateway);
    let known = end_sessions("SQLite", &[process.auth], &verifiers).await;
    process.kill();
    let process = start();
    known.check(&Verifiers::new(&[process.task], process.gateway)).await;
    process.kill();
}

#[tokio::test(flavor = "multi_thread")]
async fn ended_sessions_are_refused_within_a_second_on_postgres() {
    let workspace = Workspace::new();
    let [auth_url, task_url] = [
        &postgres_database(&auth_service::store::SCHEMA).await,
        &postgres_database(&task_service::store::SCHEMA).await,
    ]
    .map(address_of);
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
    let mut environment = settings();
    environment.extend([
        ("HOLDFAST_AUTH_DATABASE_URL", auth_url),
        ("HOLDFAST_TASK_DATABASE_URL", task_url),
        ("HOLDFAST_MASTER_KEY", format!("soak:{key}")),
        ("HOLDFAST_SERVICE_KEY", key),
    ]);
    let start = |binary: &str, environment: &[(&str, String)]| -> ServiceProcess {
        ServiceProcess::start(binary, workspace.path(), environment)
    };
    let auth = [(); 2].map(|()| start("auth-service", &environment));
    environment.push(("HOLDFAST_AUTH_ADDR", all(&auth)));
    let mut tasks = [(); 2].map(|()| start("task-service", &environment));
    environment.push(("HOLDFAST_TASK_ADDR", all(&tasks)));
    let gateway = start("gateway", &environment);
    for process in tasks.iter().chain([&gateway]) {
        process.ready();
    }
    let issuers = auth.each_ref().map(|process| process.address);
    let verifiers = Verifiers::new(&tasks.each_ref().map(|process| process.address), gateway.address);
    let known = end_sessions("PostgreSQL", &issuers, &verifiers).await;
    // A replica that was not there when they ended.
    tasks[0] = start("task-service", &environment);
    tasks[0].ready();
    environment.push(("HOLDFAST_TASK_ADDR", all(&tasks)));
    let gateway = start("gateway", &environment);
    gateway.ready();
    let verifiers = Verifiers::new(&tasks.each_ref().map(|process| process.address), gateway.address);
    known.check(&verifiers).await;
}

fn settings() -> Vec<(&'static str, String)> {
    vec![
        // The tokens outlive the test.
        ("HOLDFAST_ACCESS_TOKEN_TTL", "1h".to_owned()),
        // The test itself, as a crowd.
        ("HOLDFAST_THROTTLE_EXEMPT", "127.0.0.0/8".to_owned()),
        ("HOLDFAST_LOG", "error".to_owned()),
    ]
}

fn all(processes: &[ServiceProcess]) -> String {
    let addresses = processes.iter().map(|process| format!("http://{}", process.address));
    addresses.collect::<Vec<_>>().join(",")
}

/// Ends sessions and measures; returns what must be so from then on.
async fn end_sessions(name: &str, issuers: &[SocketAddr], verifiers: &Verifiers) -> Known {
    let began = Instant::now();
    let people = Arc::new(sign_in(issuers).await);
    println!(
        "{name}: {} sessions opened in {:.1?}",
        sessions(&people),
        began.elapsed()
    );
    let sampled = || people.iter().flat_map(|person| person.ended.iter().step_by(SAMPLED));
    let known = Known {
        ended: sampled().map(|tokens| tokens.access_token.clone()).collect(),
        kept: people.iter().map(|person| person.kept.access_token.clone()).collect(),
    };
    // As in use: every verifier remembers them.
    for token in known.ended.iter().chain(&known.kept) {
        verifiers.take(token).await;
    }
    let over = Arc::new(AtomicBool::new(false));
    let bystanders = tokio::spawn(go_on(known.kept.clone(), verifiers.clone(), over.clone()));

    let channels: Vec<Channel> = issuers.iter().copied().map(channel).collect();
    let (began, mut endings) = (Instant::now(), JoinSet::new());
    let mut ended = 0;
    for (account, ending) in schedule() {
        sleep((BETWEEN_ENDINGS * ended).saturating_sub(began.elapsed())).await;
        ended += match ending {
            Ending::Logout(_) | Ending::Revoke(_) => 1,
            Ending::RevokeOthers => u32::try_from(EACH_WAY).unwrap(),
        };
        let auth = AuthServiceClient::new(channels[account % channels.len()].clone());
        let (people, verifiers) = (people.clone(), verifiers.clone());
        endings.spawn(async move { end(&people[account], ending, auth, &verifiers).await });
    }
    let took = began.elapsed();
    let measured = endings.join_all().await.concat();
    over.store(true, Ordering::Relaxed);
    let calls = bystanders.await.unwrap();

    assert_eq!(measured.len(), known.ended.len());
    println!(
        "{name}: {ended} sessions ended in {took:.1?}, {} of them measured; {calls} calls of sessions that stayed",
        measured.len()
    );
    for verifier in 0..verifiers.count() {
        let at_one = measured.iter().map(|times| times[verifier]).collect();
        let which = match verifier + 1 {
            number if number == verifiers.count() => "the gateway".to_owned(),
            number => format!("task-service {number}"),
        };
        say(&format!("{name}: refused by {which}"), at_one);
    }
    let everywhere = measured.iter().map(|times| times.iter().copied().max().unwrap());
    let high = say(&format!("{name}: refused by everybody"), everywhere.collect());
    assert!(high <= REFUSED_WITHIN, "p99 {high:?}");
    // It was as many a second as it should be.
    assert!(took < BETWEEN_ENDINGS * ended + Duration::from_secs(3), "{took:?}");
    known.check(verifiers).await;
    known
}

/// Prints the measurements and returns the 99th percentile.
fn say(what: &str, mut took: Vec<Duration>) -> Duration {
    let [median, high, slowest] = [0.5, 0.99, 1.0].map(|share| quantile(&mut took, share));
    println!("{what}: p50 {median:.1?}, p99 {high:.1?}, max {slowest:.1?}");
    high
}

fn sessions(people: &[Person]) -> usize {
    people.iter().map(|person| person.ended.len() + 1).sum()
}

async fn sign_in(issuers: &[SocketAddr]) -> Vec<Person> {
    let mut visitors = JoinSet::new();
    for visitor in 0..VISITORS {
        let mut auth = AuthServiceClient::new(channel(issuers[visitor % issuers.len()]));
        visitors.spawn(async move {
            let mut people = Vec::new();
            for number in (visitor..ACCOUNTS).step_by(VISITORS) {
                let email = format!("person{number}@example.com");
                let register = RegisterRequest {
                    email: email.clone(),
                    password: PASSWORD.to_owned(),
                    display_name: String::new(),
                };
                let registered = auth.register(register).await.unwrap().into_inner();
                let mut person = Person {
                    kept: registered.tokens.unwrap(),
                    ended: Vec::new(),
                };
                for _ in 0..3 * EACH_WAY {
                    let login = LoginRequest {
                        email: email.clone(),
                        password: PASSWORD.to_owned(),
                    };
                    let login = auth.login(login).await.unwrap().into_inner();
                    person.ended.push(login.tokens.unwrap());
                }
                people.push(person);
            }
            people
        });
    }
    visitors.join_all().await.into_iter().flatten().collect()
}

/// Who ends what, in order. The last sessions of an account go when the others surely have.
fn schedule() -> Vec<(usize, Ending)> {
    const LATER: usize = 5;
    let mut schedule = Vec::new();
    for account in 0..ACCOUNTS + LATER {
        if account < ACCOUNTS {
            for number in 0..EACH_WAY {
                schedule.push((account, Ending::Logout(number)));
                schedule.push((account, Ending::Revoke(EACH_WAY + number)));
            }
        }
        if let Some(account) = account.checked_sub(LATER) {
            schedule.push((account, Ending::RevokeOthers));
        }
    }
    schedule
}

/// Ends one or more sessions: for each that is measured, how long each verifier took it from the acknowledgement on.
async fn end(
    person: &Person,
    ending: Ending,
    mut auth: AuthServiceClient<Channel>,
    verifiers: &Verifiers,
) -> Vec<Vec<Duration>> {
    let own = &person.kept.access_token;
    let numbers = match ending {
        Ending::Logout(number) => {
            let refresh_token = person.ended[number].refresh_token.clone();
            let logout = LogoutRequest { refresh_token };
            auth.logout(logout).await.unwrap();
            number..=number
        }
        Ending::Revoke(number) => {
            let claims = part_of(&person.ended[number].access_token, 1);
            let session_id = claims["sid"].as_str().unwrap().to_owned();
            let revoke = bearer(own, RevokeSessionRequest { session_id });
            auth.revoke_session(revoke).await.unwrap();
            number..=number
        }
        Ending::RevokeOthers => {
            let revoke = bearer(own, RevokeOtherSessionsRequest {});
            auth.revoke_other_sessions(revoke).await.unwrap();
            2 * EACH_WAY..=3 * EACH_WAY - 1
        }
    };
    let acknowledged = Instant::now();
    let mut measuring = JoinSet::new();
    for number in numbers.filter(|number| number % SAMPLED == 0) {
        let (token, verifiers) = (person.ended[number].access_token.clone(), verifiers.clone());
        measuring.spawn(async move {
            let mut each = JoinSet::new();
            for verifier in 0..verifiers.count() {
                let (token, verifiers) = (token.clone(), verifiers.clone());
                each.spawn(async move { (verifier, verifiers.refused(verifier, &token, acknowledged).await) });
            }
            let mut each = each.join_all().await;
            each.sort_unstable();
            each.into_iter().map(|(_, took)| took).collect()
        });
    }
    measuring.join_all().await
}

/// The sessions that stay, in use all the while; how often.
async fn go_on(kept: Vec<String>, verifiers: Verifiers, over: Arc<AtomicBool>) -> usize {
    let mut calls = 0;
    while !over.load(Ordering::Relaxed) {
        let (token, verifier) = (&kept[calls % kept.len()], calls % verifiers.count());
        let answer = verifiers.call(verifier, token).await;
        answer.unwrap_or_else(|reason| panic!("verifier {verifier} refuses a session that stayed: {reason}"));
        calls += 1;
        sleep(Duration::from_millis(20)).await;
    }
    calls
}
