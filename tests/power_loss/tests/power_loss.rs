//! Power loss at every sync of real workloads: what is acknowledged stays. And the net holds: a store or a disk that does
//! not sync is found out.
//!
//! The long form is `cargo run --release -p noctule-power-loss -- 20000`.

use noctule_power_loss::{Figures, Plan, Plant, PowerError, timed};

fn plan(images: u64, plant: Plant) -> Plan {
    Plan {
        seed: 1,
        images,
        operations: 60,
        every: 3,
        at_each: 4,
        plant,
    }
}

async fn is_found(plant: Plant) {
    let outcome: Result<Figures, PowerError> =
        timed(plan(3_000, plant)).await.map(|(figures, _)| figures);
    assert!(
        matches!(outcome, Err(PowerError::Lost { .. })),
        "{plant:?} was not found: {outcome:?}"
    );
}

#[tokio::test]
async fn every_image_after_a_power_loss_holds_all_that_was_acknowledged() {
    let (figures, took) = timed(plan(400, Plant::Nothing))
        .await
        .expect("no image loses anything");
    println!("{}", figures.line(took));
    figures.enough(400).expect("enough was at stake");
}

#[tokio::test]
async fn a_store_with_synchronous_normal_is_found_out() {
    is_found(Plant::Normal).await;
}

#[tokio::test]
async fn a_store_with_synchronous_off_is_found_out() {
    is_found(Plant::Off).await;
}

#[tokio::test]
async fn a_disk_that_does_not_sync_the_log_is_found_out() {
    is_found(Plant::LogNotSynced).await;
}

#[tokio::test]
async fn a_disk_that_does_not_sync_the_file_is_found_out() {
    is_found(Plant::FileNotSynced).await;
}
