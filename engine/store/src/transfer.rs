//! A store as a stream of its rows: how one is copied, backed up and put back, whatever the backends are.
//!
//! The rows are of one moment, while engines go on; they arrive in one transaction, whole or not at all, and only where
//! nothing was before. Documents go byte for byte. The copy is the same store, with its id: attempt keys stay what they are.
//! Tokens go along; sessions do not: people log in again.

use noctule_core::name::ProfileName;
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::error::StoreError;
use crate::lease::Lease;
use crate::store::{Store, either};

/// Rows that travel together.
pub(crate) const PAGE: usize = 500;
/// Pages on their way.
const ON_THE_WAY: usize = 4;

/// Whose rows they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) profile: String,
    pub(crate) epoch: i64,
}

/// One row, its documents as they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Row {
    Version {
        hash: String,
        body: String,
    },
    Dag {
        dag: String,
        body: String,
    },
    Run {
        id: String,
        facts: String,
        progress: String,
        key: Option<String>,
    },
    Task {
        run: String,
        ix: i64,
        body: String,
    },
    Record {
        run: String,
        seq: i64,
        body: String,
    },
    Dropped {
        dag: String,
        body: String,
    },
    Ask {
        id: i64,
        body: String,
        answer: Option<String>,
    },
    SpentKey {
        dag: String,
        key: String,
        run: String,
    },
    Token {
        hash: String,
        name: String,
        body: String,
        revoked: Option<String>,
        last_used: Option<String>,
    },
    Audit {
        id: i64,
        body: String,
        outcome: Option<String>,
    },
    Backfill {
        id: String,
        body: String,
    },
    Night {
        backfill: String,
        ix: i64,
        body: String,
    },
    Message {
        id: String,
        body: String,
    },
}

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Runs.
    pub runs: u64,
    /// Records of their journals.
    pub records: u64,
    /// All rows.
    pub rows: u64,
}

impl Copied {
    /// The same and one more row.
    pub(crate) fn and(self, row: &Row) -> Self {
        Self {
            runs: self.runs + u64::from(matches!(row, Row::Run { .. })),
            records: self.records + u64::from(matches!(row, Row::Record { .. })),
            rows: self.rows + 1,
        }
    }
}

/// What the copy is to believe of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It goes on where the original stopped.
    Moved,
    /// The original went on, or may have: what the copy says was not sent may have been.
    SetBack,
}

/// Where rows go. Without a word at its end nothing of it counts.
pub(crate) struct Way(Sender<Option<Vec<Row>>>);

impl Way {
    /// Sends a page on; false: whoever receives has given up, and says why.
    pub(crate) async fn send(&self, page: Vec<Row>) -> bool {
        self.0.send(Some(page)).await.is_ok()
    }
}

/// Where rows come from.
pub(crate) struct Arriving(Receiver<Option<Vec<Row>>>);

impl Arriving {
    /// The next page; none: all have come.
    ///
    /// # Errors
    /// No more will come, and these were not all.
    pub(crate) async fn page(&mut self) -> Result<Option<Vec<Row>>, StoreError> {
        let cut = || StoreError::Refused("the other store could not be read to its end".to_owned());
        self.0.recv().await.ok_or_else(cut)
    }
}

impl Store {
    /// Copies all of this store into another one that is empty, under the lease of that one. The other store has this one's
    /// id afterwards, so it must be opened anew.
    ///
    /// # Errors
    /// One of them cannot be read or written, is damaged, or the other one is not empty: nothing has changed then.
    pub async fn copy_into(
        &self,
        other: &Self,
        lease: &Lease,
        arrival: Arrival,
    ) -> Result<Copied, StoreError> {
        let (send, receive) = mpsc::channel(ON_THE_WAY);
        let head = either!(self, backend => Box::pin(backend.head()).await)?;
        let reading = async {
            let way = Way(send);
            let read = either!(self, backend => Box::pin(backend.read_out(&way)).await);
            if read.is_ok() {
                // Whoever receives may have given up, and says why.
                drop(way.0.send(None).await);
            }
            read
        };
        let writing = async {
            let arriving = Arriving(receive);
            either!(other, backend => Box::pin(backend.write_in(lease, &head, arrival, arriving)).await)
        };
        let (read, written) = tokio::join!(reading, writing);
        read?;
        written
    }

    /// Says that the store goes on elsewhere: no engine takes it any more.
    ///
    /// # Errors
    /// The lease is past, or nothing could be written.
    pub async fn retire(&self, lease: &Lease, to: &str) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.retire(lease, to)).await)
    }

    /// Where the store goes on, if it was moved.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn moved_to(&self) -> Result<Option<String>, StoreError> {
        either!(self, backend => Box::pin(backend.moved_to()).await)
    }

    /// The profile that it belongs to.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn profile(&self) -> Result<ProfileName, StoreError> {
        let head = either!(self, backend => Box::pin(backend.head()).await)?;
        let unreadable = |error: noctule_core::name::NameError| StoreError::Corrupt {
            place: self.place(),
            message: error.to_string(),
        };
        head.profile.parse().map_err(unreadable)
    }
}
