//! A task in the cluster that is not ours: nobody asked the API for it here, so no start is counted.

use std::sync::Arc;

use serde_json::json;

use super::{
    arn::Place,
    definition::Definition,
    fault::Fate,
    run_request::RunTask,
    server::Simulator,
    task::{NewTask, Task},
};

impl Simulator {
    /// Puts a task of somebody else into a cluster, running until it is stopped; the answer is its ARN.
    pub fn stranger_task(
        &self,
        region: &str,
        cluster: &str,
        family: &str,
        started_by: Option<&str>,
    ) -> Option<String> {
        let place = Place {
            region: region.to_owned(),
            account: self.shared.settings.account.clone(),
        };
        let sent = json!({"taskDefinition": family, "startedBy": started_by});
        let request: RunTask = serde_json::from_value(sent).ok()?;
        let arn = self.shared.change(|cloud, now| {
            let task = Task::new(NewTask {
                place,
                cluster: cluster.to_owned(),
                sequence: cloud.number(),
                definition: Arc::new(Definition::held(family, "stranger")),
                request: Arc::new(request),
                overrides: json!({}),
                fate: Fate::default(),
                address: cloud.address(),
                now,
            });
            cloud.add(task)
        });
        self.shared.begin(arn.clone());
        Some(arn)
    }
}
