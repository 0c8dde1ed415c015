//! Whether this identity can reach and do all that these configurations need.
//!
//! Guarantees: starts nothing and changes nothing; what is missing is named as IAM names it. A configuration that still
//! holds templates is judged as far as it stands.

use std::collections::BTreeSet;

use noctule_executor::{Draft, Finding};
use reqwest::Method;
use serde_json::{Value, json};

use crate::executions::Deleted;
use crate::failure::{CallError, Verb};
use crate::lenient;
use crate::session::Session;
use crate::target::Target;
use crate::transport::Wire;

/// The permissions on a job that can be asked about; those on executions are tried by a read.
const ON_THE_JOB: [&str; 3] = ["run.jobs.get", "run.jobs.run", "run.jobs.runWithOverrides"];

/// The least rights that this executor needs, as the file that `gcloud iam roles create --file` takes. It can be granted on
/// each job alone but for the log, which is the project's.
pub(crate) fn role() -> Value {
    let permissions: BTreeSet<&str> = Verb::ALL
        .into_iter()
        .map(Verb::permission)
        .chain(ON_THE_JOB)
        .collect();
    json!({
        "title": "Noctule",
        "description": "starts, watches and cancels executions of Cloud Run jobs, and reads their log",
        "stage": "GA",
        "includedPermissions": permissions,
    })
}

/// Looks at credentials first, then at each job once.
pub(crate) async fn findings(session: &Session<'_>, configs: &[Value]) -> Vec<Finding> {
    let subject = "google credentials".to_owned();
    let mut findings = match session.has_credentials().await {
        Ok(how) => vec![good(subject, how)],
        Err(cause) => return vec![bad(subject, cause)],
    };
    let mut targets = BTreeSet::new();
    for config in configs {
        match target(session, config) {
            Ok(target) => drop(targets.insert(target)),
            Err(finding) => findings.push(finding),
        }
    }
    for target in targets {
        findings.extend(of_job(session, &target).await);
    }
    findings
}

fn good(subject: String, message: impl Into<String>) -> Finding {
    Finding {
        good: true,
        subject,
        message: message.into(),
    }
}

fn bad(subject: String, message: impl Into<String>) -> Finding {
    Finding {
        good: false,
        subject,
        message: message.into(),
    }
}

/// The job of a configuration, where it stands in the file.
fn target(session: &Session<'_>, config: &Value) -> Result<Target, Finding> {
    let draft = Draft::new(config);
    let templated = |key: &str| config.get(key).is_some_and(Draft::is_template);
    let subject = format!("job {}", draft.text(&["job"]).unwrap_or("of a template"));
    if ["job", "region", "project"]
        .iter()
        .any(|key| templated(key))
    {
        return Err(good(subject, "known when it runs: not looked at"));
    }
    let own = draft.text(&["project"]).map(str::to_owned);
    let project = own.or_else(|| session.settings.project.clone());
    let target = Target {
        endpoint: session.settings.endpoint.clone(),
        project: project.ok_or_else(|| bad(subject.clone(), "no project is named"))?,
        region: draft.text(&["region"]).unwrap_or_default().to_owned(),
        job: draft.text(&["job"]).unwrap_or_default().to_owned(),
    };
    target.check().map_err(|error| bad(subject, error))?;
    Ok(target)
}

async fn of_job(session: &Session<'_>, target: &Target) -> Vec<Finding> {
    let Target {
        project,
        region,
        job,
        ..
    } = target;
    let subject = format!("job projects/{project}/locations/{region}/jobs/{job}");
    let found = match session.job(target).await {
        Ok(found) => found,
        Err(error) => return vec![bad(subject, said(&error))],
    };
    let mut findings = vec![good(subject.clone(), "it exists")];
    if let Some(message) = retries(&found) {
        findings.push(good(format!("retries of {subject}"), message));
    }
    let rights = format!("permissions on {subject}");
    if let Some(missing) = missing_permissions(session, target).await {
        findings.push(bad(rights.clone(), format!("missing: {missing}")));
    }
    let url = target.executions_url();
    if let Err(error) = session.page(&url, None, Deleted::Hidden).await {
        findings.push(bad(rights, said(&error)));
    }
    findings
}

fn said(error: &CallError) -> String {
    if error.is_not_found() {
        return format!("it does not exist: {error}");
    }
    error.of_read().to_string()
}

/// Cloud Run's own retries come on top of Noctule's. The default of `maxRetries` is 3; 0 has to be asked for.
fn retries(job: &Value) -> Option<String> {
    let template = job.get("template")?.get("template")?;
    let most = lenient::count(template, "maxRetries");
    (most > 0).then(|| {
        format!(
            "warning: the job retries each task {most} times by itself, and Noctule's retries multiply that; set its maxRetries to 0"
        )
    })
}

/// The permissions that are surely missing; nothing where that cannot be asked.
async fn missing_permissions(session: &Session<'_>, target: &Target) -> Option<String> {
    let wire = Wire {
        verb: Verb::TestPermissions,
        method: Method::POST,
        url: format!("{}:testIamPermissions", target.job_url()),
        body: Some(
            json!({ "permissions": ON_THE_JOB })
                .to_string()
                .into_bytes(),
        ),
    };
    let answer = session.json(&wire).await.ok()?;
    // An identity without any of them gets an empty object.
    let granted: Vec<_> = lenient::list(&answer, "permissions")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let missing: Vec<_> = ON_THE_JOB
        .into_iter()
        .filter(|permission| !granted.contains(permission))
        .map(|permission| format!("`{permission}`"))
        .collect();
    (!missing.is_empty()).then(|| missing.join(", "))
}

/// What a finding says about a connection that cannot be used at all.
pub(crate) fn unusable(message: String) -> Vec<Finding> {
    vec![bad("google connection".to_owned(), message)]
}
