//! Templates and expressions: `{{ … }}` in the values of a DAG file, and the judgements `when`, `success`,
//! `skip_when`, `until` and `fail_if`.
//!
//! A template looks up facts of a run ([`Scope`]) and passes them through a fixed set of filters. The file is checked
//! against the names that will be there ([`Known`], [`check_template`], [`check_expression`]); at run time
//! [`render_table`] fills in a table and [`holds`] judges an expression.
//!
//! Guarantees: rendered once, bounded in depth, work and size; every error names what it is about. Never: statements,
//! calls, loops, I/O, or a reference to a secret that does not stand in the file itself.

mod arguments;
mod check;
mod error;
mod evaluate;
mod filter;
mod found;
mod known;
mod limits;
mod mention;
mod moment;
mod operator;
mod piece;
mod place;
mod render;
mod scope;
mod slice;
mod test;

pub use self::check::{TemplateProblem, check_expression, check_template, check_value};
pub use self::error::{Fault, TemplateError};
pub use self::known::{Known, Site};
pub use self::limits::{MAX_LIST, MAX_TABLE, MAX_VALUE};
pub use self::mention::{References, references, references_of_expression, references_of_value};
pub use self::render::{
    holds, render_list, render_table, render_table_except, render_text, render_value,
};
pub use self::scope::{DagScope, Outputs, RunScope, Scope, TaskScope};
