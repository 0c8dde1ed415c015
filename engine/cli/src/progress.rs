//! A live run on stderr: a moving picture for a person, one line for each change for everybody else; and its summary.
//!
//! Guarantees: what is written depends on the views that are given, one after the other; nothing is written twice; stdout
//! gets the summary and nothing else.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use noctule_core::view::{AttemptView, MappedView, RunView, TaskView};

use crate::error::CliError;
use crate::output::{Grid, Tone, printable};
use crate::surface::Surface;
use crate::times::{Zone, span};

/// How many live tasks the picture shows.
const LINES: usize = 12;

/// The renderer of one run that is followed.
pub(crate) struct Progress<'s> {
    surface: &'s Surface,
    seen: HashMap<(String, Option<String>), String>,
    run: Option<&'static str>,
    picture: Option<Picture>,
}

/// The lines that move.
struct Picture {
    all: MultiProgress,
    head: ProgressBar,
    tasks: Vec<ProgressBar>,
}

impl<'s> Progress<'s> {
    /// A picture where a person looks at a terminal, lines otherwise.
    pub(crate) fn new(surface: &'s Surface) -> Self {
        Self {
            surface,
            seen: HashMap::new(),
            run: None,
            picture: surface.may_draw().then(Picture::new),
        }
    }

    /// Shows how the run stands now.
    pub(crate) fn show(&mut self, view: &RunView) {
        self.lines(view);
        if let Some(picture) = &mut self.picture {
            picture.draw(view, self.surface);
        }
    }

    /// Writes a line beside the picture.
    pub(crate) fn say(&self, line: &str) {
        match &self.picture {
            // The picture is drawn anew below it; a terminal that is gone needs no line.
            Some(picture) => drop(picture.all.println(printable(line))),
            None => eprintln!("{}", printable(line)),
        }
    }

    /// Takes the picture away.
    pub(crate) fn clear(&mut self) {
        if let Some(picture) = self.picture.take() {
            drop(picture.all.clear());
        }
    }

    fn lines(&mut self, view: &RunView) {
        let over = view.head.ended_at.is_some();
        if !over {
            self.run_line(view);
        }
        for task in &view.tasks {
            let now = standing(task);
            let key = (task.task.clone(), task.map_key.clone());
            if self.seen.get(&key).is_some_and(|before| *before == now) {
                continue;
            }
            let first = !self.seen.contains_key(&key);
            // A task that has only begun to wait is no news.
            if !(first && task.state == "waiting") && (self.picture.is_none() || is_news(task)) {
                self.say(&format!("{}  {now}", name(task)));
            }
            self.seen.insert(key, now);
        }
        // The end of a run comes after the ends of its tasks.
        if over {
            self.run_line(view);
        }
    }

    fn run_line(&mut self, view: &RunView) {
        if self.run != Some(view.head.state) {
            self.run = Some(view.head.state);
            self.say(&format!(
                "run {} of {} is {}",
                view.head.id, view.head.dag, view.head.state
            ));
        }
    }
}

/// What stays on the screen above a picture: ends, and whatever went wrong.
fn is_news(task: &TaskView) -> bool {
    let troubled = |attempt: &AttemptView| {
        attempt.alarm.is_some() || attempt.trouble.is_some() || attempt.error.is_some()
    };
    task.ended_at.is_some() || task.attempts.last().is_some_and(troubled)
}

fn name(task: &TaskView) -> String {
    task.map_key
        .as_ref()
        .map_or_else(|| task.task.clone(), |key| format!("{}[{key}]", task.task))
}

/// How a task stands, in one line; differs exactly when there is something to say.
fn standing(task: &TaskView) -> String {
    let Some(attempt) = task.attempts.last() else {
        return with(task.state, task.why.as_deref());
    };
    let number = if attempt.number > 1 {
        format!(" (attempt {})", attempt.number)
    } else {
        String::new()
    };
    if task.ended_at.is_some() {
        let why = attempt
            .error
            .as_ref()
            .map(|error| format!("{}: {}", error.class, error.message));
        let took = attempt
            .started_at
            .zip(attempt.ended_at)
            .map(|(from, to)| format!(" in {}", span(to - from)));
        return with(
            &format!("{}{number}{}", task.state, took.unwrap_or_default()),
            why.or_else(|| task.why.clone()).as_deref(),
        );
    }
    if let Some(error) = &attempt.error {
        return format!(
            "{}{number}, tried again: {}: {}",
            attempt.state, error.class, error.message
        );
    }
    let begun = if attempt.state == "running" && attempt.started_at.is_none() {
        ", not begun"
    } else {
        ""
    };
    let trouble = attempt
        .alarm
        .as_deref()
        .map(|alarm| format!("ALARM {alarm}"))
        .or_else(|| attempt.trouble.clone());
    with(
        &format!("{}{number}{begun}", attempt.state),
        trouble.as_deref(),
    )
}

fn with(state: &str, why: Option<&str>) -> String {
    why.map_or_else(|| state.to_owned(), |why| format!("{state}: {why}"))
}

impl Picture {
    fn new() -> Self {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        let head = all.add(ProgressBar::new_spinner().with_style(style("{spinner} {msg}")));
        head.enable_steady_tick(Duration::from_millis(120));
        Self {
            all,
            head,
            tasks: Vec::new(),
        }
    }

    fn draw(&mut self, view: &RunView, surface: &Surface) {
        let ended = view
            .tasks
            .iter()
            .filter(|task| task.ended_at.is_some())
            .count();
        let waiting = view
            .tasks
            .iter()
            .filter(|task| matches!(task.state, "waiting" | "ready"))
            .count();
        let (dag, state, total) = (&view.head.dag, view.head.state, view.tasks.len());
        self.head.set_message(printable(&format!(
            "{dag} {state}  {ended}/{total} ended, {waiting} waiting"
        )));
        let live: Vec<&TaskView> = view
            .tasks
            .iter()
            .filter(|task| task.state == "running")
            .take(LINES)
            .collect();
        while self.tasks.len() < live.len() {
            let line = self.all.add(ProgressBar::new_spinner());
            line.enable_steady_tick(Duration::from_millis(500));
            self.tasks.push(line);
        }
        while self.tasks.len() > live.len() {
            if let Some(line) = self.tasks.pop() {
                line.finish_and_clear();
                self.all.remove(&line);
            }
        }
        for (line, task) in self.tasks.iter().zip(live) {
            let text = printable(&format!("{}  {}", name(task), standing(task)));
            line.set_style(style("    {msg}  {since}").with_key("since", since(task)));
            line.set_message(surface.style().paint(Tone::of_state(task.state), &text));
        }
    }
}

/// How long a task is at it, written anew with each tick of the picture.
fn since(
    task: &TaskView,
) -> impl Fn(&ProgressState, &mut dyn std::fmt::Write) + Send + Sync + Clone + use<> {
    let last = task.attempts.last();
    let began = last.map(|attempt| attempt.started_at.unwrap_or(attempt.intended_at));
    move |_, out| {
        let text = began.map_or_else(String::new, |at| span(chrono::Utc::now() - at));
        // A line that cannot be written is drawn anew a moment later.
        let _ = out.write_str(&text);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// The table at the end of a run, as text.
pub(crate) fn summary(view: &RunView, surface: &Surface, zone: Zone) -> String {
    let head = &view.head;
    let mut grid = Grid::new(
        surface,
        &["TASK", "STATE", "ATTEMPTS", "BEGAN", "TOOK", "SAYS"],
    );
    for task in rows(view) {
        let last = task.attempts.last();
        let began = last.and_then(|attempt| attempt.started_at.or(attempt.launched_at));
        let took = began
            .zip(last.and_then(|attempt| attempt.ended_at))
            .map(|(from, to)| span(to - from));
        grid.row([
            (name(task), Tone::Plain),
            (task.state.to_owned(), Tone::of_state(task.state)),
            (task.attempts.len().to_string(), Tone::Plain),
            (zone.maybe(began), Tone::Plain),
            (took.unwrap_or_else(|| "-".to_owned()), Tone::Plain),
            (says(task), Tone::Plain),
        ]);
    }
    grid.align_right(2);
    let mapped: String = view
        .mapped
        .iter()
        .map(|whole| whole_line(whole, surface))
        .collect();
    let took = head
        .started_at
        .zip(head.ended_at)
        .map_or_else(String::new, |(from, to)| format!(" in {}", span(to - from)));
    let state = surface
        .data_style()
        .paint(Tone::of_state(head.state), head.state);
    format!(
        "{}\n{mapped}run {} of {} {state}{took} (ingestion id {})\n",
        grid.text(),
        head.id,
        head.dag,
        head.ingestion_id
    )
}

/// `convert: 56 items: 51 succeeded, 2 failed, 3 skipped`.
fn whole_line(whole: &MappedView, surface: &Surface) -> String {
    let open = whole.waiting + whole.running;
    let open = if open > 0 {
        format!(", {open} not ended")
    } else {
        String::new()
    };
    let state = surface
        .data_style()
        .paint(Tone::of_state(whole.state), whole.state);
    format!(
        "{} {state}: {} items, {} succeeded, {} failed, {} skipped{open}\n",
        whole.task, whole.items, whole.succeeded, whole.failed, whole.skipped
    )
}

/// Items of one mapped task in a summary; of more, those that did not succeed come first.
const ROWS: usize = 200;

/// The rows of a summary: everything, or, where a list is long, what people look for.
fn rows(view: &RunView) -> Vec<&TaskView> {
    let mut rows: Vec<&TaskView> = view.tasks.iter().collect();
    if rows.len() > ROWS {
        rows.retain(|task| task.map_key.is_none() || task.state != "succeeded");
        rows.truncate(ROWS);
    }
    rows
}

/// Why a task ended so, in one line.
fn says(task: &TaskView) -> String {
    let error = task
        .attempts
        .last()
        .and_then(|attempt| attempt.error.as_ref());
    let error = error.map(|error| format!("{}: {}", error.class, error.message));
    error.or_else(|| task.why.clone()).unwrap_or_default()
}

/// Prints the table at the end of a run on stdout.
pub(crate) fn print_summary(view: &RunView, surface: &Surface, zone: Zone) -> Result<(), CliError> {
    crate::console::emit(&summary(view, surface, zone))
}
