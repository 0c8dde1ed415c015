//! The templates and expressions of a DAG, checked against the names that will be there.
//!
//! Whether a task that a template names is an ancestor is not judged here: all of them are collected, and judged in one
//! go for the whole graph.

use std::cell::RefCell;

use super::super::fields::Words;
use super::super::report::{Note, Place, Report};
use super::super::tree::{Item, Node};
use crate::template::{
    Known, References, Site, TemplateProblem, check_expression, check_template, references,
    references_of_expression,
};

/// A task that a template names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) task: String,
    pub(super) place: Place,
}

/// The names of one DAG.
pub(super) struct Names<'n> {
    known: RefCell<Known<'n>>,
}

/// The key in `with` of an http task whose texts are filled in for every answer that is polled.
const POLLED: &str = "poll";

impl<'n> Names<'n> {
    pub(super) fn new(params: &'n [String], vars: impl Iterator<Item = &'n str>) -> Self {
        let params = params.iter().map(String::as_str).collect();
        let known = Known {
            params,
            vars: vars.collect(),
            ..Known::at(Site::Task)
        };
        Self {
            known: RefCell::new(known),
        }
    }

    /// Checks the templates of a `with` table.
    pub(super) fn check_with(
        &self,
        report: &Report<'_>,
        with: &Item<'_>,
        mapped: bool,
        polls: bool,
        found: &mut Vec<Mention>,
    ) {
        let Node::Table(table) = &with.node else {
            return;
        };
        for entry in &table.entries {
            let site = if polls && entry.key == POLLED {
                Site::Poll
            } else {
                Site::Task
            };
            self.check_item(report, &entry.item, &entry.key, site, mapped, found);
        }
    }

    /// Checks every text of a value.
    pub(super) fn check_item(
        &self,
        report: &Report<'_>,
        item: &Item<'_>,
        key: &str,
        site: Site,
        mapped: bool,
        found: &mut Vec<Mention>,
    ) {
        match &item.node {
            Node::Text(text) => {
                let words = Words {
                    text,
                    place: item.place,
                };
                if site == Site::Poll && matches!(key, "until" | "fail_if") {
                    self.check_expression(report, words, site, mapped, found);
                } else {
                    self.check_text(report, words, site, mapped, found);
                }
            }
            Node::List(items) => {
                for item in items {
                    self.check_item(report, item, "", site, mapped, found);
                }
            }
            Node::Table(table) => {
                for entry in &table.entries {
                    self.check_item(report, &entry.item, &entry.key, site, mapped, found);
                }
            }
            _ => {}
        }
    }

    pub(super) fn check_text(
        &self,
        report: &Report<'_>,
        words: Words<'_>,
        site: Site,
        mapped: bool,
        found: &mut Vec<Mention>,
    ) {
        // Braces and blocks are the marks of a template; nothing else needs to be looked at.
        if !words.text.contains('{') {
            return;
        }
        let named = if words.text.contains("tasks") {
            references(words.text).ok()
        } else {
            None
        };
        self.report(report, words, site, mapped, named, found, check_template);
    }

    pub(super) fn check_expression(
        &self,
        report: &Report<'_>,
        words: Words<'_>,
        site: Site,
        mapped: bool,
        found: &mut Vec<Mention>,
    ) {
        let named = references_of_expression(words.text).ok();
        self.report(report, words, site, mapped, named, found, check_expression);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one text, where it stands, and what is known of it"
    )]
    fn report(
        &self,
        report: &Report<'_>,
        words: Words<'_>,
        site: Site,
        mapped: bool,
        named: Option<References>,
        found: &mut Vec<Mention>,
        check: impl Fn(&str, &Known<'_>) -> Vec<TemplateProblem>,
    ) {
        let mut known = self.known.borrow_mut();
        known.site = site;
        known.mapped = mapped;
        let tasks = named.map(|named| named.tasks).unwrap_or_default();
        let problems = if tasks.is_empty() {
            check(words.text, &known)
        } else {
            let ancestors = tasks.iter().map(String::as_str).collect();
            check(
                words.text,
                &Known {
                    ancestors,
                    ..known.clone()
                },
            )
        };
        for problem in problems {
            let place = report.part(words.place, words.text, &problem.range);
            report.say(Note::error("template", place, problem.message).maybe_help(problem.help));
        }
        for task in tasks {
            let written = format!("tasks.{task}");
            let at = words.text.find(&written).map(|at| at..at + written.len());
            let place = at.map_or(words.place, |at| report.part(words.place, words.text, &at));
            found.push(Mention { task, place });
        }
    }
}
