//! Reads many executions with few requests: one list for a job or a region, single reads for what it does not show.
//!
//! Guarantees: never more than two requests for each execution, usually one for a hundred; once a request finds the backend in trouble, the rest
//! of the round is not asked.

use std::collections::BTreeMap;

use crate::execution::Execution;
use crate::executions::Deleted;
use crate::failure::CallError;
use crate::handle::Handle;
use crate::session::Session;
use crate::target::Target;

/// An execution that is asked about.
pub(crate) struct Asked<'a> {
    /// Its place in the input.
    pub(crate) index: usize,
    pub(crate) handle: &'a Handle,
    pub(crate) short: &'a str,
}

/// What came back about it.
pub(crate) type Read<'a> = (Asked<'a>, Result<Execution, CallError>);

impl Session<'_> {
    /// Reads all of them, by list where there are several in one region.
    pub(crate) async fn read_many<'a>(&self, asked: Vec<Asked<'a>>) -> Vec<Read<'a>> {
        let mut groups: BTreeMap<(String, String), Vec<Asked<'a>>> = BTreeMap::new();
        for one in asked {
            let place = (one.handle.project.clone(), one.handle.region.clone());
            groups.entry(place).or_default().push(one);
        }
        let mut read = Vec::new();
        for group in groups.into_values() {
            match group.len() {
                1 => read.extend(self.read_each(group).await),
                _ => read.extend(self.read_group(group).await),
            }
        }
        read
    }

    /// Reads each by its name.
    pub(crate) async fn read_each<'a>(&self, asked: Vec<Asked<'a>>) -> Vec<Read<'a>> {
        let mut read: Vec<Read<'a>> = Vec::new();
        let mut trouble: Option<CallError> = None;
        for one in asked {
            let result = match &trouble {
                Some(error) => Err(error.clone()),
                None => self.execution(&one.handle.target(), one.short).await,
            };
            trouble =
                trouble.or_else(|| result.as_ref().err().filter(|e| concerns_all(e)).cloned());
            read.push((one, result));
        }
        read
    }

    async fn read_group<'a>(&self, group: Vec<Asked<'a>>) -> Vec<Read<'a>> {
        let mut listed = match self.listed(&group).await {
            Ok(listed) => listed,
            Err(error) if concerns_all(&error) => {
                return group
                    .into_iter()
                    .map(|one| (one, Err(error.clone())))
                    .collect();
            }
            // A list may be refused where single reads are not: rights can be given for one job.
            Err(_) => BTreeMap::new(),
        };
        let mut read = Vec::new();
        let mut missing = Vec::new();
        for one in group {
            match listed.remove(&one.index) {
                Some(execution) => read.push((one, Ok(execution))),
                None => missing.push(one),
            }
        }
        read.extend(self.read_each(missing).await);
        read
    }

    /// The executions of a group that a list shows, by their places in the input.
    async fn listed(&self, group: &[Asked<'_>]) -> Result<BTreeMap<usize, Execution>, CallError> {
        let targets: Vec<Target> = group.iter().map(|one| one.handle.target()).collect();
        let Some(first) = targets.first() else {
            return Ok(BTreeMap::new());
        };
        let url = if targets.iter().all(|target| target == first) {
            first.executions_url()
        } else {
            first.region_executions_url()
        };
        let mut found = BTreeMap::new();
        let mut token: Option<String> = None;
        // A page is worth its request only while it may show two that are missing: one is read by name instead.
        for _ in 1..group.len() {
            let page = self.page(&url, token.as_deref(), Deleted::Hidden).await?;
            let last = page.executions.last().and_then(|last| last.created_at);
            for execution in page.executions {
                let one = group
                    .iter()
                    .zip(&targets)
                    .find(|(one, target)| target.short_name(&execution.name) == Some(one.short));
                if let Some((one, _)) = one {
                    found.insert(one.index, execution);
                }
            }
            let missing = group.iter().filter(|one| !found.contains_key(&one.index));
            let oldest = missing
                .clone()
                .map(|one| one.handle.created_at)
                .min()
                .flatten();
            let past = last.zip(oldest).is_some_and(|(last, oldest)| last < oldest);
            if missing.count() < 2 || past || page.next.is_none() {
                break;
            }
            token = page.next;
        }
        Ok(found)
    }
}

/// Whether an error says something about the backend rather than about one execution.
fn concerns_all(error: &CallError) -> bool {
    !matches!(
        error.refusal().map(|refusal| refusal.status),
        Some(400 | 403 | 404)
    )
}
