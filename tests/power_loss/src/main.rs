//! The long form: `noctule-power-loss [IMAGES] [SEED]`. Prints its figures; fails where an image or the net does.

use std::process::ExitCode;

use noctule_power_loss::{Plan, Plant, PowerError, timed};

#[tokio::main(flavor = "current_thread")]
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people"
)]
async fn main() -> ExitCode {
    let given: Vec<u64> = std::env::args()
        .skip(1)
        .map_while(|given| given.parse().ok())
        .collect();
    let images = given.first().copied().unwrap_or(20_000);
    let seed = given.get(1).copied().unwrap_or(1);
    println!("seeds from {seed}");
    match campaign(images, seed).await {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn campaign(images: u64, seed: u64) -> Result<String, PowerError> {
    let (operations, at_each, plant) = (80, 6, Plant::Nothing);
    let (figures, took) = timed(Plan {
        seed,
        images,
        operations,
        every: 2,
        at_each,
        plant,
    })
    .await?;
    figures.enough(images)?;
    Ok(figures.line(took))
}
