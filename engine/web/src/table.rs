//! Every operation that there is: the one list that the router and the document are made from.

use std::sync::LazyLock;

use crate::access::{Need, Role};
use crate::act::{Cancel, Mark, Pause, Resume, Retry, Trigger};
use crate::live::{Events, RunStream};
use crate::openapi::ShowOpenApi;
use crate::operation::{Endpoint, Verb, endpoint};
use crate::read::{
    AttemptLogs, AttemptRequest, ExplainRun, ExplainTask, Health, ListDags, ListDeliveries,
    ListRuns, ListTicks, ListVersions, Readiness, RunEvents, RunTasks, ShowDag, ShowRun,
    ShowVersion,
};

pub(crate) static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    vec![
        endpoint::<Health>(),
        endpoint::<Readiness>(),
        endpoint::<ShowOpenApi>(),
        endpoint::<ListDags>(),
        endpoint::<ShowDag>(),
        endpoint::<ListVersions>(),
        endpoint::<ShowVersion>(),
        endpoint::<ListTicks>(),
        endpoint::<Trigger>(),
        endpoint::<Pause>(),
        endpoint::<Resume>(),
        endpoint::<ListRuns>(),
        endpoint::<ShowRun>(),
        endpoint::<RunEvents>(),
        endpoint::<RunTasks>(),
        endpoint::<ExplainRun>(),
        endpoint::<Cancel>(),
        endpoint::<Retry>(),
        endpoint::<RunStream>(),
        endpoint::<ExplainTask>(),
        endpoint::<Mark>(),
        endpoint::<AttemptLogs>(),
        endpoint::<AttemptRequest>(),
        endpoint::<Events>(),
        endpoint::<ListDeliveries>(),
    ]
});

/// A route, for whoever walks all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its address, with its parameters in braces.
    pub path: &'static str,
    /// The role that it needs; none: it is public.
    pub role: Option<Role>,
}

/// Every route.
pub fn routes() -> impl Iterator<Item = Route> {
    TABLE.iter().map(|endpoint| Route {
        method: endpoint.verb.as_str(),
        path: endpoint.path,
        role: match endpoint.need {
            Need::Public => None,
            Need::Role(role) => Some(role),
        },
    })
}

/// The operation at an address, by method.
pub(crate) fn find(path: &str, method: &str) -> Option<&'static Endpoint> {
    let verb = match method {
        "GET" | "HEAD" => Verb::Get,
        "POST" => Verb::Post,
        _ => return None,
    };
    let mut there = TABLE.iter().filter(|endpoint| endpoint.path == path);
    there.find(|endpoint| endpoint.verb == verb)
}

/// What may be asked at an address.
pub(crate) fn allowed(path: &str) -> &'static str {
    let has = |verb| {
        TABLE
            .iter()
            .any(|endpoint| endpoint.path == path && endpoint.verb == verb)
    };
    match (has(Verb::Get), has(Verb::Post)) {
        (true, true) => "GET, HEAD, POST",
        (true, false) => "GET, HEAD",
        (false, true) => "POST",
        (false, false) => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn exactly_the_two_health_routes_are_public() {
        let public: Vec<&str> = routes()
            .filter(|route| route.role.is_none())
            .map(|route| route.path)
            .collect();
        assert_eq!(public, ["/healthz", "/readyz"]);
    }

    #[test]
    fn whoever_may_only_look_can_change_nothing() {
        for route in routes().filter(|route| route.method != "GET") {
            assert!(route.role >= Some(Role::Operator), "{route:?}");
        }
    }

    #[test]
    fn each_route_stands_once_and_has_a_name_of_its_own() {
        let all: BTreeSet<_> = routes().map(|route| (route.path, route.method)).collect();
        let names: BTreeSet<_> = TABLE.iter().map(|endpoint| endpoint.name).collect();
        assert_eq!(all.len(), TABLE.len());
        assert_eq!(names.len(), TABLE.len());
    }
}
