//! `nightly-step STEP`: the stand-in for one container of the nightly conversion.
//!
//! Exits 0 when the step did its work, 1 with one line on stderr when it could not, 2 on a wrong command line.
//! Reads nothing but its environment and the folders named there.

use std::process::ExitCode;

use nightly_step::{Settings, Step, StepError, run};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(name), None) = (args.next(), args.next()) else {
        return complain(
            &format!("usage: nightly-step STEP, one of {}", Step::names()),
            2,
        );
    };
    let Some(step) = Step::named(&name) else {
        return complain(
            &format!("no step is named `{name}`; the steps are {}", Step::names()),
            2,
        );
    };
    match perform(step) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&format!("{}: {error}", step.name()), 1),
    }
}

fn perform(step: Step) -> Result<(), StepError> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    run(step, &settings, &mut std::io::stdout())
}

#[expect(
    clippy::print_stderr,
    reason = "a container says on stderr why it failed"
)]
fn complain(message: &str, code: u8) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(code)
}
