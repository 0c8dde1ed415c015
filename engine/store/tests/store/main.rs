//! What the store promises, each on a real file.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod answers;
mod asks;
mod backfills;
mod bed;
mod births;
mod columns;
mod commits;
mod damage;
mod forgetting;
mod full;
mod groups;
mod leases;
mod messages;
mod opening;
mod places;
mod reading;
mod sample;
mod servers;
mod taking;
mod tenures;
mod transfers;
mod whole;
