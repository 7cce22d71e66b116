//! Two people: what is the other's is answered exactly as what never was, by every method, over gRPC and REST.

use std::str::FromStr as _;

use http::Method;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value as Field};
use proto::task::v1::{GetTaskRequest, ListTasksRequest};
use serde_json::json;
use tonic::{
    Code, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
};

use crate::world::{Person, World, assert_refused, bearer, channel};

/// Methods of the task service that name no task. A method leaves this list or never comes onto it.
const WITHOUT_A_TASK: [&str; 8] = [
    "CreateTask",
    "ListTasks",
    "BatchCreateTasks",
    "GetTaskStats",
    "SyncTasks",
    "WatchTasks",
    "ExportTasks",
    "ImportTasks",
];
const NEVER_WAS: &str = "01890000-0000-7000-8000-000000000000";

fn task_methods() -> Vec<MethodDescriptor> {
    let pool = platform::access::descriptor_pool();
    pool.get_service_by_name("holdfast.task.v1.TaskService")
        .unwrap()
        .methods()
        .collect()
}

/// The method's request for one task; `None` if it names none.
fn request_for(method: &MethodDescriptor, id: &str) -> Option<DynamicMessage> {
    let mut request = DynamicMessage::new(method.input());
    if method.input().get_field_by_name("id").is_some() {
        request.set_field_by_name("id", Field::String(id.to_owned()));
        return Some(request);
    }
    if let Some(requests) = method.input().get_field_by_name("requests") {
        // A batch of one.
        let single = requests.kind().as_message()?.name().to_owned();
        let single = method
            .parent_service()
            .methods()
            .find(|method| method.input().name() == single)?;
        let named = request_for(&single, id)?;
        request.set_field(&requests, Field::List(vec![Field::Message(named)]));
        return Some(request);
    }
    let task = method.input().get_field_by_name("task")?;
    let mut named = DynamicMessage::new(task.kind().as_message()?.clone());
    named.set_field_by_name("id", Field::String(id.to_owned()));
    named.set_field_by_name("title", Field::String("mine now".to_owned()));
    request.set_field(&task, Field::Message(named));
    Some(request)
}

/// The REST request of the same method.
fn rest_of(method: &MethodDescriptor, id: &str) -> (Method, String) {
    let pool = method.parent_pool();
    let extension = pool.get_extension_by_name("google.api.http").unwrap();
    let options = method.options();
    let rule = options.get_extension(&extension);
    let rule = rule.as_message().unwrap();
    let (verb, path) = ["get", "put", "post", "delete", "patch"]
        .into_iter()
        .find_map(|verb| {
            Some((verb, rule.get_field_by_name(verb)?.as_str()?.to_owned())).filter(|(_, path)| !path.is_empty())
        })
        .unwrap();
    let path = path.replace("{id}", id).replace("{task.id}", id);
    (Method::from_str(&verb.to_uppercase()).unwrap(), path)
}

/// Any message as its bytes.
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(buffer, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let length = bytes::Buf::remaining(buffer);
        Ok(Some(bytes::Buf::copy_to_bytes(buffer, length).to_vec()))
    }
}

pub(crate) async fn call(
    address: std::net::SocketAddr,
    method: &MethodDescriptor,
    request: tonic::Request<Vec<u8>>,
) -> Result<Vec<u8>, Status> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let mut client = Grpc::new(channel(address));
    client.ready().await.unwrap();
    let answer = client.unary(request, PathAndQuery::from_str(&path).unwrap(), Raw).await;
    answer.map(tonic::Response::into_inner)
}

async fn call_as(world: &World, person: &Person, method: &MethodDescriptor, id: &str) -> Status {
    let request = request_for(method, id).unwrap().encode_to_vec();
    call(
        world.addresses.task,
        method,
        bearer(&person.tokens.access_token, request),
    )
    .await
    .unwrap_err()
}

#[tokio::test]
async fn the_others_task_is_answered_like_one_that_never_was_over_grpc() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let task = ada.create(&world, "Ada's own").await;
    let mut tried = 0;
    for method in task_methods() {
        if WITHOUT_A_TASK.contains(&method.name()) {
            continue;
        }
        assert!(
            request_for(&method, &task.id).is_some(),
            "{}: how does it keep people apart?",
            method.name()
        );
        let foreign = call_as(&world, &eve, &method, &task.id).await;
        let missing = call_as(&world, &eve, &method, NEVER_WAS).await;
        let all = |status: &Status| (status.code(), status.message().to_owned(), status.details().to_vec());
        assert_eq!(all(&foreign), all(&missing), "{}", method.name());
        assert_refused(Err::<(), _>(foreign), Code::NotFound, "TASK_NOT_FOUND");
        tried += 1;
    }
    assert!(tried >= 5);
    let get = ada.request(GetTaskRequest { id: task.id.clone() });
    assert_eq!(
        world.tasks.clone().get_task(get).await.unwrap().into_inner(),
        task,
        "nothing happened to it"
    );
    let list = world
        .tasks
        .clone()
        .list_tasks(eve.request(ListTasksRequest::default()))
        .await
        .unwrap();
    assert!(list.into_inner().tasks.is_empty());
    world.end().await;
}

#[tokio::test]
async fn the_others_task_is_answered_like_one_that_never_was_over_rest() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let task = ada.create(&world, "Ada's own").await;
    let authorization = eve.authorization();
    // The same request id, so that the whole body can be compared.
    let headers = [("authorization", &*authorization), ("x-request-id", "isolation")];
    for method in task_methods() {
        if WITHOUT_A_TASK.contains(&method.name()) {
            continue;
        }
        let mut answers = Vec::new();
        for id in [task.id.as_str(), NEVER_WAS] {
            let (verb, path) = rest_of(&method, id);
            // A toggle says nothing of the task.
            let says = (verb == Method::PATCH || verb == Method::PUT) && !path.ends_with("/complete");
            let body = match path.split_once(":batch") {
                Some((_, "Update")) => Some(json!({"requests": [{"task": {"id": id, "title": "mine now"}}]})),
                Some(_) => Some(json!({"requests": [{"id": id}]})),
                None => says.then(|| json!({"title": "mine now"})),
            };
            let mut answer = world.send(verb, &path, &headers, body.as_ref()).await;
            answer.assert_problem(404, "TASK_NOT_FOUND");
            assert_eq!(answer.header("cache-control"), "no-store");
            answer.headers.remove("date");
            answers.push((answer.headers, answer.bytes));
        }
        assert_eq!(answers[0], answers[1], "{}", method.name());
    }
    assert_eq!(
        ada.send(&world, Method::GET, &format!("/v1/tasks/{}", task.id), None)
            .await
            .json["title"],
        "Ada's own"
    );
    world.end().await;
}

#[tokio::test]
async fn an_id_that_another_chose_is_free() {
    let world = World::new().await;
    let (ada, eve) = (world.person("ada").await, world.person("eve").await);
    let id = "6c84fb90-12c4-11e1-840d-7b25c5ee775a";
    for person in [&ada, &eve] {
        let body = json!({"id": id, "title": person.user.display_name});
        assert_eq!(
            person.send(&world, Method::POST, "/v1/tasks", Some(&body)).await.status,
            201
        );
    }
    for person in [&ada, &eve] {
        let answer = person.send(&world, Method::GET, &format!("/v1/tasks/{id}"), None).await;
        assert_eq!(answer.json["title"], *person.user.display_name);
        let again = person
            .send(
                &world,
                Method::POST,
                "/v1/tasks",
                Some(&json!({"id": id, "title": "x"})),
            )
            .await;
        again.assert_problem(409, "TASK_EXISTS");
    }
    world.end().await;
}
