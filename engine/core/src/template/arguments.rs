//! The filters and tests that exist, and how their arguments are given.

use std::borrow::Cow;

use minijinja::machinery::ast::{CallArg, Expr};
use serde_json::Value;

use super::error::{Fault, kind};

/// A filter or test: its name and its arguments.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    /// How many of the arguments are needed.
    required: usize,
    arguments: &'static [&'static str],
    /// Arguments are given by name alone.
    named_only: bool,
}

const fn takes(
    name: &'static str,
    required: usize,
    arguments: &'static [&'static str],
) -> Signature {
    Signature {
        name,
        required,
        arguments,
        named_only: false,
    }
}

/// The units of `add`, in the order of its arguments.
pub(super) const UNITS: &[&str] = &["minutes", "hours", "days", "weeks", "months"];

/// All filters.
pub(super) const FILTERS: &[Signature] = &[
    Signature {
        name: "add",
        required: 0,
        arguments: UNITS,
        named_only: true,
    },
    takes("date", 1, &["format", "tz"]),
    takes("default", 1, &["default_value", "boolean"]),
    takes("join", 0, &["separator"]),
    takes("json", 0, &[]),
    takes("length", 0, &[]),
    takes("lower", 0, &[]),
    takes("replace", 2, &["from", "to"]),
    takes("split", 0, &["separator"]),
    takes("start_of", 1, &["unit", "tz"]),
    takes("upper", 0, &[]),
];

/// All tests.
pub(super) const TESTS: &[Signature] = &[
    takes("boolean", 0, &[]),
    takes("defined", 0, &[]),
    takes("endingwith", 1, &["text"]),
    takes("false", 0, &[]),
    takes("float", 0, &[]),
    takes("integer", 0, &[]),
    takes("mapping", 0, &[]),
    takes("none", 0, &[]),
    takes("number", 0, &[]),
    takes("sequence", 0, &[]),
    takes("startingwith", 1, &["text"]),
    takes("string", 0, &[]),
    takes("true", 0, &[]),
    takes("undefined", 0, &[]),
];

/// The filter or test of a name.
pub(super) fn signature(list: &'static [Signature], name: &str) -> Option<&'static Signature> {
    list.iter().find(|signature| signature.name == name)
}

impl Signature {
    /// The expressions of the arguments, in the order of the signature.
    pub(super) fn bind<'a>(
        &self,
        given: &'a [CallArg<'a>],
    ) -> Result<Vec<Option<&'a Expr<'a>>>, Fault> {
        let mut bound = vec![None; self.arguments.len()];
        for (index, argument) in given.iter().enumerate() {
            let (slot, expr) = self.slot(index, argument)?;
            let held = bound
                .get_mut(slot)
                .ok_or_else(|| Fault::operand(format!("`{}` has too many arguments", self.name)))?;
            if held.replace(expr).is_some() {
                return Err(self.twice(slot));
            }
        }
        match bound.iter().take(self.required).position(Option::is_none) {
            Some(slot) => Err(Fault::operand(format!(
                "`{}` needs its argument `{}`",
                self.name, self.arguments[slot]
            ))),
            None => Ok(bound),
        }
    }

    fn slot<'a>(
        &self,
        index: usize,
        argument: &'a CallArg<'a>,
    ) -> Result<(usize, &'a Expr<'a>), Fault> {
        match argument {
            CallArg::Pos(_) if self.named_only => Err(Fault::operand(format!(
                "the arguments of `{}` are named: {}",
                self.name,
                self.arguments.join(", ")
            ))),
            CallArg::Pos(expr) => Ok((index, expr)),
            CallArg::Kwarg(name, expr) => {
                let slot = self.arguments.iter().position(|known| known == name);
                let slot = slot.ok_or_else(|| {
                    Fault::operand(format!("`{}` has no argument `{name}`", self.name))
                })?;
                Ok((slot, expr))
            }
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => Err(Fault::Refused(
                "templates have no unpacked arguments `*` and `**`",
            )),
        }
    }

    fn twice(&self, slot: usize) -> Fault {
        Fault::operand(format!(
            "`{}` has its argument `{}` twice",
            self.name, self.arguments[slot]
        ))
    }
}

/// The values of arguments, in the order of the signature; `None` where not given.
pub(super) struct Arguments<'a>(pub(super) Vec<Option<Cow<'a, Value>>>);

impl<'a> Arguments<'a> {
    /// An argument, none counting as not given.
    pub(super) fn get(&self, index: usize) -> Option<&Value> {
        let value = self.0.get(index)?.as_deref()?;
        (!value.is_null()).then_some(value)
    }

    /// An argument that is text.
    pub(super) fn text(&self, index: usize) -> Result<Option<&str>, Fault> {
        let Some(value) = self.get(index) else {
            return Ok(None);
        };
        value
            .as_str()
            .map(Some)
            .ok_or_else(|| Fault::operand(format!("an argument must be text, not {}", kind(value))))
    }

    /// Takes an argument out.
    pub(super) fn take(&mut self, index: usize) -> Option<Cow<'a, Value>> {
        self.0.get_mut(index)?.take()
    }
}
