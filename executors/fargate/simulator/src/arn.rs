//! Names of things: ARNs made and read.
//!
//! A short name and the ARN of it mean the same; an ARN of another region or account means nothing
//! here.

use super::refusal::Refusal;

/// A region of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) account: String,
}

impl Place {
    fn ecs(&self, rest: &str) -> String {
        format!("arn:aws:ecs:{}:{}:{rest}", self.region, self.account)
    }

    pub(crate) fn cluster(&self, name: &str) -> String {
        self.ecs(&format!("cluster/{name}"))
    }

    pub(crate) fn task(&self, cluster: &str, id: &str) -> String {
        self.ecs(&format!("task/{cluster}/{id}"))
    }

    pub(crate) fn definition(&self, name: &str) -> String {
        self.ecs(&format!("task-definition/{name}"))
    }

    pub(crate) fn container(&self, cluster: &str, task: &str, id: &str) -> String {
        self.ecs(&format!("container/{cluster}/{task}/{id}"))
    }

    /// The resource of an ARN of ours (`task/c/id`), or None.
    fn resource<'a>(&self, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.ecs(""))
    }

    /// The name of a cluster, by its name or ARN; nothing given means `default`.
    pub(crate) fn cluster_name(&self, given: Option<&str>) -> Result<String, Refusal> {
        let given = given.unwrap_or("default");
        let name = if given.starts_with("arn:") {
            self.resource(given)
                .and_then(|resource| resource.strip_prefix("cluster/"))
                .ok_or_else(Refusal::no_cluster)?
        } else {
            given
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if name.is_empty() || name.len() > 255 || !name.chars().all(plain) {
            return Err(Refusal::invalid_parameter(format!(
                "Invalid identifier: {given}"
            )));
        }
        Ok(name.to_owned())
    }

    /// The id of a task of this cluster, by its id or ARN.
    pub(crate) fn task_id(&self, cluster: &str, given: &str) -> Result<String, Refusal> {
        let id = match given.strip_prefix("arn:") {
            None => given,
            Some(_) => {
                let resource = self
                    .resource(given)
                    .and_then(|resource| resource.strip_prefix("task/"))
                    .ok_or_else(|| {
                        Refusal::invalid_parameter("Invalid identifier: unexpected ARN.")
                    })?;
                let (of, id) = resource.split_once('/').unwrap_or((cluster, resource));
                if of != cluster {
                    return Err(Refusal::invalid_parameter(format!(
                        "Invalid identifier: Identifier is for cluster {of}. Your cluster is {cluster}"
                    )));
                }
                id
            }
        };
        if id.len() > 36 {
            return Err(Refusal::invalid_parameter("taskId longer than 36."));
        }
        let plain = |c: char| c.is_ascii_hexdigit() || c == '-';
        if id.is_empty() || !id.chars().all(plain) {
            return Err(Refusal::invalid_parameter("Invalid task identifier."));
        }
        Ok(id.to_owned())
    }

    /// The family and, if named, the revision.
    pub(crate) fn definition_name(&self, given: &str) -> Option<(String, Option<u32>)> {
        let name = if given.starts_with("arn:") {
            self.resource(given)?.strip_prefix("task-definition/")?
        } else {
            given
        };
        let (family, revision) = match name.split_once(':') {
            None => (name, None),
            Some((family, revision)) => (family, Some(revision.parse().ok()?)),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let well_formed = !family.is_empty() && family.len() <= 255 && family.chars().all(plain);
        well_formed.then(|| (family.to_owned(), revision))
    }
}

/// Letters and digits of which no two are alike.
pub(crate) fn random_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
        }
    }

    #[test]
    fn a_name_and_its_arn_mean_the_same() {
        let place = place();
        assert_eq!(place.cluster_name(None).ok().as_deref(), Some("default"));
        let arn = place.cluster("c");
        assert_eq!(place.cluster_name(Some(&arn)).ok().as_deref(), Some("c"));
        let arn = place.task("c", "ab12");
        assert_eq!(place.task_id("c", &arn).ok().as_deref(), Some("ab12"));
        let arn = place.definition("f:3");
        assert_eq!(place.definition_name(&arn), Some(("f".to_owned(), Some(3))));
        assert_eq!(place.definition_name("f"), Some(("f".to_owned(), None)));
    }

    #[test]
    fn what_is_of_another_place_is_refused() {
        let place = place();
        let other = Place {
            region: "eu-west-1".to_owned(),
            ..place.clone()
        };
        assert!(place.cluster_name(Some(&other.cluster("c"))).is_err());
        assert!(place.task_id("c", &other.task("c", "ab")).is_err());
        assert!(place.task_id("c", &place.task("d", "ab")).is_err());
        assert_eq!(place.definition_name(&other.definition("f:1")), None);
        assert_eq!(place.definition_name("f:x"), None);
    }
}
