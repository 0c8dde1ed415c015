//! Tests of the state machine, against a small world of values: no executor, no store, no time but the given one.

mod crash;
mod doubt;
mod fan_out;
mod found;
mod holding;
mod journal;
mod latest;
mod launch;
mod line;
mod replaying;
mod silence;
mod stop;
mod table;
mod tasks;
mod world;
