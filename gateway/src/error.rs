//! Why the gateway may refuse to start.

/// A reason not to start: a setting, a socket, or a contract that cannot be served as it is annotated.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is missing.
    #[error(transparent)]
    Setting(#[from] platform::configuration::Mistake),
    /// An annotation that the gateway cannot serve.
    #[error("{method}: the route {pattern:?} cannot be served: {problem}")]
    Route {
        /// The full name of the annotated method.
        method: String,
        /// The path pattern as it is annotated.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two annotations that claim the same requests.
    #[error("{first} and {second} both claim {route}")]
    Ambiguous {
        /// The full name of one method.
        first: String,
        /// The full name of the other.
        second: String,
        /// The HTTP method and the shape of the path.
        route: String,
    },
    /// A method of a package that no upstream serves.
    #[error("{method}: no upstream serves its package")]
    NoUpstream {
        /// The full name of the annotated method.
        method: String,
    },
    /// A method that browser sessions need.
    #[error("the contracts lack {method}, which browser sessions need")]
    NoMethod {
        /// The full name of the method.
        method: String,
    },
}
