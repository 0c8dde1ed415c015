//! What the containers of a job do: a real command, or whatever a test decides.

use std::time::Duration;

use super::{Ending, JobConfig};

/// What happens when an execution of a job begins.
#[derive(Clone, Debug, PartialEq)]
pub struct JobScript {
    pub(crate) work: Work,
    pub(crate) config: JobConfig,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Work {
    /// The command of the configuration.
    Command,
    /// Waits for the test.
    Held { starts: bool, yields: bool },
    /// Ends by itself.
    Ends { after: Duration, ending: Ending },
}

impl JobScript {
    /// Runs the configured command as a child process.
    pub fn command(config: JobConfig) -> Self {
        JobScript {
            work: Work::Command,
            config,
        }
    }

    /// Starts at once and runs until told how to end; a cancel ends it as cancelled.
    pub fn hold() -> Self {
        JobScript {
            work: Work::Held {
                starts: true,
                yields: true,
            },
            config: JobConfig::default(),
        }
    }

    /// Ends by itself after a time of the runtime's clock; a cancel before that ends it as cancelled.
    pub fn ends(after: Duration, ending: Ending) -> Self {
        JobScript {
            work: Work::Ends { after, ending },
            config: JobConfig::default(),
        }
    }

    /// Ends at once.
    pub fn ends_at_once(ending: Ending) -> Self {
        JobScript::ends(Duration::ZERO, ending)
    }

    /// For `hold`: stays queued until `Simulator::begin`.
    #[must_use]
    pub fn queued(mut self) -> Self {
        if let Work::Held { starts, .. } = &mut self.work {
            *starts = false;
        }
        self
    }

    /// For `hold`: a cancel leaves it cancelling until `Simulator::finish`.
    #[must_use]
    pub fn lingers_when_cancelled(mut self) -> Self {
        if let Work::Held { yields, .. } = &mut self.work {
            *yields = false;
        }
        self
    }

    /// The job's own settings (tasks, retries, environment, container name).
    #[must_use]
    pub fn with(mut self, config: JobConfig) -> Self {
        self.config = config;
        self
    }
}

impl From<JobConfig> for JobScript {
    fn from(config: JobConfig) -> Self {
        JobScript::command(config)
    }
}
