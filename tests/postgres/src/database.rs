//! One database of one test.

use std::path::PathBuf;
use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::cluster::{Cluster, ROLE};
use crate::error::Error;

/// A database. It keeps its cluster running.
#[derive(Debug, Clone)]
pub struct Database {
    cluster: Arc<Cluster>,
    name: String,
}

impl Database {
    pub(crate) fn new(cluster: Arc<Cluster>, name: String) -> Self {
        Self { cluster, name }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster it belongs to.
    #[must_use]
    pub fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Its URL, over the socket, as the superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(ROLE)
    }

    /// Its URL, over the socket, as `user` (or `user:password`).
    #[must_use]
    pub fn url_of(&self, user: &str) -> String {
        let folder = self.cluster.socket_folder().display().to_string();
        let folder = folder.replace('/', "%2F");
        let name = &self.name;
        format!("postgres://{user}@localhost:5432/{name}?host={folder}&sslmode=disable")
    }

    /// A pool of its own for the test, as the superuser.
    ///
    /// # Errors
    /// The server could not be reached.
    pub async fn pool(&self) -> Result<PgPool, Error> {
        let options = self.cluster.options(&self.name);
        let pool = PgPoolOptions::new().max_connections(4);
        Ok(pool.connect_with(options).await?)
    }

    /// Makes a role that may log in with a password only, and returns its URL.
    ///
    /// # Errors
    /// The server could not be asked.
    pub async fn role_with_password(&self, role: &str, password: &str) -> Result<String, Error> {
        let statement =
            format!("CREATE ROLE {role} LOGIN PASSWORD '{password}' IN ROLE passworded");
        self.cluster.run(statement).await?;
        Ok(self.url_of(&format!("{role}:{password}")))
    }

    /// Ends every session of this database. Later ones are let in.
    ///
    /// # Errors
    /// The server could not be asked.
    pub async fn terminate_backends(&self) -> Result<(), Error> {
        let statement = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            self.name
        );
        self.cluster.run(statement).await
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.cluster.socket_folder().join(".s.PGSQL.5432")
    }
}
