//! One HTTP request from arrival to answer: recorded first, then faults to order, then the
//! signature, then the call itself.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{Method, StatusCode, header},
    response::Response,
};
use noctule_simulated::{RecordedRequest, Wire, carry_out};

use super::{
    action::{Action, Service},
    arn::Place,
    control, descriptions, load_balancing, log_events,
    refusal::{Refusal, json_response, xml_response},
    run_task::run_task,
    secrets,
    shared::Shared,
    signature, tasks,
    xml::Xml,
};

const LARGEST_BODY: usize = 1024 * 1024;

/// Answers anything that arrives.
pub(crate) async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(wire): ConnectInfo<Wire>,
    request: Request<Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
    };
    if parts.uri.path().starts_with(control::PREFIX) {
        return control::answer(&shared, &parts.method, parts.uri.path(), &body);
    }
    let request = shared.change(|cloud, now| {
        let mut request = RecordedRequest::new(&parts, &body, now);
        request.number = cloud.record.len();
        let request = Arc::new(request);
        cloud.record.push(Arc::clone(&request));
        request
    });
    let ordinary = async { process(&shared, &request) };
    match shared.on_the_wire.take(&request) {
        None => ordinary.await,
        Some(order) => carry_out(&order, &wire, ordinary).await,
    }
}

fn process(shared: &Arc<Shared>, request: &RecordedRequest) -> Response {
    if request.method != Method::POST.as_str() || request.path != "/" {
        return plain(StatusCode::NOT_FOUND, "the calls are POST /");
    }
    let Some(service) = Service::of(request) else {
        let refusal = Refusal::new(404, "UnknownOperationException", "no such service");
        return refusal.response(Service::Ecs);
    };
    tracing::debug!(action = ?Action::of(request), "simulator request");
    match checked(shared, request, service) {
        Ok(response) => response,
        Err(refusal) => refusal.response(service),
    }
}

fn checked(
    shared: &Arc<Shared>,
    request: &RecordedRequest,
    service: Service,
) -> Result<Response, Refusal> {
    let settings = &shared.settings;
    let region = signature::check(request, service, settings.verify.as_ref())?;
    check_content_type(request, service)?;
    let action = Action::of(request).ok_or_else(|| unknown(service))?;
    let place = Place {
        region,
        account: settings.account.clone(),
    };
    let order = shared.twists.take(request);
    let twist = order.as_deref().map(noctule_simulated::Order::effect);
    let body = &request.body;
    let value = match action {
        Action::RunTask => run_task(shared, &place, body, twist),
        Action::DescribeTasks => tasks::describe(shared, &place, body, twist),
        Action::ListTasks => tasks::list(shared, &place, body),
        Action::StopTask => tasks::stop(shared, &place, body, twist),
        Action::DescribeTaskDefinition => descriptions::task_definition(shared, &place, body),
        Action::DescribeClusters => descriptions::clusters(shared, &place, body),
        Action::GetSecretValue => secrets::value(shared, &place, body),
        Action::GetLogEvents => log_events::get(shared, body),
        Action::RegisterTargets => {
            return query(action, load_balancing::register(shared, &place, body)?);
        }
        Action::DeregisterTargets => {
            return query(action, load_balancing::deregister(shared, &place, body)?);
        }
        Action::DescribeTargetHealth => {
            return query(action, load_balancing::health(shared, &place, body)?);
        }
        Action::DescribeTargetGroups => {
            return query(action, load_balancing::groups(shared, &place, body)?);
        }
    };
    Ok(json_response(&value?))
}

fn query(action: Action, result: Xml) -> Result<Response, Refusal> {
    Ok(xml_response(result.answer(action.name())))
}

fn unknown(service: Service) -> Refusal {
    match service {
        Service::LoadBalancing => Refusal::new(400, "InvalidAction", "no such action"),
        Service::Ecs | Service::Logs | Service::Secrets => {
            Refusal::new(400, "UnknownOperationException", "")
        }
    }
}

fn check_content_type(request: &RecordedRequest, service: Service) -> Result<(), Refusal> {
    let wanted = match service {
        Service::LoadBalancing => "application/x-www-form-urlencoded",
        Service::Ecs | Service::Logs | Service::Secrets => "application/x-amz-json-1.1",
    };
    let given = request
        .header(header::CONTENT_TYPE.as_str())
        .unwrap_or_default();
    if given
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim() == wanted)
    {
        return Ok(());
    }
    Err(Refusal::new(
        404,
        "UnknownOperationException",
        format!("the content type is not {wanted}"),
    ))
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
