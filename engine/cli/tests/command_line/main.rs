//! The real program in real folders: what it prints where, and how it ends.
#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test may panic as the test itself may"
)]

mod admitting;
mod answers;
mod asking_for_help;
mod checking;
mod fan_out;
mod forging;
mod hostile;
mod logging;
mod looking;
mod nights;
mod planning;
mod projects;
mod replaying;
mod secrets;
mod served;
mod simulating;
mod stores;
mod storing;
mod taking;
mod telling;
mod ticks;
mod tonight;
