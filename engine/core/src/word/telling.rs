//! What a message says, as parts that each way of telling lays out by itself.
//!
//! Guarantees: every text that came from a file, a backend or a log is one visible line here (a log: lines), so none can
//! end a header or a subject. What is not known is left out or said, never guessed.

use serde::Serialize;

use super::message::{Message, Recipient, display_subject};
use super::notice::{TaskNotice, is_hidden, line};
use super::rule::Occasion;
use crate::dag::Dag;
use crate::name::RunId;
use crate::run::{AttemptState, Instant, Phase, Run, TaskRunIx};
use crate::ticks::format_duration;
use crate::view::TaskRunId;

/// The lines of a log that are told.
pub(super) const LOG_LINES: usize = 20;
/// The longest of them.
const LONGEST_LINE: usize = 400;
/// The parameters that are compared.
const PARAMS: usize = 10;

/// What is looked up when a message is sent.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    /// The run of the first notice, with its version.
    pub run: Option<(&'a Run, &'a Dag)>,
    /// The latest run of the DAG before it that ended well.
    pub good: Option<&'a Run>,
    /// The next tick of the DAG.
    pub next_tick: Option<Instant>,
    /// The address of the pages.
    pub public_url: Option<&'a str>,
    /// The end of the log of the attempt that failed.
    pub log: &'a LogTail,
}

/// The end of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum LogTail {
    /// No attempt has a log.
    #[default]
    None,
    /// Its last bytes.
    Bytes(Vec<u8>),
    /// It could not be read in time.
    Absent(String),
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Letter {
    /// In one line.
    pub subject: String,
    /// What happened, in words.
    pub outcome: String,
    /// Names and values, in order.
    pub facts: Vec<(&'static str, String)>,
    /// What is different since the last good run.
    pub changes: Vec<String>,
    /// Others of the same cause.
    pub others: Vec<String>,
    /// How many others are not named.
    pub unnamed: u64,
    /// The last lines of the log.
    pub log: Vec<String>,
    /// Why there are none.
    pub log_absent: Option<String>,
    /// Where to look: a label and an address.
    pub links: Vec<(&'static str, String)>,
    /// The command that tries it again.
    pub retry: Option<String>,
}

/// What a message says.
#[must_use]
pub fn compose(message: &Message, found: &Findings<'_>) -> Letter {
    let first = &message.first;
    let (log, log_absent) = log_lines(found.log);
    let named = message.names.len() as u64;
    Letter {
        subject: subject(message),
        outcome: line(&first.what),
        facts: facts(message, found),
        changes: changes(found),
        others: others(message),
        unnamed: (message.count - 1).saturating_sub(named),
        log,
        log_absent,
        links: links(message, found),
        retry: first
            .run
            .as_ref()
            .filter(|_| {
                matches!(
                    first.occasion,
                    Occasion::Failed | Occasion::TimedOut | Occasion::Cancelled
                )
            })
            .map(|run| format!("noctule retry {run}")),
    }
}

fn subject(message: &Message) -> String {
    let first = &message.first;
    let what = format!("{} {}", display_subject(first), first.occasion.clause());
    let again = if message.follows.is_some() {
        "again: "
    } else {
        ""
    };
    match message.count {
        1 => format!("{again}{what}"),
        count => format!("{again}{what}, and {} more of the same cause", count - 1),
    }
}

fn facts(message: &Message, found: &Findings<'_>) -> Vec<(&'static str, String)> {
    let first = &message.first;
    let mut facts = vec![("DAG", first.dag.to_string())];
    let mut add = |label, value: Option<String>| facts.extend(value.map(|value| (label, value)));
    add("task", first.task.as_ref().map(|task| task.name.clone()));
    add("cause", first.class.map(|class| class.as_str().to_owned()));
    add("through", first.through.clone());
    add("run", first.run.as_ref().map(ToString::to_string));
    add("ingestion id", first.ingestion_id.clone());
    add("at", Some(shown(first.at)));
    if message.count > 1 {
        add("until", Some(shown(message.latest_at)));
    }
    add("next tick", found.next_tick.map(shown));
    facts
}

fn shown(at: Instant) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// The version, the parameters and the duration, against the last run that ended well.
fn changes(found: &Findings<'_>) -> Vec<String> {
    let (Some((run, _)), Some(good)) = (found.run, found.good) else {
        return Vec::new();
    };
    let mut changes = Vec::new();
    let (version, before) = (&run.facts.version, &good.facts.version);
    if version != before {
        let (before, version) = (before.short(), version.short());
        changes.push(format!(
            "version of the DAG: {before} before, {version} now"
        ));
    }
    changes.extend(params(run, good));
    if let (Some(took), Some(before)) = (took(run), took(good)) {
        let (took, before) = (format_duration(took), format_duration(before));
        changes.push(format!("it took {took}; the last good run took {before}"));
    }
    for ix in (0..u32::try_from(run.tasks.len()).unwrap_or(0)).map(TaskRunIx) {
        if let (Some(now), Some(before)) = (image(run, ix), image(good, ix))
            && now != before
        {
            changes.push(line(&format!("image: {before} before, {now} now")));
        }
    }
    changes.dedup();
    changes
}

fn params(run: &Run, good: &Run) -> Vec<String> {
    let (now, before) = (&run.facts.params, &good.facts.params);
    let names: std::collections::BTreeSet<&String> = now.keys().chain(before.keys()).collect();
    let differs = names
        .into_iter()
        .filter(|name| now.get(*name) != before.get(*name));
    let value = |value: Option<&serde_json::Value>| {
        value.map_or_else(|| "absent".to_owned(), ToString::to_string)
    };
    differs
        .take(PARAMS)
        .map(|name| {
            let (before, now) = (value(before.get(name)), value(now.get(name)));
            line(&format!("parameter {name}: {before} before, {now} now"))
        })
        .collect()
}

fn took(run: &Run) -> Option<std::time::Duration> {
    match &run.phase {
        Phase::Ended {
            started_at: Some(started),
            at,
            ..
        } => {
            let seconds = (*at - *started).num_seconds();
            u64::try_from(seconds)
                .ok()
                .map(std::time::Duration::from_secs)
        }
        _ => None,
    }
}

fn image(run: &Run, ix: TaskRunIx) -> Option<&str> {
    let attempt = run.tasks.get(ix.index())?.attempts.last()?;
    attempt.prepared.config.get("image")?.as_str()
}

fn others(message: &Message) -> Vec<String> {
    let other = |name: &super::message::Name| {
        let run = name.run.as_ref().map(|run| format!(" (run {run})"));
        let clause = name.occasion.clause();
        format!("{} {clause}{}", name.subject, run.unwrap_or_default())
    };
    message.names.iter().map(other).collect()
}

fn links(message: &Message, found: &Findings<'_>) -> Vec<(&'static str, String)> {
    let first = &message.first;
    let mut links = Vec::new();
    // Whoever called from outside gets no addresses of inside.
    if let Some(base) = found.public_url
        && matches!(message.to, Recipient::Receiver { .. })
    {
        let base = base.trim_end_matches('/');
        links.push(match (&first.run, &first.task) {
            (Some(run), Some(task)) => ("open", format!("{base}{}", page_of(run, task))),
            (Some(run), None) => ("open", format!("{base}/runs/{run}")),
            (None, _) => ("open", format!("{base}/dags/{}", first.dag)),
        });
    }
    let console = found
        .run
        .zip(first.task.as_ref())
        .and_then(|((run, _), task)| console(run, TaskRunIx(task.ix)));
    links.extend(console.map(|url| ("cloud console", url)));
    links
}

/// Where the pages show what became of a task.
fn page_of(run: &RunId, task: &TaskNotice) -> String {
    let Ok(target) = task.name.parse() else {
        return format!("/runs/{run}");
    };
    let id = TaskRunId {
        run: run.clone(),
        target,
    };
    let attempt = task.attempt.map(|number| format!("/attempts/{number}"));
    format!("/runs/{run}/tasks/{id}{}", attempt.unwrap_or_default())
}

/// The address by which the backend shows the work, where its public handle has one.
fn console(run: &Run, ix: TaskRunIx) -> Option<String> {
    let attempt = run.tasks.get(ix.index())?.attempts.last()?;
    let handle = match &attempt.state {
        AttemptState::Launching(_) => None,
        AttemptState::Running(work) => Some(&work.handle),
        AttemptState::Cancelling(work) => Some(&work.handle),
        AttemptState::Ended(ended) => ended.handle.as_ref(),
    };
    let mut values = handle?.public.as_object()?.values();
    let url =
        values.find_map(|value| value.as_str().filter(|text| text.starts_with("https://")))?;
    (!url.chars().any(|c| is_hidden(c) || c == ' ')).then(|| url.to_owned())
}

fn log_lines(log: &LogTail) -> (Vec<String>, Option<String>) {
    let bytes = match log {
        LogTail::None => return (Vec::new(), None),
        LogTail::Absent(why) => return (Vec::new(), Some(line(why))),
        LogTail::Bytes(bytes) => bytes,
    };
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(LOG_LINES)..];
    if last.is_empty() {
        return (Vec::new(), Some("the log is empty".to_owned()));
    }
    let visible = |c: char| match c {
        '\t' => '\t',
        c if is_hidden(c) => ' ',
        c => c,
    };
    let cut = |line: &&str| line.chars().take(LONGEST_LINE).map(visible).collect();
    (last.iter().map(cut).collect(), None)
}
