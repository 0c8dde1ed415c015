//! The commands about who may what.

use clap::{Args, Subcommand};
use noctule_web::Role;

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; its secret is printed this once, alone on stdout
    #[command(after_help = "\
viewer looks; operator triggers, retries, cancels, marks, pauses; admin also makes and revokes tokens and reads the audit.
With --dag the token sees and touches those DAGs alone, and nothing that is about all of them.
The store keeps a hash: a secret that is lost cannot be shown again.

Examples:
  noctule token create --role operator --dag 'c8*' --expires 90d --name airflow > token
  noctule token create --role admin")]
    Create(TokenCreateArgs),
    /// List the tokens, newest first, also those that count no more
    List,
    /// Take a token back: no engine takes it from now on
    Revoke(TokenRevokeArgs),
}

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List who is logged in, newest first
    List,
    /// Log somebody out: no engine knows their browser from now on
    #[command(after_help = "\
They may log in again, as long as the provider lets them and a group of theirs has a role.

Examples:
  noctule session end ada@example.com   every session of hers
  noctule session end 3f9a0c12b7de      this one")]
    End(SessionEndArgs),
}

/// Which sessions end.
#[derive(Debug, Args)]
pub(crate) struct SessionEndArgs {
    /// The id of a session, or the name of a person: then all of theirs
    #[arg(value_name = "SESSION|NAME")]
    pub(crate) which: String,
}

/// What a token is to be.
#[derive(Debug, Args)]
pub(crate) struct TokenCreateArgs {
    /// What it may: viewer, operator or admin
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub(crate) role: Role,
    /// A pattern of DAGs that it is limited to, with `*`; several times for several
    #[arg(long = "dag", value_name = "GLOB")]
    pub(crate) dags: Vec<String>,
    /// How long it counts, like 90d [default: until it is revoked]
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<String>,
    /// By which name it is known in lists and in the audit [default: yours, and when]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// Which token is revoked.
#[derive(Debug, Args)]
pub(crate) struct TokenRevokeArgs {
    /// Its id, or its name
    #[arg(value_name = "TOKEN")]
    pub(crate) which: String,
}

/// Which audit events are printed.
#[derive(Debug, Args)]
#[command(after_help = "\
An event is written before its act is done. One without an outcome: nobody lived, or waited, to hear of it.")]
pub(crate) struct AuditArgs {
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Only those before this number: the next page
    #[arg(long, value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) before: Option<i64>,
}

fn role(text: &str) -> Result<Role, String> {
    text.parse()
        .map_err(|error: noctule_core::access::AccessError| error.to_string())
}
