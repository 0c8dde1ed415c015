//! Secrets of AWS Secrets Manager, read at the moment of a call: `from = "aws:arn:…"` or `"aws:NAME"`.
//!
//! Guarantees: one value is one signed `GetSecretValue` (refused credentials are renewed and it is sent once more); every
//! read ends in time. A message names the secret and the identity that asked, never a value, and nothing is kept.
//! Facts: a JSON 1.1 service like ECS; the value is `SecretString`, or `SecretBinary` in base64. An ARN names its region.

use std::collections::BTreeSet;
use std::time::Duration;

use noctule_executor::secrecy::SecretString;
use noctule_executor::{Context, ErrorClass, ExecutorError, Finding, Vault, async_trait};
use serde_json::{Value, json};

use crate::executor::Fargate;
use crate::failure::Op;
use crate::pacing::Pacing;
use crate::rules;
use crate::session::Session;
use crate::signed::Wanted;

/// The right, as IAM names it.
const ACTION: &str = "secretsmanager:GetSecretValue";
/// What the call is named on the wire.
const TARGET: &str = "secretsmanager.GetSecretValue";
const SERVICE: &str = "secretsmanager";
/// For one value, the credentials included: a launch waits for it, and tries again later.
const PATIENCE: Duration = Duration::from_secs(20);

/// Reads secrets of AWS Secrets Manager through a connection of kind `aws`.
#[derive(Default)]
pub struct SecretsManager(Fargate);

impl SecretsManager {
    /// A vault with the times that suit AWS.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A vault with other times.
    #[must_use]
    pub fn with_pacing(pacing: Pacing) -> Self {
        Self(Fargate::with_pacing(pacing))
    }

    async fn value(&self, context: &Context, name: &str) -> Result<SecretString, ExecutorError> {
        let region =
            check(name).map_err(|what| ExecutorError::rejected(ErrorClass::Config, what))?;
        let session = Session::open(&self.0, context)?;
        let who = session.settings.identity.who();
        let subject = format!("secret `{name}`, read as {who}");
        let wanted = Wanted {
            op: Op::new(ACTION, subject.clone()),
            service: SERVICE,
            region: region.unwrap_or(&session.settings.identity.region),
            target: TARGET,
        };
        let patience = PATIENCE.min(self.0.pacing().answer);
        let body = json!({ "SecretId": name });
        let asked = tokio::time::timeout(patience, session.signed(&wanted, &body)).await;
        let late = |_| {
            let seconds = patience.as_secs_f32();
            ExecutorError::unavailable(format!("{subject}: no answer within {seconds} s"))
        };
        let answer = asked.map_err(late)?;
        let answer = answer.map_err(|error| error.of_preparation())?;
        payload(&answer).map_err(|what| {
            ExecutorError::rejected(ErrorClass::Config, format!("{subject}: {what}"))
        })
    }
}

#[async_trait]
impl Vault for SecretsManager {
    fn kind(&self) -> &'static str {
        "aws"
    }

    fn connection_kind(&self) -> &'static str {
        "aws"
    }

    fn check(&self, name: &str) -> Result<(), String> {
        check(name).map(drop)
    }

    async fn read(&self, context: &Context, name: &str) -> Result<SecretString, ExecutorError> {
        self.value(context, name).await
    }

    fn rights(&self, names: &[String]) -> Value {
        let resources: BTreeSet<String> = names.iter().map(|name| resource(name)).collect();
        json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Sid": "ReadSecrets", "Effect": "Allow", "Action": [ACTION], "Resource": resources },
            ],
        })
    }

    async fn preflight(&self, context: &Context, names: &[String]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for name in names {
            let read = self.value(context, name).await;
            findings.push(Finding {
                good: read.is_ok(),
                subject: name.clone(),
                message: match read {
                    Ok(_) => "it can be read".to_owned(),
                    Err(error) => error.to_string(),
                },
            });
        }
        findings
    }
}

/// Checks a name or an ARN; the region of an ARN. What is wrong is said without the text, which may be a value by mistake.
fn check(name: &str) -> Result<Option<&str>, String> {
    if !name.starts_with("arn:") {
        return is_name(name)
            .then_some(None)
            .ok_or_else(|| "the name of a secret has letters, digits and `/_+=.@-`".to_owned());
    }
    let arn = rules::arn(name, SERVICE);
    let fine = |arn: &rules::Arn<'_>| {
        let named = arn.resource.strip_prefix("secret:");
        rules::region(arn.region).is_ok() && named.is_some_and(is_name)
    };
    let arn = arn.filter(fine).ok_or_else(|| {
        "the ARN of a secret is written arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME"
            .to_owned()
    })?;
    Ok(Some(arn.region))
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    !text.is_empty() && text.len() <= 512 && text.chars().all(fits)
}

/// A secret as a policy names it: its ARN ends in six characters that only AWS knows.
fn resource(name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    format!("arn:aws:secretsmanager:*:*:secret:{name}-??????")
}

fn payload(answer: &Value) -> Result<SecretString, &'static str> {
    let text = match (&answer["SecretString"], &answer["SecretBinary"]) {
        (Value::String(text), _) => text.clone(),
        (_, Value::String(binary)) => {
            let bytes =
                aws_smithy_types::base64::decode(binary).map_err(|_| "the answer is no base64")?;
            String::from_utf8(bytes).map_err(|_| "its value is no UTF-8 text")?
        }
        _ => return Err("the answer holds no value"),
    };
    if text.is_empty() {
        return Err("its value is empty");
    }
    Ok(SecretString::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3";

    #[test]
    fn an_arn_names_its_region_and_a_name_none() {
        assert_eq!(check(ARN), Ok(Some("eu-west-1")));
        assert_eq!(check("prod/db"), Ok(None));
        for wrong in [
            "",
            "a b",
            "a:b",
            "arn:aws:secretsmanager:eu-west-1:1:secret:",
            "arn:aws:secretsmanager:eu-west-1.evil.example/#:1:secret:a",
            "arn:aws:ecs:eu-west-1:1:secret:a",
            "arn:aws:secretsmanager:eu-west-1:1:secret:a:key::",
        ] {
            let said = check(wrong).unwrap_err();
            assert!(wrong.is_empty() || !said.contains(wrong), "{said}");
        }
    }

    #[test]
    fn a_policy_names_each_secret_and_no_other() {
        let policy =
            SecretsManager::new().rights(&["db".to_owned(), ARN.to_owned(), "db".to_owned()]);
        assert_eq!(
            policy["Statement"],
            json!([{
                "Sid": "ReadSecrets", "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"],
                "Resource": ["arn:aws:secretsmanager:*:*:secret:db-??????", ARN],
            }])
        );
    }

    #[test]
    fn text_and_bytes_are_values() {
        use noctule_executor::secrecy::ExposeSecret;
        let value = |answer| payload(&answer).map(|value| value.expose_secret().to_owned());
        assert_eq!(value(json!({ "SecretString": "a" })), Ok("a".to_owned()));
        assert_eq!(value(json!({ "SecretBinary": "YQ==" })), Ok("a".to_owned()));
        assert!(value(json!({ "SecretBinary": "/w==" })).is_err());
        assert!(value(json!({})).is_err());
    }
}
