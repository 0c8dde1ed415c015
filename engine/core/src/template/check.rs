//! Templates and expressions checked with the file, before any run.
//!
//! Guarantees: what passes fails at run time for its data alone, never for a name, a filter or its syntax.

use std::ops::Range;

use minijinja::machinery::ast::{Expr, Filter, Test};
use serde_json::Value;

use super::arguments::{FILTERS, Signature, TESTS, signature};
use super::error::{Fault, TemplateError};
use super::evaluate::{bytes, constant_value};
use super::known::{Known, Site, absence, nearest};
use super::mention::{Field, Mention, mentions, visit};
use super::moment::{first_day, format_items, zone_of};
use super::piece::{Piece, is_template, parse, parse_alone, pieces, refuse_blocks};

/// A mistake in a template or an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The bytes of the text that are meant.
    pub range: Range<usize>,
    /// What is wrong, lower-case.
    pub message: String,
    /// How to mend it, if that can be said.
    pub help: Option<String>,
}

/// Checks the templates of a text.
#[must_use]
pub fn check_template(text: &str, known: &Known<'_>) -> Vec<TemplateProblem> {
    let pieces = if is_template(text) {
        pieces(text)
    } else {
        refuse_blocks(text, 0).map(|()| Vec::new())
    };
    match pieces {
        Ok(pieces) => check_pieces(&pieces, known),
        Err(error) => vec![problem(error)],
    }
}

/// Checks an expression: `when`, `success`, `skip_when`, `until` or `fail_if`.
#[must_use]
pub fn check_expression(expression: &str, known: &Known<'_>) -> Vec<TemplateProblem> {
    match parse_alone(expression) {
        Ok(expr) => {
            let mut checker = Checker::new(known, true);
            if known.site == Site::Poll {
                checker.roots.extend(ANSWER_FIELDS);
            }
            checker.expression(&expr, 0)
        }
        Err(error) => vec![problem(error)],
    }
}

/// The fields of `answer`, which `until` and `fail_if` may name bare: `body.state == 'done'`.
const ANSWER_FIELDS: [&str; 3] = ["body", "headers", "status_code"];

/// Checks the templates of a value at any depth; each problem with the key path to its text.
#[must_use]
pub fn check_value(value: &Value, known: &Known<'_>) -> Vec<(Vec<String>, TemplateProblem)> {
    let mut found = Vec::new();
    walk(value, known, &mut Vec::new(), &mut found);
    found
}

fn walk(
    value: &Value,
    known: &Known<'_>,
    path: &mut Vec<String>,
    found: &mut Vec<(Vec<String>, TemplateProblem)>,
) {
    let mut below = |key: String, value: &Value| {
        path.push(key);
        walk(value, known, path, found);
        path.pop();
    };
    match value {
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                below(index.to_string(), value);
            }
        }
        Value::Object(table) => {
            for (key, value) in table {
                below(key.clone(), value);
            }
        }
        Value::String(text) => {
            let mut problems = check_template(text, known);
            if is_template(text) && path.last().is_some_and(|key| key == "secret") {
                problems.push(problem(Fault::Secret.at(0..text.len())));
            }
            found.extend(problems.into_iter().map(|problem| (path.clone(), problem)));
        }
        _ => {}
    }
}

fn check_pieces(pieces: &[Piece<'_>], known: &Known<'_>) -> Vec<TemplateProblem> {
    let mut problems = Vec::new();
    let mut trees = Vec::new();
    for piece in pieces {
        let Piece::Expression(source, offset) = *piece else {
            continue;
        };
        match parse(source, offset) {
            Ok(expr) => trees.push((expr, offset)),
            Err(error) => problems.push(problem(error)),
        }
    }
    let answers = trees.iter().any(|(expr, _)| {
        mentions(expr, 0)
            .iter()
            .any(|mention| mention.root == "answer")
    });
    let checker = Checker::new(known, answers);
    for (expr, offset) in &trees {
        problems.extend(checker.expression(expr, *offset));
    }
    problems
}

struct Checker<'k> {
    known: &'k Known<'k>,
    roots: Vec<&'static str>,
}

impl<'k> Checker<'k> {
    fn new(known: &'k Known<'k>, answers: bool) -> Self {
        let answers = answers && known.site == Site::Poll;
        Self {
            known,
            roots: known.roots(answers),
        }
    }

    fn expression(&self, expr: &Expr<'_>, offset: usize) -> Vec<TemplateProblem> {
        let named = mentions(expr, offset);
        let mut problems: Vec<_> = named
            .iter()
            .filter_map(|mention| self.mention(mention))
            .collect();
        visit(expr, &mut |expr| {
            if let Err(fault) = check_node(expr) {
                problems.push(problem(fault.at(bytes(expr.span(), offset))));
            }
            true
        });
        problems
    }

    fn mention(&self, mention: &Mention<'_>) -> Option<TemplateProblem> {
        let root = mention.root;
        let range = mention.range.clone();
        if !self.roots.contains(&root) {
            let help = absence(root)
                .map(str::to_owned)
                .or_else(|| meant(root, &self.roots));
            return Some(unknown(root, range, help));
        }
        let fields = self.known.fields(root)?;
        let name = match mention.fields.first() {
            Some(Field::Name(name)) => name.as_str(),
            Some(Field::Index | Field::Computed) => {
                return Some(problem(Fault::Dynamic(root.to_owned()).at(range)));
            }
            None => return Some(whole(root, range, meant_fields(root, &fields))),
        };
        if !fields.contains(&name) {
            let help = self.stranger(root, name).or_else(|| meant(name, &fields));
            return Some(unknown(&format!("{root}.{name}"), range, help));
        }
        second_field(mention, name, range)
    }

    /// What to do about a task that is no ancestor.
    fn stranger(&self, root: &str, name: &str) -> Option<String> {
        (root == "tasks" && self.known.tasks.contains(name)).then(|| {
            format!("put `{name}` into `depends_on`, of this task or of one it depends on")
        })
    }
}

/// The fields that only one name can follow.
fn second_field(mention: &Mention<'_>, name: &str, range: Range<usize>) -> Option<TemplateProblem> {
    let wanted = match (mention.root, name) {
        ("tasks", _) => "output",
        ("run", "previous" | "previous_success") => "logical_time",
        _ => return None,
    };
    let start = format!("{}.{name}", mention.root);
    match mention.name(1) {
        Some(field) if field == wanted => None,
        Some(field) => Some(unknown(
            &format!("{start}.{field}"),
            range,
            Some(format!("write `{start}.{wanted}`")),
        )),
        None => Some(whole(
            &start,
            range,
            Some(format!("write `{start}.{wanted}`")),
        )),
    }
}

fn check_node(expr: &Expr<'_>) -> Result<(), Fault> {
    match expr {
        Expr::Call(_) => Err(Fault::Refused("templates call no functions and no methods")),
        Expr::Filter(filter) => check_filter(filter),
        Expr::Test(test) => check_test(test),
        Expr::Const(constant) => constant_value(constant).map(|_| ()),
        Expr::Map(map) => match map.keys.as_slice() {
            [Expr::Const(key)] if key.value.as_str() == Some("secret") => Err(Fault::Secret),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn check_filter(filter: &Filter<'_>) -> Result<(), Fault> {
    let signature = find("filter", FILTERS, filter.name)?;
    let bound = signature.bind(&filter.args)?;
    let text = |at: usize| bound.get(at).copied().flatten().and_then(constant_text);
    match filter.name {
        "date" => text(0).map_or(Ok(()), |format| format_items(format).map(|_| ()))?,
        "start_of" => text(0).map_or(Ok(()), |unit| {
            first_day(chrono::NaiveDate::default(), unit).map(|_| ())
        })?,
        _ => return Ok(()),
    }
    text(1).map_or(Ok(()), |zone| zone_of(zone).map(|_| ()))
}

fn check_test(test: &Test<'_>) -> Result<(), Fault> {
    find("test", TESTS, test.name)?.bind(&test.args).map(|_| ())
}

fn find(what: &str, list: &'static [Signature], name: &str) -> Result<&'static Signature, Fault> {
    signature(list, name).ok_or_else(|| {
        let names: Vec<&str> = list.iter().map(|signature| signature.name).collect();
        let hint = meant(name, &names).map_or_else(String::new, |hint| format!(": {hint}"));
        Fault::Operand(format!("there is no {what} `{name}`{hint}"))
    })
}

fn constant_text<'a>(expr: &'a Expr<'_>) -> Option<&'a str> {
    match expr {
        Expr::Const(constant) => constant.value.as_str(),
        _ => None,
    }
}

fn meant(name: &str, known: &[&str]) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

fn meant_fields(root: &str, fields: &[&str]) -> Option<String> {
    let first = fields.first()?;
    Some(format!("write for example `{root}.{first}`"))
}

fn unknown(name: &str, range: Range<usize>, help: Option<String>) -> TemplateProblem {
    let problem = problem(Fault::Unknown(name.to_owned()).at(range));
    TemplateProblem { help, ..problem }
}

fn whole(name: &str, range: Range<usize>, help: Option<String>) -> TemplateProblem {
    let problem = problem(Fault::Whole(name.to_owned()).at(range));
    TemplateProblem { help, ..problem }
}

fn problem(error: TemplateError) -> TemplateProblem {
    let help = match &error.fault {
        Fault::Dynamic(_) => Some("write the name itself, as in `params.name` or `params['name']`"),
        Fault::Secret => Some("write `{ secret = \"NAME\" }` where the value is wanted"),
        _ => None,
    };
    TemplateProblem {
        range: error.range,
        message: error.fault.to_string(),
        help: help.map(str::to_owned),
    }
}
