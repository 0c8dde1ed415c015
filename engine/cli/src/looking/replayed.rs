//! How a replayed event is shown: what was heard, what was decided, and what was to be done from then on.
//!
//! Guarantees: handles are shown as people know them; what only an executor reads is left out.

use noctule_core::dag::Dag;
use noctule_core::explain::handle_in_words;
use noctule_core::replay::{Decided, Wish, Wished};
use noctule_core::run::{Activity, Cleared, Event, News, Run, TaskRunIx};
use noctule_core::view::EventView;
use noctule_executor::{Clearing, Outcome, Status};
use serde::Serialize;
use serde_json::Value;

use super::events::words;
use crate::error::CliError;
use crate::output::{Grid, Tone};
use crate::surface::Surface;
use crate::times::{self, Zone};

/// One event, as JSON has it.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    seq: u64,
    at: String,
    heard: Value,
    decisions: Vec<EventView>,
    to_do: Vec<ToDo<'a>>,
}

/// What is to be done, as JSON has it.
#[derive(Serialize)]
struct ToDo<'a> {
    task: String,
    map_key: Option<&'a str>,
    attempt: u32,
    #[serde(flatten)]
    wish: Wish,
}

impl<'a> Document<'a> {
    pub(super) fn of(dag: &Dag, run: &'a Run, event: &'a Decided) -> Self {
        let decisions = event.records.iter();
        let to_do = |wished: &Wished| {
            let task = run.tasks.get(wished.task.index())?;
            Some(ToDo {
                task: task.definition(dag).name.to_string(),
                map_key: task.map_key.as_deref(),
                attempt: wished.attempt,
                wish: wished.wish,
            })
        };
        Self {
            seq: event.seq,
            at: times::json(event.at),
            heard: heard(dag, run, &event.event),
            decisions: decisions
                .map(|(seq, record)| EventView::of(dag, run, *seq, record))
                .collect(),
            to_do: event.wishes.iter().filter_map(to_do).collect(),
        }
    }
}

/// The event with names for numbers, and without what only its executor reads.
fn heard(dag: &Dag, run: &Run, event: &Event) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    for place in ["/news/handle", "/news/found"] {
        if let Some(Value::Object(handle)) = value.pointer_mut(place) {
            handle.remove("raw");
        }
    }
    let mut names = event.tasks().map(|ix| Value::from(name(dag, run, ix)));
    if let Some(task) = value.get_mut("task") {
        *task = names.next().unwrap_or_default();
    } else if let Some(tasks) = value.get_mut("tasks") {
        *tasks = names.collect();
    }
    value
}

fn name(dag: &Dag, run: &Run, ix: TaskRunIx) -> String {
    if run.tasks.get(ix.index()).is_none() {
        return format!("task run {}", ix.0);
    }
    run.name_of(dag, ix)
}

/// The table of a replayed run.
pub(super) struct Sheet<'a> {
    grid: Grid,
    dag: &'a Dag,
    run: &'a Run,
    zone: Zone,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(surface: &Surface, dag: &'a Dag, run: &'a Run, zone: Zone) -> Self {
        let at = zone.heading("AT");
        let grid = Grid::new(surface, &["SEQ", &at, "TASK", "ATTEMPT", "", "WHAT"]);
        Self {
            grid,
            dag,
            run,
            zone,
        }
    }

    pub(super) fn add(&mut self, event: &Decided) {
        let (task, attempt) = match &event.event {
            Event::News { task, attempt, .. } | Event::Cleared { task, attempt, .. } => {
                (Some(*task), Some(*attempt))
            }
            Event::Mark { task, .. } => (Some(*task), None),
            _ => (None, None),
        };
        let said = said(self.dag, self.run, &event.event);
        let at = self.zone.show(event.at);
        self.row([event.seq.to_string(), at], task, attempt, ("heard", said));
        for (seq, record) in &event.records {
            let decided = ("decided", words(&record.fact, self.zone));
            let place = [seq.to_string(), String::new()];
            self.row(place, record.task, record.attempt, decided);
        }
        for wished in &event.wishes {
            let to_do = ("to do", to_do(wished.wish, self.zone));
            let place = [String::new(), String::new()];
            self.row(place, Some(wished.task), Some(wished.attempt), to_do);
        }
    }

    fn row(
        &mut self,
        [seq, at]: [String; 2],
        task: Option<TaskRunIx>,
        attempt: Option<u32>,
        (kind, what): (&str, String),
    ) {
        let task = task.map(|ix| name(self.dag, self.run, ix));
        let number = attempt.map(|number| number.to_string());
        self.grid.row([
            (seq, Tone::Dim),
            (at, Tone::Dim),
            (task.unwrap_or_default(), Tone::Plain),
            (number.unwrap_or_default(), Tone::Plain),
            (kind.to_owned(), Tone::Dim),
            (what, Tone::Plain),
        ]);
    }

    pub(super) fn print(&self) -> Result<(), CliError> {
        if self.grid.is_empty() {
            return Ok(());
        }
        self.grid.print()
    }
}

fn because(reason: Option<&String>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

/// An event in words.
fn said(dag: &Dag, run: &Run, event: &Event) -> String {
    match event {
        Event::Begin => "there is a place for the run".to_owned(),
        Event::Admit { tasks } => {
            let names: Vec<String> = tasks.iter().map(|ix| name(dag, run, *ix)).collect();
            format!("a slot for {}", names.join(", "))
        }
        Event::Resumed => "a fresh engine has taken the run up".to_owned(),
        Event::Doubted => "the store was set back to an earlier state".to_owned(),
        Event::Moved => "the engine before was on another machine".to_owned(),
        Event::Due => "an instant has come that was waited for".to_owned(),
        Event::News { news, .. } => news_in_words(news),
        Event::Cleared { cleared, .. } => match cleared {
            Cleared::Answered {
                clearing: Clearing::Done,
            } => "nothing of it is left".to_owned(),
            Cleared::Answered { .. } => "it is being cleared away".to_owned(),
            Cleared::Failed { message } => format!("it could not be cleared away: {message}"),
        },
        Event::Cancel { by, reason } => {
            format!("{} cancels the run{}", by.name, because(reason.as_ref()))
        }
        Event::Retry {
            tasks, by, reason, ..
        } => {
            let (count, why) = (tasks.len(), because(reason.as_ref()));
            format!("{} retries {count} tasks{why}", by.name)
        }
        Event::Mark {
            verdict,
            by,
            reason,
            ..
        } => {
            let why = because(reason.as_ref());
            format!("{} marks it {}{why}", by.name, verdict.word())
        }
    }
}

fn news_in_words(news: &News) -> String {
    match news {
        News::Launched { handle } => format!("started: {}", handle_in_words(&handle.public)),
        News::LaunchFailed { error } => format!("the launch: {error}"),
        News::Looked { found: Some(found) } => {
            format!("a search found {}", handle_in_words(&found.public))
        }
        News::Looked { found: None } => "a search found nothing".to_owned(),
        News::LookFailed { error } => format!("a search: {error}"),
        News::Polled { status } => status_in_words(status),
        News::Advanced { handle } => {
            format!("it came further: {}", handle_in_words(&handle.public))
        }
        News::Unheard { host, .. } => format!("nothing was heard from {host}"),
        News::PollFailed { error } => format!("a poll: {error}"),
    }
}

fn status_in_words(status: &Status) -> String {
    match status {
        Status::Launching => "it is starting".to_owned(),
        Status::Running { .. } => "it is at work".to_owned(),
        Status::Advanced { .. } => "it came further".to_owned(),
        Status::Ready { .. } => "it is ready to be used".to_owned(),
        Status::Elsewhere { host } => format!("only {host} can tell"),
        Status::Lost { reason } => format!("it is gone: {reason}"),
        Status::Finished(finished) => match &finished.outcome {
            Outcome::Succeeded { .. } => "it ended well".to_owned(),
            Outcome::Failed { class, message, .. } => format!("it failed ({class}): {message}"),
            Outcome::Cancelled { by, .. } => {
                let by = by
                    .as_ref()
                    .map_or_else(String::new, |by| format!(" by {by}"));
                format!("it was stopped{by}")
            }
        },
    }
}

fn to_do(wish: Wish, zone: Zone) -> String {
    let from = |at: Option<_>| at.map_or_else(String::new, |at| format!(" at {}", zone.show(at)));
    match wish {
        Wish::Act(Activity::Launch { .. }) => "send the request".to_owned(),
        Wish::Act(Activity::Look { at, .. }) => format!("look for it{}", from(Some(at))),
        Wish::Act(Activity::Watch { .. }) => "wait for its end".to_owned(),
        Wish::Act(Activity::Cancel { .. }) => "have it stop, and wait for its end".to_owned(),
        Wish::Clear(clear) => {
            format!("clear away what it left{}", from(clear.not_before))
        }
    }
}
