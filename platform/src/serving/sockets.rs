//! Where one service is served.

use tokio::net::TcpListener;

use crate::tls::ServerTls;

/// The sockets of one service: most often one, in plaintext or over TLS.
pub struct Sockets(Vec<Socket>);

pub(super) struct Socket {
    pub(super) listener: TcpListener,
    pub(super) tls: Option<ServerTls>,
}

impl Sockets {
    /// One socket, over TLS if there is such.
    pub fn new(listener: TcpListener, tls: Option<ServerTls>) -> Self {
        Self(vec![Socket { listener, tls }])
    }

    /// And one in plaintext, for what is inside of the same process.
    #[must_use]
    pub fn and_inside(mut self, listener: TcpListener) -> Self {
        self.0.push(Socket { listener, tls: None });
        self
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Socket> {
        self.0.into_iter()
    }
}

/// In plaintext.
impl From<TcpListener> for Sockets {
    fn from(listener: TcpListener) -> Self {
        Self::new(listener, None)
    }
}
