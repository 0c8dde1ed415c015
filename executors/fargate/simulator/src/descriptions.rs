//! The calls about what tasks are made of: `DescribeTaskDefinition`, `DescribeClusters`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    arn::Place, cloud::cluster, read::read, refusal::Refusal, shared::Shared, status::Status,
    tasks::includes_tags,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeTaskDefinition {
    task_definition: String,
    #[serde(default)]
    include: Vec<String>,
}

/// Shows a task definition, active or not.
pub(crate) fn task_definition(
    shared: &Shared,
    place: &Place,
    body: &[u8],
) -> Result<Value, Refusal> {
    let (request, _) = read::<DescribeTaskDefinition>(body)?;
    let with_tags = includes_tags(&request.include)?;
    let known = shared.read(|cloud| cloud.definition(place, &request.task_definition));
    let definition = known.ok_or_else(|| Refusal::client("Unable to describe task definition."))?;
    let mut answer = json!({"taskDefinition": definition.render(place)});
    if with_tags {
        answer["tags"] = json!([]);
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DescribeClusters {
    #[serde(default)]
    clusters: Vec<String>,
    #[serde(default)]
    include: Vec<String>,
}

/// Shows clusters; the unknown ones are failures.
pub(crate) fn clusters(shared: &Shared, place: &Place, body: &[u8]) -> Result<Value, Refusal> {
    let (mut request, _) = read::<DescribeClusters>(body)?;
    let known = [
        "ATTACHMENTS",
        "CONFIGURATIONS",
        "SETTINGS",
        "STATISTICS",
        "TAGS",
    ];
    if request.clusters.len() > 100
        || !request
            .include
            .iter()
            .all(|one| known.contains(&one.as_str()))
    {
        return Err(Refusal::invalid_parameter("Invalid clusters or include."));
    }
    if request.clusters.is_empty() {
        request.clusters.push("default".to_owned());
    }
    let (mut clusters, mut failures) = (Vec::new(), Vec::new());
    for given in &request.clusters {
        match cluster(&shared.settings, place, Some(given)) {
            Ok(name) => clusters.push(show(shared, place, &name)),
            Err(refusal) if refusal.code == "ClusterNotFoundException" => {
                let arn = if given.starts_with("arn:") {
                    given.clone()
                } else {
                    place.cluster(given)
                };
                failures.push(json!({"arn": arn, "reason": "MISSING"}));
            }
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(json!({"clusters": clusters, "failures": failures}))
}

fn show(shared: &Shared, place: &Place, name: &str) -> Value {
    let (running, pending) = shared.read(|cloud| {
        let ours = cloud
            .tasks
            .values()
            .filter(|task| task.place == *place && task.cluster == name);
        let running = ours
            .clone()
            .filter(|task| task.status == Status::Running)
            .count();
        (
            running,
            ours.filter(|task| task.status < Status::Running).count(),
        )
    });
    json!({
        "clusterArn": place.cluster(name), "clusterName": name, "status": "ACTIVE",
        "registeredContainerInstancesCount": 0, "runningTasksCount": running, "pendingTasksCount": pending,
        "activeServicesCount": 0, "statistics": [], "tags": [], "settings": [],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"], "defaultCapacityProviderStrategy": [],
    })
}
