//! The desk of a writer: its connection, how many commits there were, and what became of one whose answer never came.
//!
//! A commit raises the count from the number that it names, or does nothing. So whichever raised it from there decides: our
//! commit, or a bar that was put up in its place. After a bar a commit of before can never land, however late it comes.

use sqlx::PgConnection;

use super::PostgresStore;
use super::lease::Tenure;
use super::readers::Patience;
use super::said::{At, within};
use super::statement::Mark;
use crate::error::StoreError;

const LOOK: &str = "SELECT epoch, commits, last_commit FROM noctule.store";
const BAR: &str = "UPDATE noctule.store SET commits = commits + 1, last_commit = $3 \
    WHERE epoch = $1 AND commits = $2";

/// What a writer has before it.
#[derive(Debug)]
pub(crate) struct Desk {
    connection: Option<PgConnection>,
    /// None: a commit was sent, and nobody has heard what became of it.
    commits: Option<i64>,
    /// The database acknowledged as many.
    acknowledged: i64,
    /// Names that were given.
    named: u64,
}

impl Desk {
    pub(super) fn new(commits: i64) -> Self {
        Self {
            connection: None,
            commits: Some(commits),
            acknowledged: commits,
            named: 0,
        }
    }

    /// What was sent under a mark is done, or was refused: so many commits there are.
    pub(super) fn settle(&mut self, commits: i64, connection: Option<PgConnection>) {
        self.commits = Some(commits);
        self.acknowledged = commits;
        self.connection = connection;
    }

    /// The connection is well, and what was sent did nothing, for the count is another one.
    pub(super) fn miscounted(&mut self, connection: PgConnection) {
        self.connection = Some(connection);
    }

    fn name(&mut self, tenure: &Tenure) -> String {
        self.named += 1;
        format!("{}.{}", tenure.token, self.named)
    }
}

impl PostgresStore {
    /// The mark of the next commit, and the connection that it goes over. Until it is settled, it is in doubt.
    pub(super) async fn mark(
        &self,
        tenure: &Tenure,
        desk: &mut Desk,
    ) -> Result<(Mark, PgConnection), StoreError> {
        if !tenure.trust.holds() {
            return Err(StoreError::LeaseLost(tenure.epoch));
        }
        if desk.commits.is_none() {
            self.resolve(tenure, desk, None).await?;
        }
        let connection = match desk.connection.take() {
            Some(connection) => connection,
            None => self.server.connect().await?,
        };
        let name = desk.name(tenure);
        let commits = desk.commits.take().unwrap_or(desk.acknowledged);
        let epoch = tenure.epoch;
        let mark = Mark {
            epoch,
            commits,
            name,
        };
        Ok((mark, connection))
    }

    /// Whether a commit in doubt was made; if it was not, it never will be.
    pub(super) async fn resolve(
        &self,
        tenure: &Tenure,
        desk: &mut Desk,
        doubtful: Option<&Mark>,
    ) -> Result<bool, StoreError> {
        let mut patience = Patience::of_trust(&tenure.trust);
        loop {
            let left = tenure.trust.left().min(self.server.ttl / 3);
            let looked = self.look(tenure, desk, doubtful);
            match within(left, &self.server.place, looked).await {
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {}
                Err(error) if error.is_passing() => desk.connection = None,
                Err(error) => return Err(error),
            }
            if !patience.rest().await || !tenure.trust.holds() {
                return Err(StoreError::LeaseLost(tenure.epoch));
            }
        }
    }

    /// One look, and a bar where it shows nothing yet; none: somebody was quicker.
    async fn look(
        &self,
        tenure: &Tenure,
        desk: &mut Desk,
        doubtful: Option<&Mark>,
    ) -> Result<Option<bool>, StoreError> {
        let place = &self.server.place;
        let mut connection = match desk.connection.take() {
            Some(connection) => connection,
            None => self.server.connect().await?,
        };
        let look = sqlx::query_as(LOOK).fetch_one(&mut connection).await;
        let (epoch, commits, last): (i64, i64, String) = look.at(place)?;
        if epoch != tenure.epoch {
            return Err(StoreError::Fenced(tenure.epoch));
        }
        if commits < desk.acknowledged {
            let message = "commits that it has acknowledged are gone from it".to_owned();
            return Err(StoreError::WentBack {
                place: place.clone(),
                message,
            });
        }
        if let Some(mark) = doubtful.filter(|mark| commits > mark.commits) {
            desk.settle(commits, Some(connection));
            return Ok(Some(last == mark.name));
        }
        let name = desk.name(tenure);
        let bar = sqlx::query(BAR).bind(epoch).bind(commits).bind(name);
        let put = bar.execute(&mut connection).await.at(place)?;
        if put.rows_affected() == 1 {
            desk.settle(commits + 1, Some(connection));
            return Ok(Some(false));
        }
        desk.connection = Some(connection);
        Ok(None)
    }
}
