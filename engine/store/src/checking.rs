//! Whether what is stored can be read: every page of a file, every text of a database as a document, and beside the runs,
//! which are replayed by whoever asks for that, every document as what it is.

use noctule_core::name::BackfillId;

use crate::access::AuditId;
use crate::backfills::BackfillFilter;
use crate::error::StoreError;
use crate::messages::MessageFilter;
use crate::store::{Store, either};

/// Rows that are read at once.
const PAGE: u32 = 500;

impl Store {
    /// Checks what is stored, and reads words, backfills, tokens and audit events as such.
    ///
    /// # Errors
    /// It is damaged: `Corrupt`; or a document is none: `Document`.
    pub async fn check(&self) -> Result<(), StoreError> {
        either!(self, backend => Box::pin(backend.check()).await)?;
        self.read_messages().await?;
        self.read_backfills().await?;
        self.tokens().await?;
        self.dag_records().await?;
        self.read_audit().await
    }

    async fn read_messages(&self) -> Result<(), StoreError> {
        // What is live is what an engine would not start without.
        self.live_messages().await?;
        let mut filter = MessageFilter {
            state: None,
            failed: false,
            before: None,
            limit: PAGE,
        };
        loop {
            let page = self.find_messages(&filter).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            filter.before = Some((last.created_at, last.id.0.clone()));
        }
    }

    async fn read_backfills(&self) -> Result<(), StoreError> {
        let mut before: Option<BackfillId> = None;
        loop {
            let filter = BackfillFilter {
                before: before.take(),
                limit: PAGE,
                ..BackfillFilter::default()
            };
            let page = self.find_backfills(&filter).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            before = Some(last.id.clone());
            for head in &page {
                self.nights(&head.id).await?;
            }
        }
    }

    async fn read_audit(&self) -> Result<(), StoreError> {
        let mut before: Option<AuditId> = None;
        loop {
            let page = self.audit(before, PAGE).await?;
            let Some((last, ..)) = page.last() else {
                return Ok(());
            };
            before = Some(*last);
        }
    }
}
