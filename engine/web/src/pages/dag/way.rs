//! From a cell of the grid to what it shows: the last attempt of the task, or its place in the run.

use axum::body::Body;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Response as Answer};
use axum::response::Response;
use noctule_core::view::RunView;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::access::{Need, Role};
use crate::operation::{Call, Nothing, Operation, Verb};
use crate::problem::{Code, Problem};
use crate::web::Web;

/// `GET /runs/{run}/cells/{task}`.
pub(crate) struct ShowCell;

impl Operation for ShowCell {
    const VERB: Verb = Verb::Get;
    const PATH: &'static str = "/runs/{run}/cells/{task}";
    const NEED: Need = Need::Role(Role::Viewer);
    const NAME: &'static str = "cell_page";
    const SUMMARY: &'static str = "Leads to the last attempt of a task of a run";
    const MEDIA: &'static str = "text/html";
    type Query = Nothing;
    type Body = Nothing;
    type Answer = String;

    async fn answer(web: Web, call: Call<Nothing, Nothing>) -> Result<Response, Problem> {
        let story = web.story(&call.run()?).await?;
        let name = call.text("task");
        if story.dag.find(name).is_none() {
            let said = format!("run {} has no such task", story.run.facts.id);
            return Err(Problem::new(Code::NoSuchTask, said));
        }
        let seen = RunView::of(&story.dag, &story.run);
        let of_name: Vec<_> = seen.tasks.iter().filter(|task| task.task == name).collect();
        let run = &story.run.facts.id;
        let way = match of_name.as_slice() {
            [only] if !only.attempts.is_empty() => {
                let last = only.attempts.last().map_or(1, |attempt| attempt.number);
                format!("/runs/{run}/tasks/{}/attempts/{last}", only.id)
            }
            _ => {
                let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
                format!("/runs/{run}?task={name}")
            }
        };
        let mut response = Answer::new(Body::empty());
        *response.status_mut() = StatusCode::SEE_OTHER;
        if let Ok(way) = HeaderValue::from_str(&way) {
            response.headers_mut().insert(LOCATION, way);
        }
        Ok(response)
    }
}
