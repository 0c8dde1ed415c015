//! The calls about targets: `RegisterTargets`, `DeregisterTargets`, `DescribeTargetHealth`,
//! `DescribeTargetGroups`. The first two can be repeated.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use super::{
    arn::Place,
    health::Watched,
    query::Query,
    refusal::Refusal,
    settings::Health,
    shared::Shared,
    target::{Target, TargetHealth},
    xml::Xml,
};

/// The port of a target that names none.
const USUAL_PORT: u16 = 8080;

type At = (Ipv4Addr, u16);

/// Adds targets; each is checked from now on.
pub(crate) fn register(shared: &Arc<Shared>, place: &Place, body: &[u8]) -> Result<Xml, Refusal> {
    let (group, targets) = read(shared, place, body, true)?;
    let watched = shared.change(|cloud, now| {
        cloud
            .targets
            .sweep(shared.settings.deregistration_delay, now);
        let mut watched = Vec::new();
        for at in targets {
            let registration = cloud.number();
            let known = cloud.targets.target(&group, at);
            if known.is_some_and(|target| target.draining_since.is_none()) {
                continue;
            }
            let target = Target {
                health: TargetHealth::Initial,
                registration,
                draining_since: None,
            };
            cloud
                .targets
                .0
                .entry(group.clone())
                .or_default()
                .insert(at, target);
            let group = group.clone();
            watched.push(Watched {
                group,
                at,
                registration,
            });
        }
        watched
    });
    for one in watched {
        shared.spawn(one.check(Arc::clone(shared)));
    }
    Ok(Xml::default())
}

/// Lets targets drain; what is not registered is left alone.
pub(crate) fn deregister(shared: &Shared, place: &Place, body: &[u8]) -> Result<Xml, Refusal> {
    let (group, targets) = read(shared, place, body, true)?;
    shared.change(|cloud, now| {
        for at in targets {
            if let Some(target) = cloud.targets.target(&group, at)
                && target.draining_since.is_none()
            {
                target.draining_since = Some(now);
                target.health = TargetHealth::Draining;
            }
        }
        cloud
            .targets
            .sweep(shared.settings.deregistration_delay, now);
    });
    Ok(Xml::default())
}

/// The health of the targets asked for, or of all that are registered.
pub(crate) fn health(shared: &Shared, place: &Place, body: &[u8]) -> Result<Xml, Refusal> {
    let (group, mut targets) = read(shared, place, body, false)?;
    let shown = shared.change(|cloud, now| {
        cloud
            .targets
            .sweep(shared.settings.deregistration_delay, now);
        let known = cloud.targets.0.get(&group).cloned().unwrap_or_default();
        if targets.is_empty() {
            targets = known.keys().copied().collect();
        }
        let health = |at: &At| {
            known
                .get(at)
                .map_or(TargetHealth::Unused, |target| target.health)
        };
        targets
            .iter()
            .map(|at| show(place, *at, health(at)))
            .collect::<Vec<_>>()
    });
    Ok(Xml::default().list("TargetHealthDescriptions", shown))
}

fn show(place: &Place, (address, port): At, health: TargetHealth) -> Xml {
    let target = Xml::default()
        .text("Id", address)
        .text("Port", port)
        .text("AvailabilityZone", format!("{}a", place.region));
    let mut state = Xml::default().text("State", health.state());
    if let Some((reason, description)) = health.reason() {
        state = state
            .text("Reason", reason)
            .text("Description", description);
    }
    Xml::default()
        .text("HealthCheckPort", port)
        .element("Target", target)
        .element("TargetHealth", state)
}

/// Target groups by ARN, or all that exist.
pub(crate) fn groups(shared: &Shared, place: &Place, body: &[u8]) -> Result<Xml, Refusal> {
    let mut query = Query::read(body)?;
    let (mut arns, names) = (query.texts("TargetGroupArns"), query.texts("Names"));
    query.finish()?;
    for arn in &arns {
        check_group(shared, place, arn)?;
    }
    if arns.is_empty() {
        let known = shared.settings.target_groups.clone();
        arns =
            known.unwrap_or_else(|| shared.read(|cloud| cloud.targets.0.keys().cloned().collect()));
    }
    let of_names: Vec<String> = arns
        .into_iter()
        .filter(|arn| names.is_empty() || names.iter().any(|name| name == group_name(arn)))
        .collect();
    if let Some(missing) = names
        .iter()
        .find(|name| !of_names.iter().any(|arn| group_name(arn) == *name))
    {
        return Err(no_group(&format!("'{missing}'")));
    }
    let shown = of_names.iter().map(|arn| show_group(shared, arn));
    Ok(Xml::default().list("TargetGroups", shown))
}

fn show_group(shared: &Shared, arn: &str) -> Xml {
    let path = match &shared.settings.health {
        Health::Probe { path, .. } => path,
        Health::After(_) => "/",
    };
    let matcher = Xml::default().text("HttpCode", 200);
    Xml::default()
        .text("TargetGroupArn", arn)
        .text("TargetGroupName", group_name(arn))
        .text("Protocol", "HTTP")
        .text("Port", USUAL_PORT)
        .text("VpcId", "vpc-simulated")
        .text("HealthCheckProtocol", "HTTP")
        .text("HealthCheckPort", "traffic-port")
        .text("HealthCheckEnabled", true)
        .text("HealthCheckPath", path)
        .element("Matcher", matcher)
        .text("TargetType", "ip")
        .text("IpAddressType", "ipv4")
}

/// The group and the targets of a request.
fn read(
    shared: &Shared,
    place: &Place,
    body: &[u8],
    needed: bool,
) -> Result<(String, Vec<At>), Refusal> {
    let mut query = Query::read(body)?;
    let group = query.required("TargetGroupArn")?;
    check_group(shared, place, &group)?;
    let targets = query.members("Targets");
    query.texts("Include");
    query.finish()?;
    if needed && targets.is_empty() {
        return Err(Refusal::validation("Targets must not be empty"));
    }
    let targets = targets
        .into_iter()
        .map(read_target)
        .collect::<Result<_, _>>()?;
    Ok((group, targets))
}

fn read_target(mut fields: BTreeMap<String, String>) -> Result<At, Refusal> {
    let id = fields.remove("Id").unwrap_or_default();
    let address: Ipv4Addr = id.parse().map_err(|_| {
        Refusal::validation(format!("The IP address '{id}' is not a valid IPv4 address"))
    })?;
    let port = match fields.remove("Port") {
        None => USUAL_PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            Refusal::validation(format!("'{port}' is not a port between 1 and 65535"))
        })?,
    };
    fields.remove("AvailabilityZone");
    match fields.keys().next() {
        None => Ok((address, port)),
        Some(name) => Err(Refusal::validation(format!(
            "unknown parameter Targets.member.{name}"
        ))),
    }
}

fn check_group(shared: &Shared, place: &Place, arn: &str) -> Result<(), Refusal> {
    let start = format!(
        "arn:aws:elasticloadbalancing:{}:{}:targetgroup/",
        place.region, place.account
    );
    let Some((name, id)) = arn
        .strip_prefix(&start)
        .and_then(|rest| rest.split_once('/'))
    else {
        return Err(Refusal::validation(format!(
            "'{arn}' is not a valid target group ARN"
        )));
    };
    let known = shared.settings.target_groups.as_ref();
    if name.is_empty()
        || id.is_empty()
        || known.is_some_and(|known| known.iter().all(|one| one != arn))
    {
        return Err(no_group(&format!("'{arn}'")));
    }
    Ok(())
}

fn no_group(which: &str) -> Refusal {
    let message = format!("One or more target groups not found: {which}");
    Refusal::new(400, "TargetGroupNotFound", message)
}

fn group_name(arn: &str) -> &str {
    arn.split('/').nth(1).unwrap_or_default()
}
