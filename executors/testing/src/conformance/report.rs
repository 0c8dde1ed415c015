//! What the suite found: one judgement for each rule, by the rule's name.

use std::fmt;

/// How a rule was judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The executor keeps it.
    Kept,
    /// It does not apply, and why.
    Skipped(&'static str),
    /// The executor breaks it, and how.
    Broken(String),
}

/// All judgements, in the order of the rules. Its text has a line for each rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    judgements: Vec<(&'static str, Judgement)>,
}

impl Report {
    pub(super) fn add(&mut self, rule: &'static str, judgement: Judgement) {
        self.judgements.push((rule, judgement));
    }

    /// Every rule with its judgement.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Judgement)> {
        self.judgements.iter().map(|(rule, j)| (*rule, j))
    }

    /// The names of the broken rules.
    pub fn broken(&self) -> impl Iterator<Item = &'static str> {
        self.iter()
            .filter(|(_, judgement)| matches!(judgement, Judgement::Broken(_)))
            .map(|(rule, _)| rule)
    }

    /// The names of the rules that do not apply.
    pub fn skipped(&self) -> impl Iterator<Item = &'static str> {
        self.iter()
            .filter(|(_, judgement)| matches!(judgement, Judgement::Skipped(_)))
            .map(|(rule, _)| rule)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rule, judgement) in &self.judgements {
            match judgement {
                Judgement::Kept => writeln!(f, "kept     {rule}")?,
                Judgement::Skipped(why) => writeln!(f, "skipped  {rule}: {why}")?,
                Judgement::Broken(how) => writeln!(f, "BROKEN   {rule}: {how}")?,
            }
        }
        Ok(())
    }
}
