//! A throw-away Postgres for tests, and a road to it that can be cut.
//!
//! ```no_run
//! # async fn example() -> Result<(), noctule_test_postgres::Error> {
//! let database = noctule_test_postgres::database().await?;   // a database of its own, on the cluster of this process
//! let pool = sqlx::PgPool::connect(&database.url()).await?;
//!
//! let cluster = noctule_test_postgres::Cluster::start().await?;   // a cluster of its own, for tests that stop it
//! let database = cluster.database().await?;
//! let road = noctule_test_postgres::Proxy::to(&database).await?;
//! let pool = sqlx::PgPool::connect(&road.url()).await?;
//! road.cut();        // every connection falls, new ones are refused
//! road.restore();
//! cluster.restart().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Guarantees: a URL is handed out only after the server behind it has said that its data folder is ours, so no test can
//! reach another server; the server listens on a socket in a private folder and on no port; it is stopped, by its pid, and
//! its folder removed when the cluster is dropped or the test process ends in any way. Never: a wait without a bound.
#![warn(missing_docs)]

mod binaries;
mod cluster;
mod database;
mod error;
mod folder;
mod proxy;
mod server;
mod template;

pub use cluster::{Cluster, database};
pub use database::Database;
pub use error::Error;
pub use proxy::Proxy;
