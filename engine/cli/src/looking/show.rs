//! `show`: one run with its tasks and attempts.

use noctule_core::explain::handle_in_words;
use noctule_core::view::{AttemptView, RunView, TaskView};
use serde_json::Value;

use super::story::Story;
use crate::args::{Format, ShowArgs};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{Grid, Tone, document, printable};
use crate::run_name::Several;
use crate::server::Server;
use crate::surface::Surface;
use crate::times::{Zone, span};

/// Prints the run.
pub(crate) async fn show(args: &ShowArgs, surface: &Surface) -> Result<Exit, CliError> {
    let (view, zone) = match Server::of(surface)? {
        Some(server) => {
            let run = server.find(&args.run, Several::Newest).await?;
            (server.run(&run).await?, Zone::here(surface))
        }
        None => {
            let story = Story::find(surface, &args.run).await?;
            let zone = Zone::of(Some(story.open.project()?));
            (RunView::of(&story.dag, &story.run), zone)
        }
    };
    if surface.format() != Format::Table {
        document(surface.format(), &view)?;
        return Ok(Exit::Success);
    }
    emit(&head(&view, zone, surface))?;
    tasks(&view, zone, surface).print()?;
    Ok(Exit::Success)
}

fn head(view: &RunView, zone: Zone, surface: &Surface) -> String {
    let head = &view.head;
    let style = surface.data_style();
    let by = head
        .triggered_by
        .as_ref()
        .map_or_else(String::new, |by| format!(" by {by}"));
    let params: Vec<String> = head
        .params
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let version = head.version.get(..12).unwrap_or(&head.version);
    let lines = [
        ("run", head.id.clone()),
        ("dag", format!("{} (version {version})", head.dag)),
        ("state", style.paint(Tone::of_state(head.state), head.state)),
        ("trigger", format!("{}{by}", head.trigger)),
        ("ingestion id", head.ingestion_id.clone()),
        ("logical time", zone.say(head.logical_time)),
        ("created", zone.say(head.created_at)),
        (
            "began",
            head.started_at
                .map_or_else(|| "-".to_owned(), |at| zone.say(at)),
        ),
        (
            "ended",
            head.ended_at
                .map_or_else(|| "-".to_owned(), |at| zone.say(at)),
        ),
        ("profile", head.profile.clone()),
        ("round", head.round.to_string()),
        (
            "params",
            if params.is_empty() {
                "-".to_owned()
            } else {
                params.join("  ")
            },
        ),
    ];
    let shown = lines.iter().map(|(name, value)| {
        // The state is painted here, and holds nothing of a stranger.
        let value = if *name == "state" {
            value.clone()
        } else {
            printable(value)
        };
        format!("{}{value}\n", style.dim(&format!("{name:<14}")))
    });
    shown.chain(std::iter::once("\n".to_owned())).collect()
}

fn tasks(view: &RunView, zone: Zone, surface: &Surface) -> Grid {
    let mut grid = Grid::new(
        surface,
        &[
            "TASK",
            "STATE",
            "ATTEMPT",
            &zone.heading("BEGAN"),
            "TOOK",
            "WORK",
            "SAYS",
        ],
    );
    for task in &view.tasks {
        if task.attempts.is_empty() {
            grid.row(row(task, None, zone, surface));
        }
        for attempt in &task.attempts {
            grid.row(row(task, Some(attempt), zone, surface));
        }
    }
    grid
}

fn row(
    task: &TaskView,
    attempt: Option<&AttemptView>,
    zone: Zone,
    surface: &Surface,
) -> [(String, Tone); 7] {
    let last = task.attempts.last();
    let is_last = attempt.map(|it| it.number) == last.map(|it| it.number);
    let state = if is_last && (attempt.is_none() || task.ended_at.is_some()) {
        task.state
    } else {
        attempt.map_or(task.state, |it| it.state)
    };
    let name = task
        .map_key
        .as_ref()
        .map_or_else(|| task.task.clone(), |key| format!("{}[{key}]", task.task));
    let name = match task.removed {
        true => format!("{name} (removed)"),
        false => name,
    };
    let began = attempt.and_then(|it| it.started_at.or(it.launched_at));
    let end = attempt.and_then(|it| it.ended_at);
    let took = began.map_or_else(
        || "-".to_owned(),
        |from| span(end.unwrap_or(surface.now) - from),
    );
    [
        (name, Tone::Plain),
        (state.to_owned(), Tone::of_state(state)),
        (
            attempt.map_or_else(|| "-".to_owned(), |it| it.number.to_string()),
            Tone::Plain,
        ),
        (zone.maybe(began), Tone::Plain),
        (took, Tone::Plain),
        (attempt.map(work).unwrap_or_default(), Tone::Dim),
        (says(task, attempt, is_last), Tone::Plain),
    ]
}

/// The remote work, by the one field that names it best.
fn work(attempt: &AttemptView) -> String {
    let fields = ["execution_name", "task_arn", "url", "pid", "id", "name"];
    let named = fields
        .iter()
        .find_map(|field| Some((*field, attempt.handle.get(field)?)));
    match named {
        Some(("pid", pid)) => format!("pid {pid}"),
        Some((_, Value::String(text))) => text.clone(),
        _ if attempt.handle.is_null() => "-".to_owned(),
        _ => handle_in_words(&attempt.handle),
    }
}

fn says(task: &TaskView, attempt: Option<&AttemptView>, is_last: bool) -> String {
    let of_attempt = attempt.and_then(|attempt| {
        let error = attempt
            .error
            .as_ref()
            .map(|error| format!("{}: {}", error.class, error.message));
        let alarm = attempt
            .alarm
            .as_ref()
            .map(|alarm| format!("alarm: {alarm}"));
        error.or(alarm).or_else(|| attempt.trouble.clone())
    });
    let of_task = || task.why.clone().filter(|_| is_last);
    of_attempt.or_else(of_task).unwrap_or_default()
}
