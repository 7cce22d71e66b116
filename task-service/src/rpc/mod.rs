//! The gRPC services: decode, call, encode. No rules.

mod tasks;

pub(crate) use tasks::TaskRpc;
