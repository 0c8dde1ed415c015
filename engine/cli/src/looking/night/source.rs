//! Where the night is read: a server, the store of this project, or nothing, where nothing has been run yet.

use std::time::Duration;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use noctule_core::tonight::Night;
use noctule_core::view::{TonightView, WorkView};
use noctule_store::Store;
use noctule_web::{Rooms, Settings, Web, WebError};
use serde::Serialize;

use crate::console::remark;
use crate::error::CliError;
use crate::project::OpenProject;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::Zone;

/// How long a server is left alone between two questions.
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest pause between two looks at a store that changes all the time.
const GAP: Duration = Duration::from_millis(250);
/// A store in which nothing changed is read again after this long: ticks pass without it.
const AGAIN: u32 = 5;

/// Where the night is read.
pub(super) enum Source {
    /// Asked over the API.
    Server(Box<Server>),
    /// Read of the store.
    Store(Box<Opened>),
    /// Nothing has been run here.
    Nothing,
}

/// A store that is open, with what the project says of its work.
pub(super) struct Opened {
    web: Web,
    store: Store,
    rooms: Rooms,
}

/// All of one moment.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Moment {
    /// The night.
    pub(super) tonight: TonightView,
    /// What is under way.
    pub(super) work: WorkView,
}

impl Source {
    /// The source that was named, and the zone of what is shown.
    pub(super) async fn of(surface: &Surface) -> Result<(Self, Zone), CliError> {
        if let Some(server) = Server::of(surface)? {
            return Ok((Self::Server(Box::new(server)), Zone::here(surface)));
        }
        let open = OpenProject::read(surface, &[])?;
        let project = open.project()?;
        let zone = Zone::of(Some(project));
        let Some(store) = open.store(surface).await? else {
            remark(
                surface,
                "nothing has been run in this project under this profile yet",
            );
            return Ok((Self::Nothing, zone));
        };
        let settings = Settings {
            profile: project.profile.clone(),
            slots: usize::try_from(project.engine.slots).unwrap_or(usize::MAX),
            zone: zone.0,
            public_url: None,
            streams: 0,
        };
        let rooms = Rooms {
            pools: project.pools.clone(),
            connections: project.connections.clone(),
        };
        let web = Web::new(store.clone(), settings).map_err(unread)?;
        let opened = Opened { web, store, rooms };
        Ok((Self::Store(Box::new(opened)), zone))
    }

    pub(super) async fn tonight(&self, now: DateTime<Utc>) -> Result<TonightView, CliError> {
        match self {
            Self::Server(server) => server.tonight().await,
            Self::Store(opened) => noctule_web::tonight(&opened.web).await.map_err(unread),
            Self::Nothing => {
                let night = Night::of(now, Tz::UTC, Vec::new(), &[]);
                Ok(TonightView::of(&night, None))
            }
        }
    }

    async fn work(&self, now: DateTime<Utc>) -> Result<WorkView, CliError> {
        match self {
            Self::Server(server) => server.work().await,
            Self::Store(opened) => noctule_web::under_way(&opened.web, &opened.rooms)
                .await
                .map_err(unread),
            Self::Nothing => Ok(WorkView {
                at: now,
                engine: None,
                runs: 0,
                slots: None,
                pools: Vec::new(),
                items: Vec::new(),
                cut: false,
            }),
        }
    }

    pub(super) async fn moment(&self) -> Result<Moment, CliError> {
        let now = Utc::now();
        Ok(Moment {
            tonight: self.tonight(now).await?,
            work: self.work(now).await?,
        })
    }

    /// Returns when there may be something new.
    pub(super) async fn changed(&self, since: &mut Option<i64>) {
        let Self::Store(opened) = self else {
            return tokio::time::sleep(PAUSE).await;
        };
        tokio::time::sleep(GAP).await;
        let before = match since.take() {
            Some(token) => token,
            None => match opened.store.change_token().await {
                Ok(token) => token,
                Err(_) => return tokio::time::sleep(PAUSE).await,
            },
        };
        // Whatever is wrong with the store, the next look at it says so.
        match opened.store.changed_since(before, PAUSE * AGAIN).await {
            Ok(token) => *since = Some(token),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

fn unread(error: WebError) -> CliError {
    CliError::unreachable(error.to_string())
}
