//! The names that templates and expressions mention, found on the syntax tree without evaluating anything.
//!
//! Guarantees: what an evaluation can look at is mentioned here, since fields of roots are never computed.

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast::{CallArg, Expr};
use serde_json::Value;

use super::error::TemplateError;
use super::evaluate::{bytes, constant_value};
use super::piece::{Piece, is_template, parse, parse_alone, pieces};

/// The names a template or an expression mentions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    /// `tasks.NAME`.
    pub tasks: BTreeSet<String>,
    /// `params.NAME`.
    pub params: BTreeSet<String>,
    /// `vars.NAME`.
    pub vars: BTreeSet<String>,
    /// `item`.
    pub item: bool,
    /// `output`.
    pub output: bool,
    /// `answer`.
    pub answer: bool,
}

/// What the templates of a text mention.
///
/// # Errors
/// A template cannot be read.
pub fn references(text: &str) -> Result<References, TemplateError> {
    let mut references = References::default();
    references.add_text(text)?;
    Ok(references)
}

/// What an expression mentions.
///
/// # Errors
/// The expression cannot be read.
pub fn references_of_expression(expression: &str) -> Result<References, TemplateError> {
    let expr = parse_alone(expression)?;
    let mut references = References::default();
    references.add_expression(&expr);
    Ok(references)
}

/// What the templates of a value mention, at any depth.
///
/// # Errors
/// A template cannot be read.
pub fn references_of_value(value: &Value) -> Result<References, TemplateError> {
    let mut references = References::default();
    references.add_value(value)?;
    Ok(references)
}

impl References {
    fn add_value(&mut self, value: &Value) -> Result<(), TemplateError> {
        match value {
            Value::String(text) => self.add_text(text),
            Value::Array(list) => list.iter().enumerate().try_for_each(|(index, value)| {
                self.add_value(value)
                    .map_err(|error| error.below(&index.to_string()))
            }),
            Value::Object(table) => table.iter().try_for_each(|(key, value)| {
                self.add_value(value).map_err(|error| error.below(key))
            }),
            _ => Ok(()),
        }
    }

    fn add_text(&mut self, text: &str) -> Result<(), TemplateError> {
        if !is_template(text) {
            return Ok(());
        }
        for piece in pieces(text)? {
            if let Piece::Expression(source, offset) = piece {
                let expr = parse(source, offset)?;
                self.add_expression(&expr);
            }
        }
        Ok(())
    }

    fn add_expression(&mut self, expr: &Expr<'_>) {
        for mention in mentions(expr, 0) {
            let named = match mention.root {
                "tasks" => &mut self.tasks,
                "params" => &mut self.params,
                "vars" => &mut self.vars,
                "item" => {
                    self.item = true;
                    continue;
                }
                "output" => {
                    self.output = true;
                    continue;
                }
                "answer" => {
                    self.answer = true;
                    continue;
                }
                _ => continue,
            };
            named.extend(mention.name(0).map(str::to_owned));
        }
    }
}

/// A root and the fields behind it, as far as they are constant.
#[derive(Debug)]
pub(super) struct Mention<'a> {
    pub(super) root: &'a str,
    pub(super) fields: Vec<Field>,
    pub(super) range: Range<usize>,
}

/// A field behind a root.
#[derive(Debug)]
pub(super) enum Field {
    Name(String),
    Index,
    Computed,
}

impl Mention<'_> {
    /// The name of a field, if it has one.
    pub(super) fn name(&self, at: usize) -> Option<&str> {
        match self.fields.get(at) {
            Some(Field::Name(name)) => Some(name),
            _ => None,
        }
    }
}

/// The mentions of an expression whose text begins at `offset`, from left to right.
pub(super) fn mentions<'a>(expr: &'a Expr<'a>, offset: usize) -> Vec<Mention<'a>> {
    let mut found = Vec::new();
    visit(expr, &mut |expr| {
        let (mention, entered) = match chain(expr, offset) {
            Some(mention) => (Some(mention), false),
            None => (None, true),
        };
        found.extend(mention);
        entered
    });
    found
}

/// The chain of names that an expression is, if it is one.
fn chain<'a>(expr: &'a Expr<'a>, offset: usize) -> Option<Mention<'a>> {
    let mut fields = Vec::new();
    let mut base = expr;
    let root = loop {
        base = match base {
            Expr::Var(var) => break var,
            Expr::GetAttr(attr) => {
                fields.push(Field::Name(attr.name.to_owned()));
                &attr.expr
            }
            Expr::GetItem(item) => {
                fields.push(field(&item.subscript_expr));
                &item.expr
            }
            _ => return None,
        };
    };
    fields.reverse();
    let start = bytes(root.span(), offset).start;
    let end = bytes(expr.span(), offset).end;
    Some(Mention {
        root: root.id,
        fields,
        range: start..end.max(start),
    })
}

fn field(subscript: &Expr<'_>) -> Field {
    match subscript {
        Expr::Const(constant) => match constant_value(constant) {
            Ok(Value::String(name)) => Field::Name(name),
            _ => Field::Index,
        },
        Expr::UnaryOp(_) => Field::Index,
        _ => Field::Computed,
    }
}

/// Walks the expressions within one; those for which `enter` is false are not entered, but for their subscripts.
pub(super) fn visit<'a>(expr: &'a Expr<'a>, enter: &mut dyn FnMut(&'a Expr<'a>) -> bool) {
    if !enter(expr) {
        return visit_subscripts(expr, enter);
    }
    match expr {
        Expr::Var(_) | Expr::Const(_) => {}
        Expr::UnaryOp(unary) => visit(&unary.expr, enter),
        Expr::BinOp(binary) => {
            visit(&binary.left, enter);
            visit(&binary.right, enter);
        }
        Expr::Compare(compare) => {
            visit(&compare.expr, enter);
            compare.ops.iter().for_each(|op| visit(&op.expr, enter));
        }
        Expr::IfExpr(choice) => {
            visit(&choice.true_expr, enter);
            visit(&choice.test_expr, enter);
            choice.false_expr.iter().for_each(|expr| visit(expr, enter));
        }
        Expr::GetAttr(attr) => visit(&attr.expr, enter),
        Expr::GetItem(item) => {
            visit(&item.expr, enter);
            visit(&item.subscript_expr, enter);
        }
        Expr::List(list) => list.items.iter().for_each(|item| visit(item, enter)),
        Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| visit(item, enter)),
        other => visit_calls(other, enter),
    }
}

fn visit_calls<'a>(expr: &'a Expr<'a>, enter: &mut dyn FnMut(&'a Expr<'a>) -> bool) {
    match expr {
        Expr::Slice(slice) => {
            visit(&slice.expr, enter);
            for bound in [&slice.start, &slice.stop, &slice.step] {
                bound.iter().for_each(|expr| visit(expr, enter));
            }
        }
        Expr::Filter(filter) => {
            filter.expr.iter().for_each(|expr| visit(expr, enter));
            visit_arguments(&filter.args, enter);
        }
        Expr::Test(test) => {
            visit(&test.expr, enter);
            visit_arguments(&test.args, enter);
        }
        Expr::Call(call) => {
            visit(&call.expr, enter);
            visit_arguments(&call.args, enter);
        }
        Expr::Map(map) => {
            for (key, value) in map.keys.iter().zip(&map.values) {
                visit(key, enter);
                visit(value, enter);
            }
        }
        _ => {}
    }
}

fn visit_subscripts<'a>(expr: &'a Expr<'a>, enter: &mut dyn FnMut(&'a Expr<'a>) -> bool) {
    match expr {
        Expr::GetAttr(attr) => visit_subscripts(&attr.expr, enter),
        Expr::GetItem(item) => {
            visit_subscripts(&item.expr, enter);
            visit(&item.subscript_expr, enter);
        }
        _ => {}
    }
}

fn visit_arguments<'a>(arguments: &'a [CallArg<'a>], enter: &mut dyn FnMut(&'a Expr<'a>) -> bool) {
    for argument in arguments {
        match argument {
            CallArg::Pos(expr)
            | CallArg::Kwarg(_, expr)
            | CallArg::PosSplat(expr)
            | CallArg::KwargSplat(expr) => visit(expr, enter),
        }
    }
}
