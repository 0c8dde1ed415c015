//! What a campaign did and found, and whether that was enough to say anything.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The figures of one campaign.
#[derive(Debug, Default)]
pub struct Report {
    /// What it was.
    pub name: String,
    /// The start value: the same makes the same choices.
    pub start: u64,
    /// How long it took.
    pub wall: Duration,
    /// Engines that were ended by a signal that they cannot hear.
    pub kills: u64,
    /// Faults by sort: how often tried, how often they really struck.
    pub faults: BTreeMap<String, Tally>,
    /// Named places at which engines died.
    pub places: BTreeMap<String, u64>,
    /// What else was counted.
    pub facts: BTreeMap<String, u64>,
    /// A schedule must fire again within half a minute.
    pub punctual: bool,
    /// What went wrong between engines and clouds.
    pub disturbed: BTreeMap<String, u64>,
    /// Runs that were accepted, asks that were refused, keys that were asked twice, runs that were cancelled or retried.
    pub asked: [u64; 4],
    /// Runs by state.
    pub runs: BTreeMap<String, u64>,
    /// Attempts by executor and end.
    pub attempts: BTreeMap<String, u64>,
    /// Tasks whose work was done, once, to its end.
    pub done: u64,
    /// Keys that were looked up in the store right after a kill.
    pub looked_up: u64,
    /// What is wrong with the product.
    pub findings: Vec<String>,
    /// Where the folder of a campaign with findings was copied to.
    pub kept: Option<PathBuf>,
    /// The least that must have been done.
    pub least: Least,
}

/// How often something was tried, and how often it came about.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Tried.
    pub tried: u64,
    /// Came about.
    pub struck: u64,
}

/// Below any of these a campaign says nothing, and has failed.
#[derive(Debug, Default, Clone, Copy)]
pub struct Least {
    /// Kills.
    pub kills: u64,
    /// Tasks whose work was done.
    pub done: u64,
    /// Runs that were accepted.
    pub accepted: u64,
    /// Named places at which an engine died.
    pub places: u64,
    /// Of each sort of fault.
    pub of_each: u64,
}

impl Report {
    /// Something else was counted.
    pub(crate) fn fact(&mut self, what: &str, count: u64) {
        self.facts.insert(what.to_owned(), count);
    }

    /// One more of something else was seen.
    pub(crate) fn one_more(&mut self, what: &str) {
        *self.facts.entry(what.to_owned()).or_default() += 1;
    }

    /// A fault was tried.
    pub(crate) fn count(&mut self, word: &str, struck: bool) {
        let tally = self.faults.entry(word.to_owned()).or_default();
        tally.tried += 1;
        tally.struck += u64::from(struck);
    }

    /// Why this campaign counts as failed; nothing if it counts.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let mut failures = self.findings.clone();
        let reached = [
            ("kills", self.kills, self.least.kills),
            ("tasks done", self.done, self.least.done),
            ("runs accepted", self.asked[0], self.least.accepted),
            ("named places", self.places.len() as u64, self.least.places),
        ];
        for (what, reached, least) in reached {
            if reached < least {
                failures.push(format!(
                    "too little to say anything: {reached} {what}, not {least}"
                ));
            }
        }
        for (fault, tally) in &self.faults {
            if tally.struck < self.least.of_each {
                let (struck, least) = (tally.struck, self.least.of_each);
                failures.push(format!(
                    "too little to say anything: `{fault}` struck {struck} times, not {least}"
                ));
            }
        }
        failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [accepted, refused, repeated, meddled] = self.asked;
        writeln!(
            f,
            "{}: start value {:#x}, {:.0?}",
            self.name, self.start, self.wall
        )?;
        writeln!(
            f,
            "  engines killed: {} (least {})",
            self.kills, self.least.kills
        )?;
        writeln!(f, "  tasks done: {} (least {})", self.done, self.least.done)?;
        writeln!(
            f,
            "  runs accepted: {accepted} (least {}), asks refused: {refused}, keys asked twice: {repeated}, runs cancelled or retried: {meddled}",
            self.least.accepted
        )?;
        writeln!(f, "  keys looked up right after a kill: {}", self.looked_up)?;
        writeln!(f, "  faults (struck of tried):")?;
        for (fault, Tally { tried, struck }) in &self.faults {
            writeln!(f, "    {struck:>6} of {tried:<6} {fault}")?;
        }
        table(f, "died at", &self.places)?;
        table(f, "counted", &self.facts)?;
        table(f, "between engines and clouds", &self.disturbed)?;
        table(f, "runs", &self.runs)?;
        table(f, "attempts", &self.attempts)?;
        let failures = self.failures();
        for failure in failures.iter().take(40) {
            writeln!(f, "  FAILED: {failure}")?;
        }
        if let Some(kept) = &self.kept {
            writeln!(f, "  all of it is kept in {}", kept.display())?;
        }
        let verdict = if failures.is_empty() {
            "passed"
        } else {
            "FAILED"
        };
        writeln!(
            f,
            "  {verdict}: {} findings, {} reasons to fail",
            self.findings.len(),
            failures.len()
        )
    }
}

fn table(f: &mut fmt::Formatter<'_>, what: &str, counts: &BTreeMap<String, u64>) -> fmt::Result {
    writeln!(f, "  {what}:")?;
    for (name, count) in counts {
        writeln!(f, "    {count:>6} {name}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_with_too_little_done_has_failed() {
        let mut report = Report {
            least: Least {
                kills: 2,
                of_each: 1,
                ..Least::default()
            },
            kills: 2,
            ..Report::default()
        };
        report.count("a fault", true);
        assert_eq!(report.failures(), Vec::<String>::new());
        report.count("another", false);
        assert_eq!(report.failures().len(), 1);
        report.kills = 1;
        assert_eq!(report.failures().len(), 2);
    }
}
