//! Opening a store in a database: made where there is none, brought forward where it is older, refused where it is not ours.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use noctule_core::name::{NameError, ProfileName, StoreId};
use sqlx::PgConnection;

use super::PostgresStore;
use super::address::Address;
use super::connection::Server;
use super::readers::{Patience, Readers};
use super::said::{At, corrupt};
use super::schema::{self, Standing};
use crate::error::StoreError;
use crate::open::OpenOptions;

/// How long a server that is not there is waited for: it may be restarting.
const PATIENCE: Duration = Duration::from_secs(5);

const INTRODUCTION: &str = "SELECT id, profile FROM noctule.store";

impl PostgresStore {
    pub(crate) async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let server = Arc::new(Server::new(Address::read(url)?));
        let mut patience = Patience::of(PATIENCE);
        let id = loop {
            match enter(&server, &options).await {
                Err(error @ StoreError::Replica(_)) => return Err(error),
                Err(error) if error.is_passing() && patience.rest().await => {}
                entered => break entered?,
            }
        };
        Ok(Self {
            id,
            readers: Readers::new(Arc::clone(&server)),
            server,
            hook: options.hook,
        })
    }
}

async fn enter(server: &Server, options: &OpenOptions) -> Result<StoreId, StoreError> {
    let mut connection = server.connect().await?;
    let place = &server.place;
    match schema::standing(&mut connection, place).await? {
        Standing::Current => {}
        Standing::Absent if !options.create => return Err(StoreError::Missing(place.clone())),
        Standing::Absent | Standing::Older(_) => {
            schema::migrate(&mut connection, place, options).await?;
        }
    }
    identify(&mut connection, place, &options.profile).await
}

async fn identify(
    connection: &mut PgConnection,
    place: &str,
    asked: &ProfileName,
) -> Result<StoreId, StoreError> {
    let found: Option<(String, String)> = sqlx::query_as(INTRODUCTION)
        .fetch_optional(connection)
        .await
        .at(place)?;
    let (id, profile) = found.ok_or_else(|| corrupt(place, "it does not say whose it is"))?;
    let unreadable = |error: NameError| corrupt(place, error.to_string());
    let store = ProfileName::from_str(&profile).map_err(unreadable)?;
    if store != *asked {
        return Err(StoreError::OtherProfile {
            store,
            asked: asked.clone(),
        });
    }
    StoreId::from_str(&id).map_err(unreadable)
}
