//! The calls that are answered, and how a request says which one it is.

use noctule_simulated::RecordedRequest;

const ECS: &str = "AmazonEC2ContainerServiceV20141113.";
const LOGS: &str = "Logs_20140328.";
const SECRETS: &str = "secretsmanager.";

/// A service, which decides the format of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// ECS.
    Ecs,
    /// CloudWatch Logs.
    Logs,
    /// Secrets Manager.
    Secrets,
    /// Elastic Load Balancing, version 2.
    LoadBalancing,
}

impl Service {
    /// Its name in a signature.
    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Service::Ecs => "ecs",
            Service::Logs => "logs",
            Service::Secrets => "secretsmanager",
            Service::LoadBalancing => "elasticloadbalancing",
        }
    }

    /// The service a request is for, whether or not its action is known.
    pub(crate) fn of(request: &RecordedRequest) -> Option<Service> {
        match request.header("x-amz-target") {
            Some(target) if target.starts_with(ECS) => Some(Service::Ecs),
            Some(target) if target.starts_with(LOGS) => Some(Service::Logs),
            Some(target) if target.starts_with(SECRETS) => Some(Service::Secrets),
            Some(_) => None,
            None => form_value(&request.body, "Action").map(|_| Service::LoadBalancing),
        }
    }
}

macro_rules! actions {
    ($($name:ident $service:ident $what:literal)*) => {
        /// A call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        pub enum Action {
            $(#[doc = $what] $name,)*
        }

        impl Action {
            /// Every call there is.
            pub const ALL: &[Action] = &[$(Action::$name,)*];

            /// Its name in the API.
            pub fn name(self) -> &'static str {
                match self { $(Action::$name => stringify!($name),)* }
            }

            /// Its service.
            pub fn service(self) -> Service {
                match self { $(Action::$name => Service::$service,)* }
            }
        }
    };
}

actions! {
    RunTask Ecs "Starts tasks."
    DescribeTasks Ecs "Shows up to 100 tasks."
    ListTasks Ecs "The ARNs of tasks."
    StopTask Ecs "Asks for the end of a task."
    DescribeTaskDefinition Ecs "Shows a task definition."
    DescribeClusters Ecs "Shows clusters."
    GetLogEvents Logs "Lines of a log stream."
    GetSecretValue Secrets "The value of a secret."
    RegisterTargets LoadBalancing "Adds targets to a group."
    DeregisterTargets LoadBalancing "Takes targets away."
    DescribeTargetHealth LoadBalancing "The health of targets."
    DescribeTargetGroups LoadBalancing "Shows target groups."
}

impl Action {
    /// The call that a request is.
    pub fn of(request: &RecordedRequest) -> Option<Action> {
        let service = Service::of(request)?;
        let name = match request.header("x-amz-target") {
            Some(target) => target.rsplit_once('.')?.1.to_owned(),
            None => form_value(&request.body, "Action")?,
        };
        let known = |action: &&Action| action.service() == service && action.name() == name;
        Action::ALL.iter().find(known).copied()
    }
}

fn form_value(body: &[u8], key: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(body);
    pairs
        .find(|(name, _)| name == key)
        .map(|(_, value)| value.into_owned())
}
