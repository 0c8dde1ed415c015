//! What ECS says of a task: never a success without an exit code 0 of every judged container, and a clean end.

use noctule_fargate::untrusted::{Told, taken_for};

const STATUSES: [&str; 9] = [
    "STOPPED",
    "DELETED",
    "RUNNING",
    "PENDING",
    "STOPPING",
    "DEPROVISIONING",
    "PROVISIONING",
    "stopped",
    "",
];
const CODES: [Option<&str>; 9] = [
    None,
    Some("EssentialContainerExited"),
    Some("TaskFailedToStart"),
    Some("UserInitiated"),
    Some("ServiceSchedulerInitiated"),
    Some("SpotInterruption"),
    Some("TerminationNotice"),
    Some("InfrastructureHealth"),
    Some("SomethingNew"),
];

/// A status, a stop code, whether it started, which containers are judged; then two bytes a container; then a reason.
pub fn ecs_task(data: &[u8]) {
    let Some((&[status, code, started, judged, count], rest)) = data.split_first_chunk() else {
        return;
    };
    let (containers, reason) = rest.split_at((usize::from(count % 5) * 2).min(rest.len()));
    let containers: Vec<(String, Option<i32>)> =
        containers.chunks_exact(2).map(container).collect();
    let told = Told {
        last_status: STATUSES[usize::from(status) % STATUSES.len()].to_owned(),
        stop_code: CODES[usize::from(code) % CODES.len()].map(str::to_owned),
        stopped_reason: (!reason.is_empty()).then(|| String::from_utf8_lossy(reason).into_owned()),
        started: started & 1 == 1,
        containers,
    };
    let names = (0..4u8)
        .filter(|bit| judged >> bit & 1 == 1)
        .map(|bit| format!("c{bit}"));
    let judged: Vec<String> = names.collect();
    let word = taken_for(&told, &judged);
    assert!(
        word != "succeeded" || is_success(&told, &judged),
        "{told:?} over {judged:?}"
    );
    let over = matches!(told.last_status.as_str(), "STOPPED" | "DELETED");
    let ended = matches!(word, "succeeded" | "failed" | "cancelled");
    assert_eq!(over, ended, "{told:?}: {word}");
}

fn container(pair: &[u8]) -> (String, Option<i32>) {
    let code = match pair[1] {
        code @ 0..=200 => Some(i32::from(code) % 3),
        201..=210 => Some(-1),
        _ => None,
    };
    (format!("c{}", pair[0] % 4), code)
}

/// Said again, without the code that decides.
fn is_success(told: &Told, judged: &[String]) -> bool {
    let clean = matches!(
        told.stop_code.as_deref(),
        None | Some("EssentialContainerExited")
    );
    let said_zero = judged.iter().all(|name| {
        let mut codes = told
            .containers
            .iter()
            .filter(|(known, _)| known == name)
            .peekable();
        codes.peek().is_some() && codes.all(|(_, code)| *code == Some(0))
    });
    let all_zero =
        !told.containers.is_empty() && told.containers.iter().all(|(_, code)| *code == Some(0));
    clean
        && if judged.is_empty() {
            all_zero
        } else {
            said_zero
        }
}
