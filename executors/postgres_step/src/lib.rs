//! The executors of Postgres.
