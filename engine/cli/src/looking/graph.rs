//! `graph`: the picture of a DAG, or of a run.

use noctule_core::dag::{Dag, TaskIx};
use noctule_core::picture::{Cut, Look, Picture, Sheet, Standing, standings, svg};
use noctule_core::view::RunView;

use super::picture::{dot, mermaid, text};
use super::story::Story;
use crate::args::{GraphArgs, GraphFormat};
use crate::console::emit;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::printable;
use crate::project::Chosen;
use crate::surface::Surface;

/// Prints the picture; with `--run` the version of the run, and the states of its tasks.
pub(crate) fn graph(args: &GraphArgs, surface: &Surface) -> Result<Exit, CliError> {
    match (&args.run, &args.dag) {
        (Some(run), dag) => {
            surface.block_on(Box::pin(of_run(run, dag.as_deref(), args.format, surface)))
        }
        (None, Some(dag)) => draw(
            &Chosen::find(surface, dag, &[])?.dag,
            None,
            args.format,
            surface,
        ),
        (None, None) => Err(CliError::usage("name a DAG, or a run with --run")),
    }
}

async fn of_run(
    run: &str,
    dag: Option<&str>,
    format: GraphFormat,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let story = Story::find(surface, run).await?;
    let own = story.run.facts.dag.as_str();
    if let Some(other) = dag.filter(|dag| *dag != own && !crate::project::is_path(dag)) {
        let message = format!(
            "run {} is a run of `{own}`, not of `{}`",
            story.run.facts.id,
            printable(other)
        );
        return Err(CliError::usage(message));
    }
    if format == GraphFormat::Svg {
        let view = RunView::of(&story.dag, &story.run);
        let standing = standings(&story.dag, &view);
        let title = format!("{own}, run {}", story.run.facts.id);
        return emit(&drawn(&story.dag, &standing, &title)).map(|()| Exit::Success);
    }
    let states: Vec<&'static str> = story.dag.tasks().map(|task| state(&story, task)).collect();
    draw(&story.dag, Some(&states), format, surface)
}

/// How a task stands; a task in a group as its group does.
fn state(story: &Story, task: TaskIx) -> &'static str {
    let node = story.dag.group_of(task).unwrap_or(task);
    let run = story.run.tasks.get(story.run.of_outer(node).index());
    run.map_or("", |run| run.state.word())
}

fn draw(
    dag: &Dag,
    states: Option<&[&'static str]>,
    format: GraphFormat,
    surface: &Surface,
) -> Result<Exit, CliError> {
    let picture = match format {
        GraphFormat::Dot => dot(dag, states),
        GraphFormat::Mermaid => mermaid(dag, states),
        GraphFormat::Text => text(dag, states, surface.data_style()),
        GraphFormat::Svg => drawn(dag, &[], dag.definition().id.as_str()),
    };
    emit(&picture)?;
    Ok(Exit::Success)
}

/// A picture that stands alone in a file.
fn drawn(dag: &Dag, standing: &[Option<Standing>], title: &str) -> String {
    let look = Look {
        standing: &|task| standing.get(task.index()).cloned().flatten(),
        link: &|_| None,
        marked: None,
        sheet: Sheet::Own,
        title,
    };
    svg(dag, &Picture::of(dag, &Cut::usual(dag)), &look)
}
