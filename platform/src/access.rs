//! Who may call which method: one table, read from the descriptors.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};

/// Who may call a method (`holdfast.options.v1.Access`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// A person whose access token has this scope.
    User {
        /// The scope (RFC 6749, section 3.3); empty: none is needed.
        scope: String,
    },
    /// Another service, by its credential.
    Service,
}

/// What the descriptors say of one method.
#[derive(Clone, Debug)]
pub struct MethodRules {
    /// Who may call it.
    pub access: Access,
    /// Whether the answer is a stream.
    pub streaming: bool,
    /// Whether the request is one, and the answer is not.
    pub uploading: bool,
}

/// The table of access, by gRPC path (`/package.Service/Method`).
#[derive(Clone, Debug, Default)]
pub struct AccessTable {
    methods: HashMap<String, MethodRules>,
}

/// The methods that every service has: health (grpc.health.v1) and reflection.
const INFRASTRUCTURE: [(&str, bool); 4] = [
    ("/grpc.health.v1.Health/Check", false),
    ("/grpc.health.v1.Health/Watch", true),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true),
];

#[expect(
    clippy::expect_used,
    reason = "the set is written by our own build, and a test decodes it"
)]
static CONTRACTS: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).expect("the descriptors decode"));

/// The contracts with their extensions, decoded once.
pub fn descriptor_pool() -> DescriptorPool {
    CONTRACTS.clone()
}

/// The `holdfast.options.v1.method` option of a method, if it has one.
pub fn method_rules(pool: &DescriptorPool, method: &MethodDescriptor) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name("holdfast.options.v1.method")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return None;
    }
    options.get_extension(&extension).as_message().cloned()
}

impl AccessTable {
    /// The table for some services of the contracts, by full name, and the methods that every service has.
    /// A method that declares no access is left out, so nobody can call it.
    pub fn for_services(services: &[&str]) -> Self {
        let pool = descriptor_pool();
        let mut methods = HashMap::new();
        for (path, streaming) in INFRASTRUCTURE {
            methods.insert(
                path.to_owned(),
                MethodRules {
                    access: Access::Public,
                    streaming,
                    uploading: false,
                },
            );
        }
        for service in pool
            .services()
            .filter(|service| services.contains(&service.full_name()))
        {
            for method in service.methods() {
                if let Some(access) = method_rules(&pool, &method).as_ref().and_then(declared_access) {
                    let path = format!("/{}/{}", service.full_name(), method.name());
                    methods.insert(
                        path,
                        MethodRules {
                            access,
                            streaming: method.is_server_streaming(),
                            uploading: method.is_client_streaming() && !method.is_server_streaming(),
                        },
                    );
                }
            }
        }
        Self { methods }
    }

    /// The rules of a method; `None` if it is unknown or declares no access.
    pub fn get(&self, path: &str) -> Option<&MethodRules> {
        self.methods.get(path)
    }
}

fn declared_access(rules: &DynamicMessage) -> Option<Access> {
    match rules.get_field_by_name("access")?.as_enum_number()? {
        1 => Some(Access::Public),
        2 => Some(Access::User {
            scope: rules
                .get_field_by_name("scope")
                .as_deref()
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
        }),
        3 => Some(Access::Service),
        _ => None,
    }
}
