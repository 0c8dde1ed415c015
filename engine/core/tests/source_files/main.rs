//! Reading project and DAG files, as their writers meet it: good files, and what is said about bad ones.

mod cases;
mod contract;
mod garbage;
mod graphs;
mod load;
mod mistakes;
mod project;
mod run_params;
mod schema;
mod secrets;
mod stand_ins;
mod systems;
mod trigger;
