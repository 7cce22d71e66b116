//! The contracts of Holdfast: generated messages, clients and servers, and the descriptors they came from.
//!
//! The `.proto` files beside this crate are the documentation; their comments appear on the items here,
//! in server reflection and in the gateway's routes.

#![expect(
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

/// Every contract and what it imports, as an encoded `google.protobuf.FileDescriptorSet`, extensions included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// `google`: what the contracts borrow.
pub mod google {
    /// `google.api`: HTTP.
    pub mod api {
        include!(concat!(env!("OUT_DIR"), "/google.api.rs"));
    }
}

// The generated code of one package names the other packages by their distance, so their modules nest as they do.
mod holdfast {
    /// `holdfast.auth`: accounts and sessions.
    pub mod auth {
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/holdfast.auth.v1.rs"));
        }
    }

    /// `holdfast.task`: each person's own tasks.
    pub mod task {
        /// Version 1.
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/holdfast.task.v1.rs"));
        }
    }
}

pub use holdfast::{auth, task};

/// Implements a `Debug` that tells the type and nothing of what it holds.
macro_rules! opaque_debug {
    ($($message:ty),*) => {$(
        impl std::fmt::Debug for $message {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque_debug!(
    auth::v1::ChangePasswordRequest,
    auth::v1::DeleteAccountRequest,
    auth::v1::LoginRequest,
    auth::v1::LogoutRequest,
    auth::v1::RefreshRequest,
    auth::v1::RegisterRequest,
    auth::v1::Tokens
);
