//! A cluster: made once, started, stopped and started again. Tests that do not stop it share one.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::binaries;
use crate::database::Database;
use crate::error::Error;
use crate::folder::Folder;
use crate::server::{Server, Stop, blocking};
use crate::template;

/// The role of every URL: a superuser of its own cluster.
pub(crate) const ROLE: &str = "noctule";
/// Roles that are members of this one need their password; all others are trusted.
const PASSWORDED: &str = "passworded";

/// A throw-away cluster with a server that runs, until it is stopped or dropped.
#[derive(Debug)]
pub struct Cluster {
    // Before the folder: the server ends first.
    server: Mutex<Option<Server>>,
    binaries: PathBuf,
    folder: Folder,
    databases: AtomicU64,
}

/// A new database on the cluster that this process shares. The cluster ends with the last database of it.
///
/// # Errors
/// The cluster could not be made.
pub async fn database() -> Result<Database, Error> {
    Cluster::shared().await?.database().await
}

impl Cluster {
    /// A cluster of its own, for tests that stop it or end everybody's sessions.
    ///
    /// # Errors
    /// It could not be made: the message says what is missing.
    pub async fn start() -> Result<Arc<Self>, Error> {
        let cluster = blocking(Self::create).await??;
        cluster.launch().await?;
        let role = format!("CREATE ROLE {PASSWORDED} NOLOGIN");
        cluster.run(role).await?;
        Ok(Arc::new(cluster))
    }

    /// The cluster of this process. Whoever holds it must not stop it.
    ///
    /// # Errors
    /// As [`Cluster::start`].
    pub async fn shared() -> Result<Arc<Self>, Error> {
        static MAKING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let shared = || SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        let _making = MAKING.lock().await;
        if let Some(cluster) = shared().upgrade() {
            return Ok(cluster);
        }
        let cluster = Self::start().await?;
        *shared() = Arc::downgrade(&cluster);
        Ok(cluster)
    }

    fn create() -> Result<Self, Error> {
        let binaries = binaries::folder()?;
        let folder = Folder::new()?;
        template::fill(&binaries, &folder)?;
        let rules = format!("local all +{PASSWORDED} scram-sha-256\nlocal all all trust\n");
        fs::write(folder.data().join("pg_hba.conf"), rules)
            .map_err(Error::io("writing pg_hba.conf"))?;
        Ok(Self {
            server: Mutex::new(None),
            binaries,
            folder,
            databases: AtomicU64::new(0),
        })
    }

    /// A new, empty database.
    ///
    /// # Errors
    /// The server is stopped, or refused.
    pub async fn database(self: &Arc<Self>) -> Result<Database, Error> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.run(format!("CREATE DATABASE {name}")).await?;
        Ok(Database::new(Arc::clone(self), name))
    }

    /// Stops the server: sessions are ended, everything is written.
    ///
    /// # Errors
    /// It could not be stopped.
    pub async fn stop(&self) -> Result<(), Error> {
        self.end(Stop::Fast).await
    }

    /// Ends the server as a crash would.
    ///
    /// # Errors
    /// It could not be ended.
    pub async fn crash(&self) -> Result<(), Error> {
        self.end(Stop::Crash).await
    }

    /// Starts the server that was stopped, under the same URLs.
    ///
    /// # Errors
    /// It did not come up.
    pub async fn launch(&self) -> Result<(), Error> {
        if self.slot().is_some() {
            return Ok(());
        }
        let server = Server::spawn(&self.binaries, &self.folder)?;
        server.ready(&self.folder).await?;
        self.slot().replace(server);
        self.is_ours().await
    }

    /// Stops and starts the server.
    ///
    /// # Errors
    /// It could not be stopped, or did not come up.
    pub async fn restart(&self) -> Result<(), Error> {
        self.stop().await?;
        self.launch().await
    }

    /// Ends every session of every database but the asking one.
    ///
    /// # Errors
    /// The server could not be asked.
    pub async fn terminate_backends(&self) -> Result<(), Error> {
        self.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                .to_owned(),
        )
        .await
    }

    /// The folder of the socket.
    #[must_use]
    pub fn socket_folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.folder.path())
            .port(5432)
            .username(ROLE)
            .database(database)
    }

    pub(crate) async fn run(&self, statement: String) -> Result<(), Error> {
        if self.slot().is_none() {
            return Err(Error::Stopped);
        }
        let mut connection = PgConnection::connect_with(&self.options("postgres")).await?;
        connection.execute(sqlx::AssertSqlSafe(statement)).await?;
        connection.close().await?;
        Ok(())
    }

    async fn end(&self, how: Stop) -> Result<(), Error> {
        let server = self.slot().take();
        match server {
            Some(server) => blocking(move || server.stop(how)).await?,
            None => Ok(()),
        }
    }

    /// Whether the server that answers is the one whose data is in our folder.
    async fn is_ours(&self) -> Result<(), Error> {
        let mut connection = PgConnection::connect_with(&self.options("postgres")).await?;
        let found: String = sqlx::query_scalar("SELECT current_setting('data_directory')")
            .fetch_one(&mut connection)
            .await?;
        connection.close().await?;
        let ours = self.folder.data();
        if ours != std::path::Path::new(&found) {
            return Err(Error::Stranger { found, ours });
        }
        Ok(())
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Server>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
