//! The way to a database, which can be cut.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use platform::{
    configuration::{DatabaseUrl, PostgresUrl},
    database::{Database, Engine as _, Schema},
    testing::Workspace,
};
use sqlx::{Postgres, Row as _, raw_sql};
use tokio::{
    io::copy_bidirectional,
    net::{UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
};

/// The name of a server's socket in its directory.
const SOCKET: &str = ".s.PGSQL.5432";

/// A socket in front of the server's own.
pub(crate) struct Proxy {
    workspace: Workspace,
    server: PathBuf,
    open: Mutex<Option<AbortHandle>>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let proxy = Self {
            workspace: Workspace::new(),
            server: Path::new(&env::var("TEST_POSTGRES_DIRECTORY").unwrap()).join(SOCKET),
            open: Mutex::default(),
        };
        proxy.restore();
        proxy
    }

    /// The same database, this way.
    pub(crate) async fn to(&self, url: &DatabaseUrl, schema: &Schema) -> DatabaseUrl {
        let database: Database<Postgres> = Postgres::open(url, schema).await.unwrap();
        let name = database.read(|connection| {
            Box::pin(async {
                let row = raw_sql("SELECT current_database()::text")
                    .fetch_one(connection.driver())
                    .await?;
                row.try_get::<String, _>(0)
            })
        });
        let name = name.await.unwrap();
        database.close().await;
        let directory = self.workspace.path().display();
        let url = format!("postgres://postgres@localhost/{name}?host={directory}");
        DatabaseUrl::Postgres(PostgresUrl::parse(&url).unwrap())
    }

    /// Breaks every connection, and takes no new one.
    pub(crate) fn cut(&self) {
        fs::remove_file(self.workspace.path().join(SOCKET)).unwrap();
        self.open.lock().unwrap().take().unwrap().abort();
    }

    /// Takes connections again.
    pub(crate) fn restore(&self) {
        let listener = UnixListener::bind(self.workspace.path().join(SOCKET)).unwrap();
        let forwarding = tokio::spawn(forward(listener, self.server.clone()));
        *self.open.lock().unwrap() = Some(forwarding.abort_handle());
    }
}

/// The connections end with it.
async fn forward(listener: UnixListener, server: PathBuf) {
    let mut connections = JoinSet::new();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let server = server.clone();
        connections.spawn(async move {
            let mut server = UnixStream::connect(server).await.unwrap();
            copy_bidirectional(&mut client, &mut server).await.ok();
        });
    }
}
