//! The way from Holdfast to whichever server is the primary.

use std::{io, net::SocketAddr, path::PathBuf};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpSocket, TcpStream, UnixStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

/// What becomes of connections.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// They lead to the server of this socket; while that is dead they are accepted and hung up.
    To(PathBuf),
    /// The machine is there, and nothing listens on it.
    Refused,
    /// The machine is gone: nothing is answered, and nobody hangs up.
    Silent,
}

/// A TCP address that outlives the servers behind it.
pub(super) struct Proxy {
    address: SocketAddr,
    route: watch::Sender<Route>,
    running: AbortHandle,
}

impl Proxy {
    pub(super) fn start(route: Route) -> Self {
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // Only now: before, the address might have been given to somebody else too.
        reserved.set_reuseaddr(true).unwrap();
        let address = reserved.local_addr().unwrap();
        let (route, routes) = watch::channel(route);
        let running = tokio::spawn(carry_all(reserved, routes)).abort_handle();
        Self {
            address,
            route,
            running,
        }
    }

    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address)
    }

    /// Points it elsewhere. The connections there were are broken, unless nobody is there to break them.
    pub(super) fn point(&self, route: Route) {
        self.route.send_replace(route);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

/// Listens where another socket only keeps the address, so that it stays ours while connections to it are refused.
fn listen(reserved: &TcpSocket) -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(reserved.local_addr().unwrap()).unwrap();
    socket.listen(1024).unwrap()
}

async fn carry_all(reserved: TcpSocket, mut routes: watch::Receiver<Route>) {
    let mut connections = JoinSet::new();
    let mut listener = None;
    loop {
        match *routes.borrow_and_update() {
            Route::Refused => listener = None,
            Route::To(_) | Route::Silent => {
                listener.get_or_insert_with(|| listen(&reserved));
            }
        }
        loop {
            tokio::select! {
                biased;
                changed = routes.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                client = accept(listener.as_ref()) => {
                    connections.spawn(carry(client.unwrap(), routes.clone()));
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => Ok(listener.accept().await?.0),
        None => std::future::pending().await,
    }
}

/// Carries a connection until the route changes.
async fn carry(mut client: TcpStream, mut routes: watch::Receiver<Route>) {
    let route = routes.borrow_and_update().clone();
    if let Route::To(server) = route {
        let Ok(mut server) = UnixStream::connect(server).await else {
            return;
        };
        tokio::select! {
            // First: whoever vanishes does not hang up.
            biased;
            _ = routes.changed() => {}
            _ = copy_bidirectional(&mut client, &mut server) => return,
        }
    }
    while *routes.borrow_and_update() == Route::Silent {
        if routes.changed().await.is_err() {
            return;
        }
    }
}
