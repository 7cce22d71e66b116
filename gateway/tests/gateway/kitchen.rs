//! A contract of the tests' own, `kitchen.proto`: what the real ones do not have yet.

use std::path::Path;

use prost_reflect::DescriptorPool;
use prost_types::FieldMask;

use crate::world::World;

/// A gateway that serves `kitchen.proto`; its calls go to the far end `task`.
pub(crate) async fn start() -> World {
    World::configured(|config| config.contracts = contracts()).await
}

fn contracts() -> DescriptorPool {
    let gateway = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directories = [gateway.join("tests/gateway"), gateway.join("../proto")];
    let mut compiler = protox::Compiler::new(directories).expect("the directories are there");
    compiler
        .include_imports(true)
        .open_file("kitchen.proto")
        .expect("the proto compiles");
    DescriptorPool::decode(&*compiler.encode_file_descriptor_set()).expect("the descriptors decode")
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Dish {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) title: String,
    #[prost(int32, tag = "3")]
    pub(crate) size: i32,
    #[prost(string, tag = "4")]
    pub(crate) etag: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct UpdateDishRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) dish: Option<Dish>,
    #[prost(message, optional, tag = "2")]
    pub(crate) update_mask: Option<FieldMask>,
    #[prost(string, tag = "3")]
    pub(crate) request_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct FollowRequest {
    #[prost(string, tag = "1")]
    pub(crate) token: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Change {
    #[prost(oneof = "What", tags = "1, 2")]
    pub(crate) change: Option<What>,
    #[prost(string, tag = "3")]
    pub(crate) token: String,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum What {
    #[prost(message, tag = "1")]
    Dish(Dish),
    #[prost(string, tag = "2")]
    Eaten(String),
}
