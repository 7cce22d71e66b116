//! A gRPC service that does nothing: it answers `GetTask` and `ListTasks` with the same task, and fifty of it, to everybody.

use std::{io, net::SocketAddr};

use axum::{Router, body::Body, http::Request, routing::post};
use prost_types::Timestamp;
use proto::task::v1::{GetTaskRequest, ListTasksRequest, ListTasksResponse, Task};
use tokio::net::TcpListener;
use tonic::{Status, server::Grpc};
use tonic_prost::ProstCodec;
use tower::service_fn;

use crate::figures::{PAGE, task};

/// What it answers: as large as the tasks that the services are measured with.
fn answered() -> Task {
    Task {
        id: "0b0e1f46-2d35-4b8a-9c77-58a4bd6d9d6f".to_owned(),
        create_time: Some(TIME),
        update_time: Some(TIME),
        etag: "1".to_owned(),
        ..task(17)
    }
}

const TIME: Timestamp = Timestamp {
    seconds: 1_795_000_000,
    nanos: 123_456_000,
};

/// Serves, until it is killed. Says where first.
pub(crate) async fn serve(listen: SocketAddr) -> io::Result<()> {
    let one = async |request: Request<Body>| {
        let answer =
            service_fn(async |_: tonic::Request<GetTaskRequest>| Ok::<_, Status>(tonic::Response::new(answered())));
        Grpc::new(ProstCodec::<Task, GetTaskRequest>::default())
            .unary(answer, request)
            .await
    };
    let page = async |request: Request<Body>| {
        let answer = service_fn(async |_: tonic::Request<ListTasksRequest>| {
            Ok::<_, Status>(tonic::Response::new(ListTasksResponse {
                tasks: vec![answered(); PAGE],
                ..ListTasksResponse::default()
            }))
        });
        Grpc::new(ProstCodec::<ListTasksResponse, ListTasksRequest>::default())
            .unary(answer, request)
            .await
    };
    let router = Router::new()
        .route("/holdfast.task.v1.TaskService/GetTask", post(one))
        .route("/holdfast.task.v1.TaskService/ListTasks", post(page));
    let listener = TcpListener::bind(listen).await?;
    println!("echo: {} (gRPC)", listener.local_addr()?);
    axum::serve(listener, router).await
}
