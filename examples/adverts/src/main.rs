//! The service as a program, and jobs to try it with.

use std::time::Duration;

use adverts::{AdvertError, Database, Service, Settings};
use clap::{Parser, Subcommand};

/// The service behind the `advert` pipeline.
#[derive(Parser)]
struct Args {
    /// The database.
    #[arg(long, env = "ADVERTS_DATABASE_URL", hide_env_values = true)]
    database: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the ten endpoints and the converter.
    Serve {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:8600")]
        listen: String,
        /// How long a piece of work takes, in milliseconds.
        #[arg(long, default_value_t = 500)]
        delay: u64,
        /// How long a claim is live at most, in milliseconds.
        #[arg(long, default_value_t = 1_800_000)]
        lease: u64,
    },
    /// Make a job whose start condition holds, and print its id.
    Seed {
        /// Its tenant.
        #[arg(long, default_value = "shop-1")]
        tenant: String,
        /// How many variants it has.
        #[arg(long, default_value_t = 3)]
        variants: u32,
    },
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match run(Args::parse()).await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {error}"));
            std::process::ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "a program says what it does")]
fn say(line: &str) {
    eprintln!("{line}");
}

async fn run(args: Args) -> Result<(), AdvertError> {
    let database = Database::open(&args.database).await?;
    match args.command {
        Command::Serve {
            listen,
            delay,
            lease,
        } => {
            let settings = Settings {
                listen,
                delay: Duration::from_millis(delay),
                lease: Duration::from_millis(lease),
            };
            let service = Service::start(&database, settings).await?;
            say(&format!("listening on {}", service.url()));
            service.serve().await;
        }
        Command::Seed { tenant, variants } => {
            let seed = database.seed(&tenant, variants).await?;
            database.release(&seed.job).await?;
            print(&seed.job);
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the id is what was asked for")]
fn print(line: &str) {
    println!("{line}");
}
