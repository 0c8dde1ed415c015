//! Every operation that there is: the one list that the router and the document are made from.

use std::sync::LazyLock;

use crate::access::{Need, Role};
use crate::act::{
    Backfill, Cancel, CancelBackfill, CancelMany, Mark, MarkMany, Pause, PauseBackfill,
    ResendDelivery, Resume, ResumeBackfill, Retry, RetryMany, Trigger,
};
use crate::audit::ListAudit;
use crate::live::{Events, RunStream};
use crate::login::{LoggedOut, Login, LoginCallback, Logout};
use crate::openapi::ShowOpenApi;
use crate::operation::{Endpoint, Verb, endpoint};
use crate::pages::{
    ShowAsset, ShowAttemptPage, ShowCell, ShowDefinition, ShowGraphPage, ShowGrid, ShowHealth,
    ShowHistory, ShowNights, ShowRunPage, ShowTaskPage, ShowTonight, ShowTrigger,
};
use crate::read::{
    AttemptLogs, AttemptRequest, ExplainRun, ExplainTask, Health, ListBackfills, ListDags,
    ListDeliveries, ListRuns, ListTicks, ListVersions, Metrics, Readiness, RunEvents, RunTasks,
    ShowBackfill, ShowDag, ShowRun, ShowStanding, ShowVersion, Tonight, Work,
};
use crate::sessions::{EndSession, ListSessions};
use crate::tokens::{IssueToken, ListTokens, RevokeToken};

pub(crate) static TABLE: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    vec![
        endpoint::<Health>(),
        endpoint::<Readiness>(),
        endpoint::<Metrics>(),
        endpoint::<ShowStanding>(),
        endpoint::<ShowOpenApi>(),
        endpoint::<Tonight>(),
        endpoint::<Work>(),
        endpoint::<ListDags>(),
        endpoint::<ShowDag>(),
        endpoint::<ListVersions>(),
        endpoint::<ShowVersion>(),
        endpoint::<ListTicks>(),
        endpoint::<Trigger>(),
        endpoint::<Pause>(),
        endpoint::<Resume>(),
        endpoint::<RetryMany>(),
        endpoint::<CancelMany>(),
        endpoint::<MarkMany>(),
        endpoint::<Backfill>(),
        endpoint::<ListBackfills>(),
        endpoint::<ShowBackfill>(),
        endpoint::<PauseBackfill>(),
        endpoint::<ResumeBackfill>(),
        endpoint::<CancelBackfill>(),
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
        endpoint::<ResendDelivery>(),
        endpoint::<ShowAsset>(),
        endpoint::<ShowHealth>(),
        endpoint::<ShowTonight>(),
        endpoint::<ShowGrid>(),
        endpoint::<ShowHistory>(),
        endpoint::<ShowNights>(),
        endpoint::<ShowDefinition>(),
        endpoint::<ShowTrigger>(),
        endpoint::<ShowCell>(),
        endpoint::<ShowRunPage>(),
        endpoint::<ShowTaskPage>(),
        endpoint::<ShowAttemptPage>(),
        endpoint::<ShowGraphPage>(),
        endpoint::<ListTokens>(),
        endpoint::<IssueToken>(),
        endpoint::<RevokeToken>(),
        endpoint::<ListSessions>(),
        endpoint::<EndSession>(),
        endpoint::<ListAudit>(),
        endpoint::<Login>(),
        endpoint::<LoginCallback>(),
        endpoint::<LoggedOut>(),
        // The last one: whoever walks all routes has no session afterwards.
        endpoint::<Logout>(),
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
    /// It is for people with a browser, and no part of the API.
    pub page: bool,
}

/// Every route.
pub fn routes() -> impl Iterator<Item = Route> {
    TABLE.iter().map(|endpoint| Route {
        method: endpoint.verb.as_str(),
        path: endpoint.path,
        role: match endpoint.need {
            Need::Public | Need::Anybody => None,
            Need::Role(role) => Some(role),
        },
        page: endpoint.is_page(),
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
    fn exactly_the_two_health_routes_and_the_way_in_and_out_are_public() {
        let public: Vec<&str> = routes()
            .filter(|route| route.role.is_none())
            .map(|route| route.path)
            .collect();
        assert_eq!(
            public,
            [
                "/healthz",
                "/readyz",
                "/login",
                "/login/callback",
                "/logged-out"
            ]
        );
    }

    #[test]
    fn whoever_may_only_look_can_change_nothing() {
        for route in routes().filter(|route| route.method != "GET") {
            // But their own session.
            let own = route.path == "/logout";
            assert!(route.role >= Some(Role::Operator) || own, "{route:?}");
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
