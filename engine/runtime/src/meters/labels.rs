//! The labels of the meters.

use prometheus_client::encoding::EncodeLabelSet;

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($label:ident: $of:ty),* })*) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(crate) struct $name {
            $(pub(crate) $label: $of),*
        })*
    };
}

labels! {
    /// A run was made.
    RunCreated { dag: String, trigger: &'static str }
    /// A round ended.
    RunEnded { dag: String, state: &'static str }
    /// A launch came so far.
    LaunchStep { executor: String, step: &'static str }
    /// An attempt ended; the class is empty where it did not fail.
    AttemptEnded { executor: String, state: String, class: &'static str }
    /// A poll was answered.
    Polled { executor: &'static str, outcome: &'static str }
    /// A commit was tried.
    Written { outcome: &'static str }
    /// A write was refused.
    RefusedWrite { kind: &'static str }
    /// Live runs.
    RunState { state: &'static str }
    /// Their task runs.
    TaskRunState { executor: String, state: &'static str }
    /// Messages of the outbox.
    MessageState { state: &'static str }
    /// A sending of a message.
    Sending { outcome: &'static str }
    /// A listener of a connection.
    OfListener { connection: String, mode: &'static str }
    /// Spans.
    SpanFate { outcome: &'static str }
    /// A pool.
    OfPool { pool: String }
}
