//! Commits: one statement in one round trip; where a write breaks a rule, each group under a savepoint in one transaction.
//!
//! An answer that does not come leaves the commit in doubt, and this returns only after the doubt is settled: it was made,
//! or it never will be. While that cannot be told the lease runs out, and with it the right to say anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use noctule_core::name::RunId;
use sqlx::PgConnection;

use super::PostgresStore;
use super::batch::{Batch, outcomes};
use super::doubt::Desk;
use super::lease::Tenure;
use super::readers::steadily;
use super::said::{At, corrupt, is_refusal, unavailable};
use super::statement::{FENCE, Mark, PART, Said, WHOLE, perform};
use crate::commit::{Write, Written, of_refused};
use crate::error::StoreError;
use crate::lease::Lease;

/// An answer that takes longer is lost.
const ANSWER: Duration = Duration::from_secs(10);

const BORN: &str = "SELECT id FROM noctule.runs WHERE id = ANY ($1)";
/// The key comes first, then the tick.
const EXISTING: &str = "SELECT new.id, coalesce( \
        (SELECT id FROM noctule.runs WHERE dag = new.dag AND idempotency_key = new.key), \
        (SELECT run FROM noctule.spent_keys AS spent WHERE spent.dag = new.dag AND spent.key = new.key), \
        (SELECT id FROM noctule.runs WHERE dag = new.dag AND tick = new.tick)) \
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS new (id, dag, key, tick)";

/// What came of sending.
enum Sent<T> {
    /// It is durable.
    Done(T),
    /// The count is another one: nothing was done.
    Miscounted,
    /// The server refused: nothing was done.
    Refused(StoreError),
    /// Nobody knows.
    Lost(String),
}

/// Reads what belongs to the answer of a commit that is durable: it must be known.
macro_rules! surely {
    ($tenure:expr, $read:expr) => {
        loop {
            match $read {
                Err(error) if error.is_passing() && $tenure.trust.holds() => {}
                Err(error) if error.is_passing() => {
                    break Err(StoreError::LeaseLost($tenure.epoch));
                }
                read => break read,
            }
        }
    };
}

impl PostgresStore {
    pub(crate) async fn commit(
        &self,
        lease: &Lease,
        groups: &[&[Write<'_>]],
    ) -> Result<Vec<Written>, StoreError> {
        let Some(tenure) = lease.tenure() else {
            return Err(StoreError::Fenced(lease.epoch()));
        };
        let writes = groups.concat();
        let batch = Batch::of(&writes)?;
        let mut desk = tenure.desk().await;
        if let Some(hook) = &self.hook {
            hook.before()?;
        }
        let mut done = self.all(tenure, &mut desk, &writes, &batch).await;
        if matches!(done, Err(StoreError::Refused(_))) {
            done = self.each(tenure, &mut desk, groups).await;
        }
        if let (Ok(_), Some(hook)) = (&done, &self.hook) {
            hook.after();
        }
        done
    }

    async fn all(
        &self,
        tenure: &Tenure,
        desk: &mut Desk,
        writes: &[Write<'_>],
        batch: &Batch,
    ) -> Result<Vec<Written>, StoreError> {
        loop {
            let (mark, mut connection) = self.mark(tenure, desk).await?;
            let asking = perform(&mut connection, WHOLE, &mark, batch);
            let sent = self.sent(tenure, asking).await;
            let born = match sent {
                Sent::Done(Said { fenced: true, born }) => {
                    desk.settle(mark.commits + 1, Some(connection));
                    born
                }
                Sent::Done(_) | Sent::Miscounted => {
                    desk.miscounted(connection);
                    continue;
                }
                Sent::Refused(error) => {
                    desk.settle(mark.commits, Some(connection));
                    return Err(error);
                }
                Sent::Lost(why) => {
                    drop(connection);
                    if !self.resolve(tenure, desk, Some(&mark)).await? {
                        return Err(unavailable(&self.server.place, why));
                    }
                    surely!(tenure, self.born(&batch.births.ids).await)?
                }
            };
            let born: BTreeSet<String> = born.into_iter().collect();
            if batch.births.ids.iter().all(|id| born.contains(id)) {
                return Ok(outcomes(writes, &born, &BTreeMap::new()));
            }
            let existing = surely!(tenure, self.existing(batch).await)?;
            return Ok(outcomes(writes, &born, &existing));
        }
    }

    async fn each(
        &self,
        tenure: &Tenure,
        desk: &mut Desk,
        groups: &[&[Write<'_>]],
    ) -> Result<Vec<Written>, StoreError> {
        loop {
            let (mark, mut connection) = self.mark(tenure, desk).await?;
            let by_group = self.by_group(&mut connection, &mark, groups);
            let written =
                match tokio::time::timeout(ANSWER.min(tenure.trust.left()), by_group).await {
                    Ok(Ok(Some(written))) => written,
                    Ok(Ok(None)) => {
                        desk.miscounted(connection);
                        continue;
                    }
                    // Nobody has asked for the end of the transaction: without the connection it is undone.
                    Ok(Err(error)) => {
                        desk.settle(mark.commits, None);
                        return Err(error);
                    }
                    Err(_) => {
                        desk.settle(mark.commits, None);
                        return Err(unavailable(&self.server.place, "no answer in time"));
                    }
                };
            let ending = async {
                let commit = sqlx::raw_sql("COMMIT");
                commit.execute(&mut connection).await.map(drop)
            };
            match self.sent(tenure, ending).await {
                Sent::Done(()) => desk.settle(mark.commits + 1, Some(connection)),
                Sent::Miscounted => continue,
                Sent::Refused(error) => {
                    desk.settle(mark.commits, None);
                    return Err(error);
                }
                Sent::Lost(why) => {
                    drop(connection);
                    if !self.resolve(tenure, desk, Some(&mark)).await? {
                        return Err(unavailable(&self.server.place, why));
                    }
                }
            }
            return Ok(written);
        }
    }

    /// The transaction up to its end, which is not asked for yet; none: the count is another one, and it is undone.
    async fn by_group(
        &self,
        connection: &mut PgConnection,
        mark: &Mark,
        groups: &[&[Write<'_>]],
    ) -> Result<Option<Vec<Written>>, StoreError> {
        let place = &self.server.place;
        self.simple(connection, "BEGIN").await?;
        let fence = sqlx::query(FENCE).bind(mark.epoch).bind(mark.commits);
        let fence = fence.bind(&mark.name).fetch_optional(&mut *connection);
        if fence.await.at(place)?.is_none() {
            self.simple(connection, "ROLLBACK").await?;
            return Ok(None);
        }
        let mut written = Vec::new();
        for group in groups {
            self.simple(connection, "SAVEPOINT one").await?;
            match self.one_by_one(connection, mark, group).await {
                Ok(done) => {
                    self.simple(connection, "RELEASE one").await?;
                    written.extend(done);
                }
                Err((culprit, error @ StoreError::Refused(_))) => {
                    self.simple(connection, "ROLLBACK TO one").await?;
                    written.extend(of_refused(group.len(), culprit, error));
                }
                Err((_, error)) => return Err(error),
            }
        }
        Ok(Some(written))
    }

    /// The writes of a group, each by itself, so that it is known which of them is refused.
    async fn one_by_one(
        &self,
        connection: &mut PgConnection,
        mark: &Mark,
        group: &[Write<'_>],
    ) -> Result<Vec<Written>, (usize, StoreError)> {
        let mut written = Vec::with_capacity(group.len());
        for (at, write) in group.iter().enumerate() {
            let done = self.alone(connection, mark, write).await;
            let done = done.map_err(|error| (at, error))?;
            // A step of a run that is not there is refused as a write that breaks a rule is.
            match done {
                Written::Failed(error) => return Err((at, error)),
                done => written.push(done),
            }
        }
        Ok(written)
    }

    async fn alone(
        &self,
        connection: &mut PgConnection,
        mark: &Mark,
        write: &Write<'_>,
    ) -> Result<Written, StoreError> {
        let alone = std::slice::from_ref(write);
        let batch = Batch::of(alone)?;
        let said = perform(connection, PART, mark, &batch).await;
        let said = said.at(&self.server.place)?;
        let born: BTreeSet<String> = said.born.into_iter().collect();
        let existing = if born.len() < batch.births.ids.len() {
            self.look_for(connection, &batch).await?
        } else {
            BTreeMap::new()
        };
        let mut done = outcomes(alone, &born, &existing);
        Ok(done.pop().unwrap_or(Written::Done))
    }

    /// Waits for an answer, and tells a refusal from a silence.
    async fn sent<T>(
        &self,
        tenure: &Tenure,
        asking: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Sent<T> {
        let limit = ANSWER.min(tenure.trust.left());
        match tokio::time::timeout(limit, asking).await {
            Ok(Ok(done)) => Sent::Done(done),
            Ok(Err(error)) if is_refusal(&error) => {
                match Err::<(), _>(error).at(&self.server.place) {
                    Err(error) => Sent::Refused(error),
                    Ok(()) => Sent::Miscounted,
                }
            }
            Ok(Err(error)) => Sent::Lost(format!("the answer to a commit was lost: {error}")),
            Err(_) => Sent::Lost("the answer to a commit did not come in time".to_owned()),
        }
    }

    async fn born(&self, ids: &[String]) -> Result<Vec<String>, StoreError> {
        steadily!(self, connection => {
            sqlx::query_scalar(BORN).bind(ids).fetch_all(connection).await.at(&self.server.place)
        })
    }

    async fn existing(&self, batch: &Batch) -> Result<BTreeMap<String, RunId>, StoreError> {
        steadily!(self, connection => self.look_for(connection, batch).await)
    }

    /// The runs that are there for the ticks and keys of those that were to be made.
    async fn look_for(
        &self,
        connection: &mut PgConnection,
        batch: &Batch,
    ) -> Result<BTreeMap<String, RunId>, StoreError> {
        let (place, births) = (&self.server.place, &batch.births);
        let query = sqlx::query_as(EXISTING)
            .bind(&births.ids)
            .bind(&births.dags)
            .bind(&births.keys)
            .bind(&births.ticks);
        let found: Vec<(String, Option<String>)> = query.fetch_all(connection).await.at(place)?;
        let mut existing = BTreeMap::new();
        for (id, there) in found {
            if let Some(there) = there {
                let there = there
                    .parse()
                    .map_err(|error: noctule_core::name::NameError| {
                        corrupt(place, error.to_string())
                    })?;
                existing.insert(id, there);
            }
        }
        Ok(existing)
    }

    async fn simple(
        &self,
        connection: &mut PgConnection,
        statement: &'static str,
    ) -> Result<(), StoreError> {
        let done = sqlx::raw_sql(statement).execute(connection).await;
        done.at(&self.server.place).map(drop)
    }
}
