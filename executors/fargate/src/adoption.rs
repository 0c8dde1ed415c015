//! Finds the task of an attempt by its mark.
//!
//! Guarantees: starts nothing; finished tasks count; only a task whose `startedBy` is the key itself is ever taken or
//! stopped. Where two carry one key, the oldest is kept and the others are stopped.
//! Facts: ListTasks shows only RUNNING unless it is asked for STOPPED as well; lists and reads lag behind each other.

use aws_sdk_ecs::types::DesiredStatus;

use crate::failure::CallError;
use crate::record::Record;
use crate::session::Session;
use crate::tasks::MOST_DESCRIBED;

impl Session<'_> {
    /// The one task that carries a key, if there is any.
    pub(crate) async fn find(&self, cluster: &str, key: &str) -> Result<Option<Record>, CallError> {
        let mut found = self.all_of(cluster, key).await?;
        found.sort_by_key(|record| (record.created_at, record.arn.clone()));
        let mut found = found.into_iter();
        let kept = found.next();
        for double in found.filter(|double| !double.has_stopped()) {
            tracing::warn!(task = %double.arn, key, "a second task of one attempt is stopped");
            let why = "noctule: a second task of one attempt";
            self.stop(cluster, &double.arn, why).await?;
        }
        Ok(kept)
    }

    async fn all_of(&self, cluster: &str, key: &str) -> Result<Vec<Record>, CallError> {
        let mut arns = self
            .list(cluster, Some(key), DesiredStatus::Running)
            .await?;
        arns.extend(
            self.list(cluster, Some(key), DesiredStatus::Stopped)
                .await?,
        );
        arns.sort();
        arns.dedup();
        let mut found = Vec::new();
        for some in arns.chunks(MOST_DESCRIBED) {
            let answer = self.describe(cluster, some, false).await?;
            found.extend(answer.tasks.into_iter().filter(|task| task.carries(key)));
            // Listed under the key, and not readable yet: it is there.
            found.extend(
                answer
                    .gaps
                    .into_iter()
                    .filter(|gap| gap.reason == "MISSING")
                    .map(|gap| Record {
                        arn: gap.arn,
                        started_by: Some(key.to_owned()),
                        ..Record::default()
                    }),
            );
        }
        Ok(found)
    }
}
