//! People who write, read and refresh without pause, what they were told, and what must be true because of it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use platform::entropy::{SystemEntropy, uuid_v4};
use proto::{
    auth::v1::{RefreshRequest, RegisterRequest, auth_service_client::AuthServiceClient},
    task::v1::{
        CreateTaskRequest, GetTaskRequest, ListTasksRequest, Task, UpdateTaskRequest,
        task_service_client::TaskServiceClient,
    },
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::{Code, Request, Status, transport::Channel};

use crate::{PASSWORD, channel, process::Process};

/// Each has a writer, a reader and a session that is refreshed.
const PEOPLE: usize = 8;
/// A task is made, then changed so many times; then comes the next.
const CHANGES: u32 = 4;
/// Longer than anything the services wait for: who reaches it was left hanging.
const CALL_DEADLINE: Duration = Duration::from_secs(20);
/// After a refusal. Shorter than the RetryInfo says, to see more of the outage.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Write,
    Read,
    Refresh,
}

/// What somebody was told.
pub(super) struct Answer {
    pub(super) work: Work,
    person: usize,
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) outcome: Result<(), Status>,
}

/// A task of which something is known.
struct Written {
    id: String,
    /// The last change that was acknowledged, 0 the making of it; `None` while nothing was.
    acknowledged: Option<u32>,
    /// The last change that was asked for.
    asked: u32,
}

struct Person {
    number: usize,
    access_token: String,
    tasks: Mutex<Vec<Written>>,
}

/// Everybody at work.
pub(super) struct Load {
    people: Vec<Arc<Person>>,
    clients: JoinSet<()>,
    answers: UnboundedReceiver<Answer>,
    told: Vec<Answer>,
}

impl Load {
    /// Each person writes at one process and reads at the next.
    pub(super) async fn start(processes: &[Process]) -> Self {
        let (tell, answers) = mpsc::unbounded_channel();
        let mut load = Self {
            people: Vec::new(),
            clients: JoinSet::new(),
            answers,
            told: Vec::new(),
        };
        for number in 0..PEOPLE {
            let [near, far] = [number, number + 1].map(|number| &processes[number % processes.len()]);
            let register = RegisterRequest {
                email: format!("person{number}@example.com"),
                password: PASSWORD.to_owned(),
                display_name: String::new(),
            };
            let mut auth = AuthServiceClient::new(channel(near.auth));
            let tokens = auth.register(timed(register)).await.unwrap().into_inner().tokens;
            let tokens = tokens.unwrap();
            let person = Arc::new(Person {
                number,
                access_token: tokens.access_token,
                tasks: Mutex::default(),
            });
            let client = |work| Client {
                person: person.clone(),
                work,
                tell: tell.clone(),
            };
            let [near, far] = [near, far].map(|process| TaskServiceClient::new(channel(process.task)));
            load.clients.spawn(client(Work::Write).write(near));
            load.clients.spawn(client(Work::Read).read(far));
            load.clients
                .spawn(client(Work::Refresh).refresh(auth, tokens.refresh_token));
            load.people.push(person);
        }
        load
    }

    /// Lets them work for a while.
    pub(super) async fn go_on(&mut self, duration: Duration) {
        let told = &mut self.told;
        let answers = &mut self.answers;
        let forever = async {
            while let Some(answer) = answers.recv().await {
                told.push(answer);
            }
        };
        timeout(duration, forever).await.unwrap_err();
    }

    /// Waits until each of them had so many good answers to what they ask from now on; returns who still lacks how
    /// many when the time is over.
    pub(super) async fn all_served(&mut self, times: usize, within: Duration) -> BTreeMap<(usize, Work), usize> {
        let begin = Instant::now();
        let clients =
            (0..PEOPLE).flat_map(|person| [Work::Write, Work::Read, Work::Refresh].map(|work| (person, work)));
        let mut wanted: BTreeMap<_, _> = clients.map(|client| (client, times)).collect();
        while !wanted.is_empty() {
            let left = within.saturating_sub(begin.elapsed());
            let Ok(Some(answer)) = timeout(left, self.answers.recv()).await else {
                break;
            };
            if answer.outcome.is_ok() && answer.began >= begin {
                let client = (answer.person, answer.work);
                match wanted.get_mut(&client) {
                    Some(1) => drop(wanted.remove(&client)),
                    Some(times) => *times -= 1,
                    None => {}
                }
            }
            self.told.push(answer);
        }
        wanted
    }

    /// Ends it, in order: every call is answered.
    pub(super) async fn end(mut self) -> (Vec<Answer>, Ledger) {
        self.answers.close();
        while let Some(answer) = self.answers.recv().await {
            self.told.push(answer);
        }
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        (self.told, Ledger(self.people))
    }
}

/// What was acknowledged to whom.
pub(super) struct Ledger(Vec<Arc<Person>>);

impl Ledger {
    pub(super) fn tasks(&self) -> usize {
        let known = |person: &Arc<Person>| {
            person
                .tasks
                .lock()
                .unwrap()
                .iter()
                .filter(|task| task.acknowledged.is_some())
                .count()
        };
        self.0.iter().map(known).sum()
    }

    /// Every acknowledged write that a process does not know of.
    pub(super) async fn lost(&self, process: &Process) -> Vec<String> {
        let mut searches = JoinSet::new();
        for person in &self.0 {
            let (person, mut tasks) = (person.clone(), TaskServiceClient::new(channel(process.task)));
            searches.spawn(async move {
                let written: Vec<_> = std::mem::take(&mut *person.tasks.lock().unwrap());
                let mut lost = Vec::new();
                for task in &written {
                    let found = person.change_of(&mut tasks, &task.id).await;
                    let told = match (task.acknowledged, found) {
                        (None, Err(status)) if status.code() == Code::NotFound => continue,
                        (acknowledged, Ok(change)) if Some(change) >= acknowledged && change <= task.asked => continue,
                        (_, found) => found.map_err(|status| status.code()),
                    };
                    lost.push(format!(
                        "{}: {:?} was acknowledged, found {told:?}",
                        task.id, task.acknowledged
                    ));
                }
                *person.tasks.lock().unwrap() = written;
                lost
            });
        }
        searches.join_all().await.concat()
    }
}

impl Person {
    fn bearer<T>(&self, message: T) -> Request<T> {
        let mut request = timed(message);
        let value = format!("Bearer {}", self.access_token).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    /// The last change of a task.
    async fn change_of(&self, tasks: &mut TaskServiceClient<Channel>, id: &str) -> Result<u32, Status> {
        let get = self.bearer(GetTaskRequest { id: id.to_owned() });
        Ok(tasks.get_task(get).await?.into_inner().title.parse().unwrap())
    }

    async fn store(&self, tasks: &mut TaskServiceClient<Channel>, id: &str, change: u32) -> Result<(), Status> {
        let task = Some(Task {
            id: id.to_owned(),
            title: change.to_string(),
            ..Task::default()
        });
        let stored = if change == 0 {
            let create = CreateTaskRequest {
                request_id: String::new(),
                task,
                validate_only: false,
            };
            tasks.create_task(self.bearer(create)).await
        } else {
            let update = UpdateTaskRequest {
                request_id: String::new(),
                task,
                update_mask: None,
                validate_only: false,
            };
            tasks.update_task(self.bearer(update)).await
        };
        stored.map(drop)
    }
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_DEADLINE);
    request
}

/// One that does one kind of work for a person, until nobody listens to what it tells.
struct Client {
    person: Arc<Person>,
    work: Work,
    tell: UnboundedSender<Answer>,
}

impl Client {
    /// Makes tasks and changes them, each step again and again until it is acknowledged.
    async fn write(self, mut tasks: TaskServiceClient<Channel>) {
        loop {
            let id = uuid_v4(&SystemEntropy).to_string();
            self.person.tasks.lock().unwrap().push(Written {
                id: id.clone(),
                acknowledged: None,
                asked: 0,
            });
            for change in 0..=CHANGES {
                self.of_the_last(|task| task.asked = change);
                let mut repeated = false;
                loop {
                    let began = Instant::now();
                    let mut outcome = self.person.store(&mut tasks, &id, change).await;
                    // An acknowledgement as good as any: what was taken for refused had happened.
                    if repeated
                        && outcome
                            .as_ref()
                            .is_err_and(|status| status.code() == Code::AlreadyExists)
                    {
                        outcome = Ok(());
                    }
                    let acknowledged = outcome.is_ok();
                    if acknowledged {
                        self.of_the_last(|task| task.acknowledged = Some(change));
                    }
                    if self.tell(began, outcome).await.is_err() {
                        return;
                    }
                    if acknowledged {
                        break;
                    }
                    repeated = true;
                }
            }
        }
    }

    fn of_the_last(&self, change: impl FnOnce(&mut Written)) {
        change(self.person.tasks.lock().unwrap().last_mut().unwrap());
    }

    /// Reads what was acknowledged last, and a page of a list, in turn.
    async fn read(self, mut tasks: TaskServiceClient<Channel>) {
        for turn in 0.. {
            let acknowledged = {
                let tasks = self.person.tasks.lock().unwrap();
                let mut newest = tasks.iter().rev();
                newest.find_map(|task| Some((task.id.clone(), task.acknowledged?)))
            };
            let began = Instant::now();
            let outcome = match acknowledged {
                Some((id, acknowledged)) if turn % 2 == 0 => {
                    self.person.change_of(&mut tasks, &id).await.and_then(|found| {
                        let problem = format!("change {acknowledged} of {id} was acknowledged, {found} was found");
                        (found >= acknowledged)
                            .then_some(())
                            .ok_or_else(|| Status::data_loss(problem))
                    })
                }
                _ => {
                    let list = ListTasksRequest {
                        page_size: 10,
                        ..ListTasksRequest::default()
                    };
                    tasks.list_tasks(self.person.bearer(list)).await.map(drop)
                }
            };
            if self.tell(began, outcome).await.is_err() {
                return;
            }
        }
    }

    /// Refreshes the session with the token that was received last; if that move is lost, it is taken for a theft.
    async fn refresh(self, mut auth: AuthServiceClient<Channel>, mut refresh_token: String) {
        loop {
            let request = timed(RefreshRequest {
                refresh_token: refresh_token.clone(),
            });
            let began = Instant::now();
            let outcome = match auth.refresh(request).await {
                Ok(answer) => {
                    refresh_token = answer.into_inner().tokens.unwrap().refresh_token;
                    Ok(())
                }
                Err(status) => Err(status),
            };
            if self.tell(began, outcome).await.is_err() {
                return;
            }
        }
    }

    /// `Err` when the load has ended.
    async fn tell(&self, began: Instant, outcome: Result<(), Status>) -> Result<(), ()> {
        let refused = outcome.is_err();
        let answer = Answer {
            work: self.work,
            person: self.person.number,
            began,
            ended: Instant::now(),
            outcome,
        };
        self.tell.send(answer).map_err(drop)?;
        if refused {
            sleep(PAUSE).await;
        }
        Ok(())
    }
}
