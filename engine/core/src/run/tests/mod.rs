//! Tests of the state machine, against a small world of values: no executor, no store, no time but the given one.

mod crash;
mod fan_out;
mod holding;
mod launch;
mod line;
mod silence;
mod stop;
mod table;
mod tasks;
mod world;
