//! The names of places, jobs and executions, and how the API writes them.

use std::fmt;

/// A project and a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) project: String,
    pub(crate) location: String,
}

/// `projects/P/locations/L/jobs/J`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct JobName {
    pub(crate) place: Place,
    pub(crate) job: String,
}

/// `projects/P/locations/L/jobs/J/executions/E`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExecutionName {
    pub(crate) job: JobName,
    pub(crate) execution: String,
}

impl ExecutionName {
    pub(crate) fn place(&self) -> &Place {
        &self.job.place
    }

    /// Whether a person means this execution by `name`, short or full.
    pub(crate) fn answers_to(&self, name: &str) -> bool {
        self.execution == name || self.to_string() == name
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}/locations/{}", self.project, self.location)
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/jobs/{}", self.place, self.job)
    }
}

impl fmt::Display for ExecutionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/executions/{}", self.job, self.execution)
    }
}

/// Five letters and digits, as Google ends the names of executions.
pub(crate) fn random_suffix() -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let bytes = uuid::Uuid::new_v4().into_bytes();
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]);
    bytes.iter().take(5).map(letter).collect()
}

/// Whether the API accepts this as the id of a job.
pub(crate) fn is_job_id(id: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    id.len() < 64
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
        && id.chars().all(inner)
}
