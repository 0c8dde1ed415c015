//! Project and DAG files: from TOML text to definitions, or to every problem in the files.
//!
//! A project file is laid out by its profile, the environment and flags ([`Project`], with the origin of each value); a
//! DAG file is laid over the project's defaults and checked against it and against the executors ([`load_project`]).
//!
//! Guarantees: reading never stops at the first problem, and each problem has its place; text of any kind, however
//! broken, large or deep, gives diagnostics and no panic; what comes out is free of problems.
//!
//! Never: reads a file, the environment or a clock; runs anything that stands in a file.

mod dag;
mod diagnostic;
mod excerpt;
mod fields;
mod links;
mod load;
mod merge;
mod project;
mod report;
mod run_params;
mod schema;
mod suggest;
mod tree;

pub use self::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub use self::load::{FileText, Inputs, Loaded, LoadedDag, load_project};
pub use self::project::{
    Callbacks, EngineSettings, FlagSetting, GATHER, Given, Heartbeat, NewDags, OidcSettings,
    Origin, Otel, Project, Receiver, Retention, Secret, SecretOrigin, Setting, SimulatedJob,
    SimulatedSecrets, Smtp, SmtpTls, Way,
};
pub use self::run_params::{ParamProblem, resolve_params};
pub use self::schema::{dag_schema, project_schema};
