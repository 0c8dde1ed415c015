//! The project file: settings for all DAGs, overlaid by profile, environment and flags.
//!
//! Guarantees: every effective value says where it came from; secrets appear as references only.
//!
//! Never: reads a file or the environment; both are parameters.

mod access;
mod chain;
mod connection;
mod engine;
mod notify;
mod otel;
mod read;
mod secret;
mod setting;
mod simulator;
mod vars;

use std::collections::BTreeMap;
use std::time::Duration;

use noctule_executor::Connection;
use serde_json::{Map, Value};

use crate::name::ProfileName;

pub use self::access::OidcSettings;
pub use self::chain::FlagSetting;
pub(super) use self::chain::{Chain, effective};
pub use self::notify::{Callbacks, GATHER, Given, Heartbeat, Receiver, Smtp, SmtpTls, Way};
pub use self::otel::Otel;
pub(super) use self::read::{ProjectTree, read};
pub use self::secret::{Secret, SecretOrigin};
pub(super) use self::setting::settings;
pub use self::setting::{Origin, Setting};
pub use self::simulator::{SimulatedJob, SimulatedSecrets};
pub(super) use self::vars::render as render_vars;

/// A project, as it is effective under its profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// The profile; `default` where none is named.
    pub profile: ProfileName,
    /// Where the state lives.
    pub store_url: String,
    /// `[engine]`.
    pub engine: EngineSettings,
    /// `[vars]`.
    pub vars: Map<String, Value>,
    /// `[secrets.*]`.
    pub secrets: BTreeMap<String, Secret>,
    /// `[connections.*]`, `vars` rendered.
    pub connections: BTreeMap<String, Connection>,
    /// `[pools]`: slots by name.
    pub pools: BTreeMap<String, u32>,
    /// `[defaults]`: task keys of every DAG.
    pub defaults: Map<String, Value>,
    /// `[dag_defaults]`: top-level keys of every DAG.
    pub dag_defaults: Map<String, Value>,
    /// `[templates.*]`: tasks to start from.
    pub templates: Map<String, Value>,
    /// `[notify.*]`: who may be told.
    pub notify: BTreeMap<String, Receiver>,
    /// `[simulator.jobs.*]`: what simulated containers do.
    pub simulator: BTreeMap<String, SimulatedJob>,
    /// `[simulator.secrets]`: where simulated vaults have their values from.
    pub simulated_secrets: SimulatedSecrets,
    /// `[executors.*]`: commands of executors out of process.
    pub executors: BTreeMap<String, Vec<String>>,
    /// Every effective value with its origin, by path.
    pub settings: Vec<Setting>,
}

/// `[engine]`.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineSettings {
    /// The folder of DAG files, relative to the project.
    pub dags: String,
    /// Whether the folder is watched.
    pub watch: bool,
    /// How a DAG begins that is seen for the first time.
    pub new_dags: NewDags,
    /// Attempts that may hold a slot at once.
    pub slots: u32,
    /// How long a host of local tasks may be silent before what became of them counts as unknown.
    pub host_lost_after: Duration,
    /// Where the API listens.
    pub listen: String,
    /// The address for links in messages, and the name that the API is asked by from elsewhere.
    pub public_url: Option<String>,
    /// Whoever reaches the loopback address directly is the administrator, and needs no token.
    pub trust_loopback: bool,
    /// The name of the secret with an administrator's token.
    pub bootstrap_token: Option<String>,
    /// `[engine.oidc]`.
    pub oidc: Option<OidcSettings>,
    /// The zone of tables and pages; absent: UTC.
    pub display_timezone: Option<String>,
    /// What is kept, and how long.
    pub retention: Retention,
    /// Who is to notice that this engine no longer works.
    pub heartbeat: Option<Heartbeat>,
    /// How whoever asks for a run is called back.
    pub callbacks: Option<Callbacks>,
    /// Where spans of runs and attempts go.
    pub otel: Option<Otel>,
}

/// `engine.new_dags`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewDags {
    /// Its schedule fires.
    Active,
    /// It waits for `noctule resume`.
    Paused,
}

/// `engine.retention`.
#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    /// Runs that ended well.
    pub runs: Duration,
    /// Runs that did not.
    pub failed: Duration,
    /// Logs.
    pub logs: Duration,
    /// The newest runs of each DAG stay, whatever their age.
    pub keep_last: u32,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            dags: "dags".to_owned(),
            watch: true,
            new_dags: NewDags::Active,
            slots: 16,
            host_lost_after: crate::run::HOST_LOST_AFTER,
            listen: "127.0.0.1:7878".to_owned(),
            public_url: None,
            trust_loopback: true,
            bootstrap_token: None,
            oidc: None,
            display_timezone: None,
            retention: Retention::default(),
            heartbeat: None,
            callbacks: None,
            otel: None,
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        let days = |days: u64| Duration::from_secs(days * 86_400);
        Self {
            runs: days(90),
            failed: days(365),
            logs: days(30),
            keep_last: 20,
        }
    }
}
