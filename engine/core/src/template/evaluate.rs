//! The value of an expression.
//!
//! The syntax tree is minijinja's; it is walked here and not run by its machine, because that folds constants before
//! any limit applies, wants its facts owned, and cannot say which field is missing.
//!
//! Guarantees: every value is paid for before it is made; a missing field is an error that names it, or none where an
//! expression is judged. Never: a call, a loop, a change of the scope.

use std::borrow::Cow;
use std::ops::Range;

use minijinja::machinery::Span;
use minijinja::machinery::ast::{
    BinOp, BinOpKind, Compare, CompareOpKind, Const, Expr, Filter, GetItem, IfExpr, Map, Slice,
    Test, UnaryOp, UnaryOpKind,
};
use serde_json::{Number, Value};

use super::arguments::{Arguments, FILTERS, TESTS, signature};
use super::error::{Fault, TemplateError};
use super::filter::filter;
use super::found::{Found, Key, is_true, written};
use super::limits::{Budget, CELL};
use super::operator;
use super::place::{Place, root, step};
use super::scope::Scope;
use super::slice::slice;
use super::test::test;

/// Evaluates the expressions of one text.
pub(super) struct Evaluator<'a> {
    scope: &'a Scope<'a>,
    missing_is_none: bool,
    budget: &'a mut Budget,
    /// The expression that failed first; the innermost one says most.
    failed: Option<Span>,
}

type Step<'a> = Result<Found<'a>, Fault>;

impl<'a> Evaluator<'a> {
    /// For templates: a missing field is an error.
    pub(super) fn of_template(scope: &'a Scope<'a>, budget: &'a mut Budget) -> Self {
        Self {
            scope,
            missing_is_none: false,
            budget,
            failed: None,
        }
    }

    /// For judgements: a missing field is none.
    pub(super) fn of_judgement(scope: &'a Scope<'a>, budget: &'a mut Budget) -> Self {
        Self {
            missing_is_none: true,
            ..Self::of_template(scope, budget)
        }
    }

    /// The value of a whole expression whose text begins at `offset`.
    pub(super) fn value_of(
        &mut self,
        expr: &'a Expr<'a>,
        offset: usize,
    ) -> Result<Cow<'a, Value>, TemplateError> {
        self.failed = None;
        self.value(expr).map_err(|fault| {
            let span = self.failed.unwrap_or_else(|| expr.span());
            fault.at(bytes(span, offset))
        })
    }

    /// The text of a whole expression that stands inside a longer one.
    pub(super) fn text_of(
        &mut self,
        expr: &'a Expr<'a>,
        offset: usize,
    ) -> Result<String, TemplateError> {
        let value = self.value_of(expr, offset)?;
        self.text(&value, expr)
            .map_err(|fault| fault.at(bytes(expr.span(), offset)))
    }

    /// The value of an expression, missing fields settled.
    fn value(&mut self, expr: &'a Expr<'a>) -> Result<Cow<'a, Value>, Fault> {
        let found = self.found(expr)?;
        self.settle(found)
    }

    fn settle(&self, found: Found<'a>) -> Result<Cow<'a, Value>, Fault> {
        match found {
            Found::Value(value) => Ok(value),
            Found::Missing(_) if self.missing_is_none => Ok(Cow::Owned(Value::Null)),
            Found::Missing(expr) => Err(Fault::Missing(written(expr))),
        }
    }

    fn found(&mut self, expr: &'a Expr<'a>) -> Step<'a> {
        let found = match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) => self.named(expr),
            Expr::Const(constant) => constant_value(constant).map(Found::made),
            Expr::UnaryOp(unary) => self.unary(unary),
            Expr::BinOp(binary) => self.binary(binary),
            Expr::Compare(compare) => self.compare(compare),
            Expr::IfExpr(choice) => self.choice(choice),
            Expr::Filter(filter) => self.filter(filter),
            Expr::Test(test) => self.test(test),
            Expr::Slice(slice) => self.slice(slice),
            Expr::List(list) => self.list(&list.items),
            Expr::Tuple(tuple) => self.list(&tuple.items),
            Expr::Map(map) => self.map(map),
            Expr::Call(_) => Err(Fault::Refused("templates call no functions and no methods")),
        };
        if found.is_err() && self.failed.is_none() {
            self.failed = Some(expr.span());
        }
        found
    }

    fn named(&mut self, expr: &'a Expr<'a>) -> Step<'a> {
        match self.place(expr)? {
            Place::Data(found) => Ok(found),
            Place::Root(_) | Place::Earlier(..) | Place::Task(_) => {
                Err(Fault::Whole(written(expr)))
            }
        }
    }

    fn place(&mut self, expr: &'a Expr<'a>) -> Result<Place<'a>, Fault> {
        match expr {
            Expr::Var(var) => root(self.scope, var.id),
            Expr::GetAttr(attr) => {
                let place = self.place(&attr.expr)?;
                step(self.scope, place, Key::Name(Cow::Borrowed(attr.name)), expr)
            }
            Expr::GetItem(item) => self.item(item, expr),
            other => self.found(other).map(Place::Data),
        }
    }

    fn item(&mut self, item: &'a GetItem<'a>, expr: &'a Expr<'a>) -> Result<Place<'a>, Fault> {
        let place = self.place(&item.expr)?;
        let computed = !matches!(item.subscript_expr, Expr::Const(_) | Expr::UnaryOp(_));
        if computed && !matches!(place, Place::Data(_)) {
            return Err(Fault::Dynamic(written(&item.expr)));
        }
        if let Place::Data(Found::Value(value)) = &place {
            // The letters of a text are counted to find one.
            self.budget.spend(value.as_str().map_or(0, str::len))?;
        }
        let key = match self.value(&item.subscript_expr)?.into_owned() {
            Value::String(name) => Key::Name(Cow::Owned(name)),
            other => Key::Index(operator::index(&other)?),
        };
        step(self.scope, place, key, expr)
    }

    fn unary(&mut self, unary: &'a UnaryOp<'a>) -> Step<'a> {
        let value = self.value(&unary.expr)?;
        match unary.op {
            UnaryOpKind::Not => Ok(Found::made(!is_true(&value))),
            UnaryOpKind::Neg => operator::negate(&value).map(Found::made),
        }
    }

    fn binary(&mut self, binary: &'a BinOp<'a>) -> Step<'a> {
        let left = self.value(&binary.left)?;
        match binary.op {
            BinOpKind::ScAnd if !is_true(&left) => return Ok(Found::Value(left)),
            BinOpKind::ScOr if is_true(&left) => return Ok(Found::Value(left)),
            BinOpKind::ScAnd | BinOpKind::ScOr => {
                return self.value(&binary.right).map(Found::Value);
            }
            _ => {}
        }
        let right = self.value(&binary.right)?;
        if matches!(binary.op, BinOpKind::Concat) {
            return self.concat(binary, &left, &right);
        }
        operator::binary(binary.op, &left, &right, self.budget).map(Found::made)
    }

    fn concat(&mut self, binary: &BinOp<'_>, left: &Value, right: &Value) -> Step<'a> {
        let mut text = self.text(left, &binary.left)?;
        text.push_str(&self.text(right, &binary.right)?);
        Ok(Found::made(text))
    }

    /// A value as it is written inside a text.
    fn text(&mut self, value: &Value, expr: &Expr<'_>) -> Result<String, Fault> {
        self.budget.spend_on(value)?;
        noctule_executor::Text::of(value)
            .map(|text| text.0)
            .ok_or_else(|| Fault::Nothing(written(expr)))
    }

    fn compare(&mut self, compare: &'a Compare<'a>) -> Step<'a> {
        let mut left = self.value(&compare.expr)?;
        for next in &compare.ops {
            let right = self.value(&next.expr)?;
            let held = operator::binary(comparison(next.op), &left, &right, self.budget)?;
            if is_true(&held) == matches!(next.op, CompareOpKind::NotIn) {
                return Ok(Found::made(false));
            }
            left = right;
        }
        Ok(Found::made(true))
    }

    fn choice(&mut self, choice: &'a IfExpr<'a>) -> Step<'a> {
        if is_true(self.value(&choice.test_expr)?.as_ref()) {
            return self.found(&choice.true_expr);
        }
        match &choice.false_expr {
            Some(otherwise) => self.found(otherwise),
            None => Ok(Found::made(Value::Null)),
        }
    }

    fn list(&mut self, items: &'a [Expr<'a>]) -> Step<'a> {
        let mut list = Vec::new();
        for item in items {
            list.push(self.owned(item)?);
        }
        Ok(Found::made(list))
    }

    fn map(&mut self, map: &'a Map<'a>) -> Step<'a> {
        let mut made = serde_json::Map::new();
        for (key, value) in map.keys.iter().zip(&map.values) {
            let Value::String(key) = self.owned(key)? else {
                return Err(Fault::operand("the keys of an object are text"));
            };
            let value = self.owned(value)?;
            made.insert(key, value);
        }
        Ok(Found::made(made))
    }

    fn owned(&mut self, expr: &'a Expr<'a>) -> Result<Value, Fault> {
        let value = self.value(expr)?;
        self.budget.spend_on(&value)?;
        Ok(value.into_owned())
    }

    fn slice(&mut self, cut: &'a Slice<'a>) -> Step<'a> {
        let value = self.value(&cut.expr)?;
        self.budget.spend_on(&value)?;
        let mut bounds = [None, None, None];
        for (bound, expr) in bounds.iter_mut().zip([&cut.start, &cut.stop, &cut.step]) {
            if let Some(expr) = expr {
                let given = self.value(expr)?;
                *bound = (!given.is_null())
                    .then(|| operator::index(&given))
                    .transpose()?;
            }
        }
        slice(&value, bounds).map(Found::made)
    }

    fn filter(&mut self, call: &'a Filter<'a>) -> Step<'a> {
        let signature = signature(FILTERS, call.name)
            .ok_or_else(|| Fault::operand(format!("there is no filter `{}`", call.name)))?;
        let Some(input) = &call.expr else {
            return Err(Fault::Refused("a filter has an input"));
        };
        let input = self.found(input)?;
        let arguments = self.arguments(signature.bind(&call.args)?)?;
        if call.name == "default" {
            return Ok(default(input, arguments));
        }
        let input = self.settle(input)?;
        filter(call.name, &input, &arguments, self.budget).map(Found::made)
    }

    fn test(&mut self, call: &'a Test<'a>) -> Step<'a> {
        let signature = signature(TESTS, call.name)
            .ok_or_else(|| Fault::operand(format!("there is no test `{}`", call.name)))?;
        let found = self.found(&call.expr)?;
        let defined = matches!(found, Found::Value(_));
        match call.name {
            "defined" => return Ok(Found::made(defined)),
            "undefined" => return Ok(Found::made(!defined)),
            _ => {}
        }
        let value = self.settle(found)?;
        let arguments = self.arguments(signature.bind(&call.args)?)?;
        self.budget.spend(CELL)?;
        test(call.name, &value, &arguments).map(Found::made)
    }

    fn arguments(&mut self, bound: Vec<Option<&'a Expr<'a>>>) -> Result<Arguments<'a>, Fault> {
        let values = bound
            .into_iter()
            .map(|expr| expr.map(|expr| self.value(expr)).transpose());
        values.collect::<Result<_, _>>().map(Arguments)
    }
}

/// A missing field and none give way; what else counts as false only when asked for.
fn default<'a>(input: Found<'a>, mut arguments: Arguments<'a>) -> Found<'a> {
    let also_false = arguments.get(1).is_some_and(is_true);
    let replaced = match &input {
        Found::Value(value) if also_false => !is_true(value),
        found => found.is_none(),
    };
    if replaced {
        return Found::Value(arguments.take(0).unwrap_or(Cow::Owned(Value::Null)));
    }
    input
}

fn comparison(op: CompareOpKind) -> BinOpKind {
    match op {
        CompareOpKind::Eq => BinOpKind::Eq,
        CompareOpKind::Ne => BinOpKind::Ne,
        CompareOpKind::Lt => BinOpKind::Lt,
        CompareOpKind::Lte => BinOpKind::Lte,
        CompareOpKind::Gt => BinOpKind::Gt,
        CompareOpKind::Gte => BinOpKind::Gte,
        CompareOpKind::In | CompareOpKind::NotIn => BinOpKind::In,
    }
}

/// A literal, as JSON.
pub(super) fn constant_value(constant: &Const) -> Result<Value, Fault> {
    let value = &constant.value;
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Some(text) = value.as_str() {
        return Ok(Value::from(text));
    }
    if value.kind() == minijinja::value::ValueKind::Bool {
        return Ok(Value::Bool(value.is_true()));
    }
    number(value).ok_or_else(|| Fault::operand("a number is too large"))
}

fn number(value: &minijinja::Value) -> Option<Value> {
    if value.is_integer() {
        let whole = i128::try_from(value.clone()).ok()?;
        return Number::from_i128(whole).map(Value::Number);
    }
    let real = f64::try_from(value.clone()).ok()?;
    Number::from_f64(real).map(Value::Number)
}

/// The bytes of a span in the whole text.
pub(super) fn bytes(span: Span, offset: usize) -> Range<usize> {
    let (start, end) = (span.start_offset as usize, span.end_offset as usize);
    offset + start..offset + end.max(start)
}
